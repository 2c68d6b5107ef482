// PartitionRepair: one partition's files in a repair (repair.h). open -> redo of journal entries ->
// plan -> save_floor -> apply. Blocking, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/checkpoint.h"
#include "storage/journal_format.h"
#include "storage/kept_aside.h"
#include "storage/repair.h"
#include "storage/segment_scan.h"

namespace duolog::storage {

class PartitionRepair {
 public:
  // Nothing when there is no such directory, or it is a deleted topic's.
  [[nodiscard]] static Result<std::optional<PartitionRepair>> open(
      Files& files, const RepairInput& input, const RepairPartition& partition);
  ~PartitionRepair();
  PartitionRepair(PartitionRepair&& other) noexcept;
  PartitionRepair& operator=(PartitionRepair&&) = delete;

  [[nodiscard]] const RepairPartition& partition() const { return partition_; }

  // Writes a redo entry's bytes where they belong. Empty, or why it cannot be: it is given up.
  [[nodiscard]] Result<std::string> redo(const JournalEntry& entry);
  // After all of them: adds what is to be done.
  [[nodiscard]] Result<void> plan(LeaderEpoch max_epoch, std::vector<RepairItem>& items);

  // Before the journals are emptied: what they wrote is flushed, and what they vouch for is the
  // log's floor.
  [[nodiscard]] Result<void> save_floor(KeptAside& aside);
  [[nodiscard]] Result<void> apply(KeptAside& aside, Catalog& catalog);

 private:
  struct SegmentFile {
    Offset base_offset;
    FileId file = kNoFile;  // open once it was redone into
    std::uint64_t size_bytes = 0;
    std::uint64_t redo_end = 0;
    std::uint64_t whole_end = 0;
    bool grown = false;      // the journal had what was cut off the file
    bool has_index = false;  // one of its files is there
    bool sealed = false;     // `.index` is, and there is a later segment
    bool compacted = false;  // it has been cleaned: offsets may be missing in it
    bool last = false;       // of those that are kept
    bool rewrite_index = false;
    SegmentScan scan;
  };

  PartitionRepair(Files& files, RepairPartition partition)
      : files_(&files), partition_(std::move(partition)) {}
  [[nodiscard]] Result<void> list();
  [[nodiscard]] Result<void> touch(SegmentFile& segment);
  void close_files();
  [[nodiscard]] std::string path(Offset base, const char* suffix = ".log") const;
  [[nodiscard]] bool below_start(std::size_t segment) const;
  [[nodiscard]] bool was_cleaned(Offset segment) const;
  [[nodiscard]] Result<bool> holds_a_batch(const SegmentFile& segment);
  [[nodiscard]] Result<std::size_t> count_kept();
  void plan_start(std::vector<RepairItem>& items);
  [[nodiscard]] Result<void> plan_segment(std::size_t n, ScanState& state,
                                          std::vector<RepairItem>& items);
  [[nodiscard]] std::vector<BatchStart> unsure_starts(const std::string& file);
  void plan_holes(const SegmentFile& segment, std::vector<RepairItem>& items) const;
  [[nodiscard]] RepairItem item(RepairKind kind, std::string file) const;
  [[nodiscard]] Result<void> begin_before(const SegmentFile& segment);
  [[nodiscard]] Result<void> replace(const SegmentFile& segment, KeptAside& aside);
  [[nodiscard]] Result<void> cut_to_size(const SegmentFile& segment);
  [[nodiscard]] Result<void> replace_index(const SegmentFile& segment, KeptAside& aside);

  Files* files_;
  RepairPartition partition_;
  std::vector<SegmentFile> segments_;  // by base offset
  std::optional<Checkpoint> checkpoint_;
  bool checkpoint_there_ = false;
  bool checkpoint_wrong_ = false;  // its file is damaged, or it names what is no batch
  bool metadata_wrong_ = false;
  Offset floor_;
  Offset start_;         // as it is to be
  Offset end_;           // of the log
  bool redone_ = false;  // a journal names it
};

}  // namespace duolog::storage

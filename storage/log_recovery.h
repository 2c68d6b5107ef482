// LogRecovery: one partition's files, from what a crash left to a log that can be written again.
//
// open -> redo of every journal entry that names it, in order -> finish. Blocking, at start.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/batch_walker.h"
#include "storage/checkpoint.h"
#include "storage/disk.h"
#include "storage/journal_format.h"
#include "storage/producer_state.h"
#include "storage/recovered_log.h"

namespace duolog::storage {

class LogRecovery {
 public:
  // Nothing when the partition has no segment and had none. What an unfinished creation left, and
  // segments below the log's start, are no part of it; those that the checkpoint does not cover are
  // left to LogStore.
  [[nodiscard]] static Result<std::optional<LogRecovery>> open(Files& files, std::string directory,
                                                               Offset start);
  ~LogRecovery();
  LogRecovery(LogRecovery&& other) noexcept;
  LogRecovery& operator=(LogRecovery&&) = delete;

  // Writes a redo entry's bytes where they belong; checks an extent's hash. kCorrupt when the
  // extent, which was flushed, is not there.
  [[nodiscard]] Result<void> redo(const JournalEntry& entry);

  // Finds the end of the log and flushes what is before it; removes what `open` found to be no part
  // of it. The journal may then be forgotten. An error: no file has been removed or cut.
  [[nodiscard]] Result<RecoveredLog> finish();
  // Cuts off what is beyond the end, flushed. Only once the journals are empty: their entries may
  // reach into what is cut.
  [[nodiscard]] Result<void> cut();

  // Before the journals are forgotten: saves where the log ends, as its floor. If there was much to
  // walk, and if there are producers whose batches may be in none but earlier segments, the next
  // start begins there. A full disk must not stop this one: then all stays as it was.
  [[nodiscard]] Result<void> save_checkpoint(const RecoveredLog& log);
  // After `cut`: where the next start is to begin, if that had to wait for it.
  [[nodiscard]] Result<void> save_due_checkpoint(const RecoveredLog& log);

  // After `finish`: all was durable, and nothing has to be cut, removed or flushed.
  [[nodiscard]] bool settled() const { return settled_; }
  // The segment that the checkpoint on disk names now; -1: there is none that can be used.
  [[nodiscard]] Offset saved_segment() const { return saved_segment_; }
  [[nodiscard]] std::uint64_t walked_bytes() const { return walked_bytes_; }
  [[nodiscard]] std::uint64_t cut_bytes() const { return cut_bytes_; }

 private:
  struct SegmentFile {
    Offset base_offset;
    FileId file = kNoFile;         // open once it was touched
    std::uint64_t size_bytes = 0;  // of the file
    std::uint64_t redo_end = 0;    // the journal's bytes for it end here
    std::uint64_t whole_end = 0;   // batches below this were durable
    std::uint64_t end = 0;         // of its last whole batch, once it was walked
    bool sealed = false;           // its size is exact
    bool compacted = false;        // it has been cleaned: offsets may be missing in it
  };
  LogRecovery(Files& files, std::string directory, Offset start);
  void begin_at_checkpoint(RecoveredLog& log);
  [[nodiscard]] std::string path(const SegmentFile& segment) const;
  // Nobody reads it any more. It may be gone, and is walked only for its producers.
  [[nodiscard]] bool below_start(Offset segment) const;
  // A segment that had its file was cleaned, or became part of one that was.
  [[nodiscard]] bool was_cleaned(Offset segment) const;
  void begin_after_gap(RecoveredLog& log, Offset segment);
  [[nodiscard]] Result<void> touch(SegmentFile& segment);
  [[nodiscard]] Result<void> check_extent(const SegmentFile& segment, const JournalEntry& entry);
  [[nodiscard]] Result<void> walk(SegmentFile& segment, RecoveredLog& log);
  [[nodiscard]] static bool accept(const BatchWalker& walker, const SegmentFile& segment,
                                   const RecoveredLog& log);
  void note(const BatchWalker& walker, const SegmentFile& segment, RecoveredLog& log);
  [[nodiscard]] Result<bool> holds_a_batch(SegmentFile& segment);
  [[nodiscard]] Result<bool> drop_from(Offset offset);
  [[nodiscard]] Result<void> check_floor(const RecoveredLog& log) const;
  void leave_out_below_start(const std::set<std::string>& names);
  [[nodiscard]] Result<void> remove_left_out();
  [[nodiscard]] Result<void> count_cut(SegmentFile& segment, std::uint64_t from);
  // Whether a segment before this one is still to be cut.
  [[nodiscard]] bool has_uncut(Offset before) const;
  [[nodiscard]] Result<void> write_checkpoint_of(const RecoveredLog& log, bool anew);
  void begin_at_start(RecoveredLog& log);
  [[nodiscard]] bool is_settled(const RecoveredLog& log) const;
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<void> read_last_block(RecoveredLog& log);
  [[nodiscard]] std::unexpected<Error> corrupt(const SegmentFile& segment, std::uint64_t position,
                                               const std::string& what) const;

  Files* files_;
  std::string directory_;
  Offset start_;
  std::map<Offset, SegmentFile> segments_;
  std::map<Offset, SegmentFile> dropped_;  // beyond the end and empty, or below the start
  std::vector<std::string> left_out_;      // files that are no part of the log
  bool stale_index_ = false;               // of the segment that is active again
  std::optional<Checkpoint> checkpoint_;   // while it fits what is there
  Offset floor_;                           // records below it were flushed
  // As of the last batch that was walked. Not in the object, which moves.
  std::unique_ptr<Producers> all_producers_;
  std::unique_ptr<ProducerTable> producers_;
  bool settled_ = false;
  bool checkpoint_due_ = false;
  Offset saved_segment_{-1};
  std::uint64_t walked_bytes_ = 0;
  std::uint64_t cut_bytes_ = 0;  // that were written
};

}  // namespace duolog::storage

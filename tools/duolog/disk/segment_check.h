// SegmentCheck: one segment file, from its first batch to its end.
//
// Reads like recovery and like consumers do: headers, CRCs, contiguous offsets, leader epochs that
// do not go back, and every record of every batch, inflated. Behind damage it goes on with the next
// batch that is good. One thread; holds a batch and what it inflates to, at most
// storage::kMaxInflatedBytes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/batch_walker.h"
#include "storage/disk.h"
#include "storage/record_batch.h"
#include "tools/duolog/disk/finding.h"

namespace duolog::tools {

// A place that something else in the directory says is the start of a batch.
struct ExpectedStart {
  std::uint64_t position = 0;
  Offset offset;
  std::string file;  // that says so
};

// What must be there. Beyond it, what is not whole was never acknowledged.
struct SegmentBounds {
  Offset base_offset;
  std::uint64_t size_bytes = 0;      // of the file that is to be looked at
  std::uint64_t whole_position = 0;  // whole batches up to here ...
  Offset whole_offset;               // ... and up to this offset
  bool compacted = false;            // it has been cleaned: offsets may be missing in it
  bool growing = false;              // a server is writing to it
};

class SegmentCheck {
 public:
  // `read` is told of bytes as they are done with.
  SegmentCheck(storage::Files& files, VerifyCounts& counts, std::function<void(std::uint64_t)> read)
      : files_(files), counts_(counts), read_(std::move(read)) {}

  // Findings have the file and no topic. `starts` are by position. kNotFound: the file is gone.
  [[nodiscard]] Result<void> run(const std::string& path, const SegmentBounds& bounds,
                                 std::vector<ExpectedStart> starts, std::vector<Finding>& findings);

  // Of the last run: the offset after its last good batch.
  [[nodiscard]] Offset end() const { return next_; }
  // Leader epochs go on from segment to segment; a new log begins without any.
  void begin_log() { epoch_ = LeaderEpoch(-1); }

 private:
  using Step = storage::BatchWalker::Step;

  [[nodiscard]] Result<bool> walk(std::uint64_t from);
  void count_unacked(std::uint64_t from);
  [[nodiscard]] bool take(const storage::BatchHeader& header, Bytes batch, std::uint64_t position);
  void look_inside(const storage::BatchHeader& header, Bytes batch, std::uint64_t position);
  void pass_starts(std::uint64_t position, Offset offset);
  [[nodiscard]] Result<bool> stop_at(std::uint64_t position, const std::string& what);
  [[nodiscard]] Result<std::optional<std::uint64_t>> next_good(std::uint64_t position);
  [[nodiscard]] bool is_good_at(std::uint64_t position);
  [[nodiscard]] bool turns_good(std::uint64_t position);
  void add(const char* kind, std::uint64_t position, Offset first, Offset last, std::string what);

  storage::Files& files_;
  VerifyCounts& counts_;
  std::function<void(std::uint64_t)> read_;
  Buffer inflated_;
  LeaderEpoch epoch_{-1};

  std::string path_;
  SegmentBounds bounds_;
  std::vector<ExpectedStart> starts_;
  std::size_t next_start_ = 0;
  std::vector<Finding>* findings_ = nullptr;
  storage::FileId file_ = storage::kNoFile;
  Offset next_;
  std::uint64_t resume_at_ = 0;          // where the walk goes on
  std::optional<Finding> open_finding_;  // its last offset is known at the next good batch
};

}  // namespace duolog::tools

// scan_segment: where a segment's file is not what was appended, for a repair.
//
// Unlike a reader (batch_check.h), it has the whole log before it: it knows at which offset the
// next segment begins, up to which offset records were flushed, and which leader epochs there can
// be. So what a batch's CRC does not cover (base offset, length, leader epoch) can be put right
// when the rest is whole, but for a segment that has been cleaned, where nothing says which offset
// is the next. Behind what is damaged it goes on where a reader does: where the length says, or at
// the next start that the index or a checkpoint knows (of a damaged index, where a good batch is).
// Bytes are not searched for what looks like a batch: those of a record are a client's.
//
// Reads only. Blocking, one thread. Memory: a batch, and what is damaged.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/segment_index.h"

namespace duolog::storage {

inline constexpr Offset kNoOffset{-1};
inline constexpr Offset kNoLimit{std::numeric_limits<std::int64_t>::max()};

// What is asked of a segment.
struct SegmentClaims {
  std::string path;
  Offset base_offset;
  std::uint64_t whole_position = 0;  // whole batches up to here, or they are damaged ...
  Offset whole_offset;               // ... and up to this offset
  Offset limit = kNoLimit;           // the next segment's base offset
  bool compacted = false;            // it has been cleaned: offsets may be missing in it
  std::vector<BatchStart> starts;    // by position: what an index or a checkpoint says
  bool starts_are_sure = true;       // no: it may be damaged; only where there is a good batch
};

// What the log's batches before the segment end with, and what no leader epoch is above. The
// timestamp of none is old, not unknown: retention waits for a segment whose age it cannot tell.
struct ScanState {
  LeaderEpoch epoch{0};
  Timestamp timestamp{0};
  LeaderEpoch max_epoch{std::numeric_limits<std::int32_t>::max()};
};

// Bytes that are not what was appended.
struct Hole {
  std::uint64_t from = 0;  // in the file
  std::uint64_t to = 0;    // may be `from`: offsets are missing there
  Offset first;            // that is lost; `end` if none is
  Offset end;              // behind the last one
  bool end_known = true;   // no: nothing says how many were lost, at least this
  std::string why;
  std::vector<std::uint8_t> instead;  // what takes the place of these bytes

  [[nodiscard]] bool loses() const { return first < end; }
};

struct SegmentScan {
  std::vector<Hole> holes;       // by position
  std::uint64_t size_bytes = 0;  // of the file
  std::uint64_t end = 0;         // where the log's batches end in the file; behind a hole, its end
  Offset end_offset;
  bool starts_fit = true;  // each of `starts` is one, or lies in a hole
};

// Errors: kIo, kNotFound.
[[nodiscard]] Result<SegmentScan> scan_segment(Files& files, SegmentClaims claims,
                                               ScanState& state);

// The file as it is to be: batches with what takes the place of holes. Written to `path` + ".tmp",
// flushed. Errors: kNoSpace, kIo, kUnflushed.
[[nodiscard]] Result<void> write_mended(Files& files, const std::string& path,
                                        const SegmentScan& scan);

}  // namespace duolog::storage

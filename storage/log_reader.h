// Reading a log, from any shard.
//
// Nothing here waits. What is in memory is returned as slices of it, valid until the calling
// shard's next quiescent point; what is not is named in a `Cold`, for `warm_up` to fetch on a
// janitor, after which the same call is made again. Readers see whole batches below the high
// watermark.
//
// The log's start may move on at any time, and the segments below it leave; so do those that have
// been cleaned. A reader's position may then be in one that has left: within the turn it was found
// in, and for as long as a SegmentPin keeps it, it can still be read; later it is kOutOfRange, and
// the reader seeks again, by the offset that comes next.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include <sys/uio.h>

#include "engine/base/buffer.h"
#include "storage/disk.h"
#include "storage/log.h"
#include "storage/record_batch.h"

namespace duolog::storage {

enum class ReadStatus : std::uint8_t {
  kOk,
  kCold,        // not in memory: warm it up and ask again
  kCorrupt,     // damaged on disk
  kOutOfRange,  // before the log's start, beyond the high watermark, or cleaned away: seek again
};

// A place in a segment that a reader needs in memory.
struct Cold {
  Segment* segment = nullptr;
  std::uint64_t at = 0;
};

// Fetches what a reader needs, and some of what follows, then runs `done` on this shard (also when
// that failed: the reader asks again and finds out). In the turn in which `cold` was returned.
void warm_up(Disk& disk, const Cold& cold, std::move_only_function<void(Result<void>)> done);

// Keeps the segment of a half-sent response from going, wherever the log's start moves to. Whoever
// holds one has a limit on how long, however the peer reads.
class SegmentPin {
 public:
  SegmentPin() = default;
  explicit SegmentPin(Segment* segment) : segment_(segment) {
    if (segment_) segment_->pins.fetch_add(1, std::memory_order_relaxed);
  }
  SegmentPin(SegmentPin&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
  SegmentPin& operator=(SegmentPin&& other) noexcept {
    release();
    segment_ = std::exchange(other.segment_, nullptr);
    return *this;
  }
  ~SegmentPin() { release(); }
  void release() {
    if (segment_) segment_->pins.fetch_sub(1, std::memory_order_release);
    segment_ = nullptr;
  }
  [[nodiscard]] bool holds() const { return segment_ != nullptr; }

 private:
  Segment* segment_ = nullptr;
};
// Pins the segment of `position` and with it those behind it; nothing when it has gone already.
// Only of what was at or above the log's start in this turn: then it is found until the pin is
// released.
[[nodiscard]] SegmentPin pin(const Log& log, Position position);

struct Sought {
  ReadStatus status = ReadStatus::kOk;
  // Of the batch that holds the offset; the high watermark's for its offset. kCorrupt: of the
  // damaged one.
  Position position;
  Cold cold;
};
// Finds the batch that holds `offset`, or the next one if compaction removed it. Damaged batches
// before it are passed over; kCorrupt when it is one itself.
[[nodiscard]] Sought seek(const Log& log, Offset offset);

struct TimeSought {
  ReadStatus status = ReadStatus::kOk;
  bool found = false;
  Position position;  // of the first batch with a record at or after the timestamp
  Cold cold;
};
// Finds the first batch, at or after `from`, whose latest record is at or after `timestamp`. What
// is damaged is passed over.
[[nodiscard]] TimeSought seek_time(const Log& log, Timestamp timestamp, Position from);
// Finds the batch that has the log's latest timestamp (ListOffsets -3), of those that can be read.
// `found` is false in an empty log.
[[nodiscard]] TimeSought seek_max_timestamp(const Log& log);

struct Slices {
  ReadStatus status = ReadStatus::kOk;
  std::size_t count = 0;         // of `out` that were filled
  std::uint64_t size_bytes = 0;  // their sum
  Position from;  // where they begin: what was asked for, or the same by another name
  Position next;  // the first byte behind them
  Cold cold;      // kCold: needed. kOk: where reading will be cold soon, if segment is set
};
// Slices of whole batches from `from` (the start of a batch) on: as many as fit into `max_bytes`
// and `out`, but always the first, if `first_whole`, however large it is. kOk with nothing: caught
// up, or the first is larger than allowed. Slices end with a segment, and before a damaged batch.
[[nodiscard]] Slices read(const Log& log, Position from, std::uint64_t max_bytes, bool first_whole,
                          std::span<iovec> out);
// Slices of exactly [from, to), which lies within one segment: what is left of an earlier `read`.
// kOutOfRange when that segment has gone.
[[nodiscard]] Slices read_exactly(const Log& log, Position from, Position to, std::span<iovec> out);

struct BatchRead {
  ReadStatus status = ReadStatus::kOk;
  BatchHeader header;
  Bytes bytes;    // the whole batch: in place, or in `scratch` if it straddles chunks
  Position next;  // of the batch behind it
  Cold cold;
  // kCorrupt: the first offset that is lost, and the one behind the last, where `next` is. -1:
  // where it goes on is not known.
  Offset damaged{-1};
  Offset damaged_end{-1};
};
// The batch at `position`, below the high watermark.
[[nodiscard]] BatchRead read_batch(const Log& log, Position position, Buffer& scratch);
// Its header only; `bytes` is empty.
[[nodiscard]] BatchRead read_batch_header(const Log& log, Position position);

// The end of the given leader epoch (KIP-320): the largest epoch not after it, and the offset where
// the next one begins, or the high watermark. {-1, -1} when the log has no such epoch.
struct EpochEnd {
  LeaderEpoch epoch{-1};
  Offset end{-1};
};
[[nodiscard]] EpochEnd end_of_epoch(const Log& log, LeaderEpoch epoch, LeaderEpoch current);

}  // namespace duolog::storage

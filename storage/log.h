// Log: one partition's records, as a run of segments.
//
// One writer, its owner shard, through LogStore. Every other shard reads the published ends and
// the segment table, and never asks the owner. What a reader finds (a table, a segment, memory of
// a tail) stays valid until the reading shard's next quiescent point. Bytes below a published
// position never change.
//
//            start                    high watermark   durable    appended
//   leaving ---|---- sealed segments ----|--- active segment ---|----|
//                                        |<- consumers see up to here
//
// The start moves forward only. A segment that is wholly below it leaves: its file stays for a
// while, and for as long as somebody pins it (log_reader.h), and then goes. A segment that has been
// cleaned (cleaner/) leaves as well, and another one is in its place.
//
// A position names the same byte for as long as the log is open: a cleaned segment has positions of
// its own, below all that were given before. So they grow with the offsets where nothing was
// cleaned only; who has read a segment to its end goes on through SegmentTable::place.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/options.h"
#include "storage/segment.h"

namespace duolog::storage {

struct LogIdentity {
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  std::string directory;  // of the partition's files
};

// Where a log begins, new or as it was found: below it is room for the positions of what is
// cleaned.
inline constexpr Position kFirstPosition{std::uint64_t{1} << 62};

// The end of a run of whole batches: the next record's offset, and the byte where it would begin.
struct LogEnd {
  Offset offset;
  Position position;
  auto operator<=>(const LogEnd&) const = default;
};

// A LogEnd that one thread publishes. The offset that goes with a position may be newer than the
// position, never older, so a reader never sees a record beyond the offset it reports.
class PublishedEnd {
 public:
  void publish(LogEnd end) {
    offset_.store(end.offset.value, std::memory_order_release);
    position_.store(end.position.value, std::memory_order_release);
  }
  [[nodiscard]] LogEnd load() const {
    const Position position(position_.load(std::memory_order_acquire));
    return {Offset(offset_.load(std::memory_order_acquire)), position};
  }
  // The same, ordered after every earlier store of this thread: the last look before sleeping.
  [[nodiscard]] Position position_seq_cst() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return Position(position_.load(std::memory_order_seq_cst));
  }

 private:
  std::atomic<std::int64_t> offset_{0};
  std::atomic<std::uint64_t> position_{kFirstPosition.value};
};

// Segments by base offset, immutable. The last one is active (there is none before the first
// append).
struct SegmentTable {
  std::vector<Segment*> segments;
  // Wholly below the log's start, or cleaned and replaced: no part of the log any more, but bytes
  // of them may be half sent to somebody.
  std::vector<Segment*> leaving;
  // All of them, by position: sort() once both are as they should be.
  std::vector<Segment*> by_position;
  void sort();

  // The segment that holds the byte at a position, or would be appended to there, be it leaving,
  // and where in its file; behind the last byte of a sealed one, the beginning of the next. Null
  // when that has gone: what was to be read there is found again by its offset.
  struct Place {
    Segment* segment = nullptr;
    std::uint64_t at = 0;
  };
  [[nodiscard]] Place place(Position position) const;
  [[nodiscard]] Segment* at(Position position) const { return place(position).segment; }
  // The segment of the log that holds the offset, or would be appended to there; the first one for
  // what is before it; null when there is none.
  [[nodiscard]] Segment* at(Offset offset) const;
  // The one behind a segment of the log; null for the last one, and for one that is leaving.
  [[nodiscard]] Segment* after(const Segment& segment) const;
};

// How much of the log, which ends at `end`, is in a segment of its table, and in all of them.
[[nodiscard]] std::uint64_t size_bytes(const SegmentTable& table, const Segment& segment,
                                       LogEnd end);
[[nodiscard]] std::uint64_t size_bytes(const SegmentTable& table, LogEnd end);

// Where each leader epoch began: KIP-101's leader epoch history, oldest first.
struct EpochStart {
  LeaderEpoch epoch;
  Offset start;
};
using EpochHistory = std::vector<EpochStart>;
// Without the epochs that ended at or before `start`.
[[nodiscard]] EpochHistory history_from(const EpochHistory& epochs, Offset start);

struct Tail;

class Log {
 public:
  explicit Log(LogIdentity identity);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  const LogIdentity identity;
  Tail* tail = nullptr;     // the owner's: how far writing has come
  void* context = nullptr;  // the broker's partition; set before the log is shared
  // Recovery could not open it: it takes no appends, and what its offsets say is not so. Set before
  // the log is shared, and so until the next start.
  bool offline = false;

  // ---- Any shard -------------------------------------------------------------------------------

  [[nodiscard]] LogEnd appended() const { return appended_.load(); }
  [[nodiscard]] LogEnd high_watermark() const { return high_watermark_.load(); }
  [[nodiscard]] Position high_watermark_position_seq_cst() const {
    return high_watermark_.position_seq_cst();
  }
  [[nodiscard]] Offset start_offset() const {
    return Offset(start_.load(std::memory_order_acquire));
  }
  [[nodiscard]] const SegmentTable& segments() const {
    return *segments_.load(std::memory_order_acquire);
  }
  [[nodiscard]] const EpochHistory& epochs() const {
    return *epochs_.load(std::memory_order_acquire);
  }
  // True once the log takes no more appends (its topic is deleted).
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  friend struct Tail;  // the owner's side
  PublishedEnd appended_;
  PublishedEnd high_watermark_;
  std::atomic<std::int64_t> start_{0};
  std::atomic<const SegmentTable*> segments_;
  std::atomic<const EpochHistory*> epochs_;
  std::atomic<bool> closed_{false};
};

}  // namespace duolog::storage

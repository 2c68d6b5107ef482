// What of a log could be cleaned, and whether that is worth it: Kafka's LogCleanerManager.
//
//   start        first dirty               end
//     |---- clean ----|------- dirty --------|---- not yet: active, not visible, too young ----
#pragma once

#include <cstdint>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

class Segment;
struct Tail;

// What is known of a log's cleaning. The owner shard's; part of its Tail.
struct Cleaned {
  bool known = false;         // the rest has been read from disk
  bool stuck = false;         // a swap was not finished: the next start does it
  std::int64_t retry_ms = 0;  // not before: it has failed; of a clock that nobody sets
  Offset first_dirty;
  std::int64_t cleaned_ms = 0;  // the time of day of the last cleaning; 0: never
};

struct Dirty {
  Offset from;
  Offset end;
  std::uint64_t clean_bytes = 0;
  std::uint64_t dirty_bytes = 0;
  bool overdue = false;        // by max.compaction.lag.ms
  Segment* unknown = nullptr;  // its times are not in memory: load_times, and ask again
  // Of all that could be cleaned. Without anything dirty, 0.
  [[nodiscard]] double ratio() const {
    return dirty_bytes == 0
               ? 0
               : static_cast<double>(dirty_bytes) / static_cast<double>(clean_bytes + dirty_bytes);
  }
};
// Whole segments only: sealed, below the checkpoint on disk (where a start begins to walk), below
// the high watermark, older than min.compaction.lag.ms. `now`: the time of day.
[[nodiscard]] Dirty dirty_of(const Tail& tail, Timestamp now);

// Reads the times of a sealed segment: its index, and its first batch. Blocking; it is pinned.
[[nodiscard]] Result<void> load_times(Files& files, Segment& segment);

}  // namespace duolog::storage

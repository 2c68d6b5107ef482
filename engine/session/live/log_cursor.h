// LogCursor: what reads one partition for a subscriber, and how it waits.
//
// A cursor that has caught up is a broker::Waiter of its partition, one at a cold place waits for
// the shard's WarmUps. Whoever owns it sets what either calls. It leaves its lists when it is
// destroyed. On the shard's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/broker/topic.h"
#include "engine/broker/waiters.h"
#include "engine/session/live/batch_cache.h"
#include "engine/session/live/shard.h"
#include "engine/session/live/warm_ups.h"
#include "storage/log_reader.h"

namespace duolog::session {

struct LogCursor : broker::Waiter, WarmWaiter {
  broker::Partition* partition = nullptr;
  bool placed = false;  // the position it reads at is known
  std::uint8_t failed_fetches = 0;

  [[nodiscard]] const storage::Log& log() const { return *partition->log; }
  [[nodiscard]] bool waits() const {
    return broker::Waiter::hook.linked() || WarmWaiter::hook.linked();
  }
  // A fetch that it waited for has ended.
  void fetched(const Result<void>& outcome) {
    failed_fetches = outcome ? 0 : static_cast<std::uint8_t>(failed_fetches + 1);
  }
};

enum class Found : std::uint8_t {
  kOk,
  kCaughtUp,
  kCold,      // not in memory
  kNextTurn,  // enough for this turn
  kLost,      // an offset that the log does not have
  kDamaged,   // a batch that cannot be read
};

struct Look {
  Found found = Found::kOk;
  Position next{};       // kOk: of the batch behind it
  storage::Cold cold{};  // kCold
  Offset offset{};       // kDamaged: where, and why
  Offset end{-1};        // kDamaged: behind it, if it can be passed over; `next` is there, too
  Error error{};
  bool told = false;  // kDamaged: the store tells of it
};

// Where the batch is that holds `from`, or the next one, be it damaged; sets `position` and
// cursor.placed. kOk, kCold or kLost.
[[nodiscard]] Look seek(LogCursor& cursor, Offset from, Position& position);

// Counts and logs a batch that cannot be read, once for all who read it. What the store has found
// and tells of is only counted.
void report_damage(LiveShard& live, const LogCursor& cursor, const Look& look);

// The encoded batch at `position`, below the high watermark, in `batch` if kOk.
template <class Encoded>
[[nodiscard]] Look find_batch(LiveShard& live, BatchCache<Encoded>& cache, const LogCursor& cursor,
                              Position position, typename Encoded::Format format,
                              const Encoded*& batch) {
  using Status = typename BatchCache<Encoded>::Status;
  auto found = cache.find(cursor.log(), position, format);
  Look look{.next = found.next, .cold = found.cold};
  batch = found.batch;
  switch (found.status) {
    case Status::kOk:
      if (found.cold.segment != nullptr) live.warm_ups().fetch_ahead(found.cold);
      break;
    case Status::kCold:
      look.found = Found::kCold;
      break;
    case Status::kBusy:
      look.found = Found::kNextTurn;
      break;
    case Status::kPositionLost:
      look.found = Found::kLost;
      break;
    case Status::kDamaged:
      look.offset = found.offset;
      look.end = found.end;
      look.error = std::move(found.error);
      look.told = found.told;
      look.found = Found::kDamaged;
      report_damage(live, cursor, look);
      break;
  }
  return look;
}

// Waits for what `look` (kCaughtUp beyond `seen`, kCold, kNextTurn) lacks. False: it is there by
// now, go on reading.
[[nodiscard]] bool wait_for(LiveShard& live, LogCursor& cursor, Position seen, const Look& look);

// What to answer once fetching has failed too often: kDamaged; otherwise kOk.
[[nodiscard]] Look check_fetches(const LogCursor& cursor, Offset from);

}  // namespace duolog::session

// WarmUps: what a janitor is fetching for the subscribers of this shard.
//
// Many readers of the same cold place are one fetch, and each of them is called when it has
// ended. A read-ahead has no readers. Owned by the LiveShard, used by its thread.
// Limit: kMaxAhead read-aheads at once; more are left out, and their readers will ask themselves.
#pragma once

#include <cstdint>

#include "engine/base/intrusive_list.h"
#include "engine/runtime/shard.h"
#include "engine/session/live/counters.h"
#include "storage/log_reader.h"

namespace duolog::session {

// A reader that waits for cold bytes. It leaves its list when it is destroyed.
struct WarmWaiter {
  ListHook hook;
  // The outcome is the fetch's; an error may be a passing one.
  void (*ready)(WarmWaiter& waiter, const Result<void>& outcome) = nullptr;
};

class WarmUps {
 public:
  static constexpr std::size_t kMaxAhead = 16;

  WarmUps(runtime::Shard& shard, LiveCounters& counters)
      : shard_(shard), counters_(counters), next_turn_(on_next_turn, this) {}
  ~WarmUps();
  WarmUps(const WarmUps&) = delete;
  WarmUps& operator=(const WarmUps&) = delete;

  // In the turn in which `cold` was returned. `waiter.ready` is called when the fetch has ended,
  // well or not: asking again tells.
  void fetch(const storage::Cold& cold, WarmWaiter& waiter);
  void fetch_ahead(const storage::Cold& cold);
  // Calls `waiter.ready` in the next turn.
  void wait_a_turn(WarmWaiter& waiter);

 private:
  using Waiters = IntrusiveList<WarmWaiter, &WarmWaiter::hook>;
  struct Fetch {
    ListHook hook;
    storage::Segment* segment = nullptr;
    std::uint64_t window = 0;
    bool ahead = false;
    Waiters waiters;
  };
  static void run(Waiters& waiters, const Result<void>& outcome);
  [[nodiscard]] Fetch* find(const storage::Cold& cold);
  Fetch& start(const storage::Cold& cold, bool ahead);
  void ended(Fetch& fetch, const Result<void>& outcome);
  static void on_next_turn(runtime::Timer& timer, void* context);

  runtime::Shard& shard_;
  LiveCounters& counters_;
  IntrusiveList<Fetch, &Fetch::hook> fetches_;
  std::size_t ahead_count_ = 0;
  Waiters next_turn_waiters_;
  runtime::Timer next_turn_;
};

}  // namespace duolog::session

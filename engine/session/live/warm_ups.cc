#include "engine/session/live/warm_ups.h"

#include <memory>

#include "engine/base/check.h"

namespace duolog::session {

WarmUps::~WarmUps() { CHECK(fetches_.empty()); }

WarmUps::Fetch* WarmUps::find(const storage::Cold& cold) {
  const std::uint64_t window = cold.at / storage::kWindowBytes;
  for (Fetch* fetch = fetches_.front(); fetch != nullptr; fetch = fetches_.next(*fetch)) {
    if (fetch->segment == cold.segment && fetch->window == window) return fetch;
  }
  return nullptr;
}

void WarmUps::fetch(const storage::Cold& cold, WarmWaiter& waiter) {
  Fetch* fetch = find(cold);
  if (fetch == nullptr) fetch = &start(cold, false);
  fetch->waiters.push_back(waiter);
}

void WarmUps::fetch_ahead(const storage::Cold& cold) {
  if (ahead_count_ >= kMaxAhead || find(cold) != nullptr) return;
  ++ahead_count_;
  start(cold, true);
}

WarmUps::Fetch& WarmUps::start(const storage::Cold& cold, bool ahead) {
  counters_.warm_ups.add();
  auto* fetch = new Fetch;
  fetch->segment = cold.segment;
  fetch->window = cold.at / storage::kWindowBytes;
  fetch->ahead = ahead;
  fetches_.push_back(*fetch);
  storage::warm_up(shard_.disk(), cold,
                   [this, fetch](const Result<void>& outcome) { ended(*fetch, outcome); });
  return *fetch;
}

void WarmUps::ended(Fetch& fetch, const Result<void>& outcome) {
  const std::unique_ptr<Fetch> owned(&fetch);
  fetch.hook.unlink();
  if (fetch.ahead) --ahead_count_;
  run(fetch.waiters, outcome);
}

void WarmUps::wait_a_turn(WarmWaiter& waiter) {
  next_turn_waiters_.push_back(waiter);
  if (!next_turn_.armed()) shard_.timers().arm(next_turn_, shard_.now_ns() + 1);
}

void WarmUps::on_next_turn(runtime::Timer& /*timer*/, void* context) {
  run(static_cast<WarmUps*>(context)->next_turn_waiters_, {});
}

// Those that wait again while this runs are for the next time.
void WarmUps::run(Waiters& waiters, const Result<void>& outcome) {
  Waiters ready;
  ready.splice_back(waiters);
  while (WarmWaiter* waiter = ready.pop_front()) waiter->ready(*waiter, outcome);
}

}  // namespace duolog::session

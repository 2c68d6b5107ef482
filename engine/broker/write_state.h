// WriteState: whether the disk lets records be taken, for those who send clients here.
//
// The Cluster's. Any thread. A shard says that the disk is full or has failed; that there is room
// again is said by who looks for it, because nobody may append meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace duolog::broker {

class WriteState {
 public:
  enum class State : std::uint8_t { kOpen, kFull, kFailed };

  // Before the shards run: called on any shard when the disk is full and was not.
  std::function<void()> on_full;

  [[nodiscard]] State get() const { return state_.load(std::memory_order_acquire); }
  void full() {
    State open = State::kOpen;
    if (state_.compare_exchange_strong(open, State::kFull) && on_full) on_full();
  }
  void room() {
    State full = State::kFull;
    state_.compare_exchange_strong(full, State::kOpen);
  }
  // For good: the process is about to stop. True the first time.
  [[nodiscard]] bool failed() { return state_.exchange(State::kFailed) != State::kFailed; }

 private:
  std::atomic<State> state_{State::kOpen};
};

}  // namespace duolog::broker

// Timers: the deadlines of one shard.
//
// Owned by the shard, used by its thread. An intrusive pairing heap: arming allocates nothing and
// takes constant time; cancelling and expiring take O(log n), amortised. Timers with the same
// deadline expire in the order of their arming. A timer never expires before its deadline, and
// after it as soon as the shard's turn lets it (the ring's wait ends at the earliest deadline).
#pragma once

#include <cstdint>

#include "engine/base/check.h"

namespace duolog::runtime {

// One deadline. It lives inside its owner, and cancels itself when it is destroyed.
class Timer {
 public:
  // `expired` is called on the shard's thread with the timer disarmed; it may arm it again, or
  // destroy it.
  using Expired = void (*)(Timer& timer, void* context);
  Timer(Expired expired, void* context) : expired_(expired), context_(context) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  [[nodiscard]] bool armed() const { return owner_ != nullptr; }
  [[nodiscard]] std::uint64_t deadline_ns() const { return deadline_ns_; }  // while armed

 private:
  friend class Timers;
  [[nodiscard]] bool before(const Timer& other) const {
    return deadline_ns_ != other.deadline_ns_ ? deadline_ns_ < other.deadline_ns_
                                              : sequence_ < other.sequence_;
  }

  Expired expired_;
  void* context_;
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t sequence_ = 0;
  class Timers* owner_ = nullptr;
  Timer* child_ = nullptr;    // the first of those below
  Timer* sibling_ = nullptr;  // the next with the same parent
  Timer* before_ = nullptr;   // the previous sibling, or the parent of a first child
};

class Timers {
 public:
  Timers() = default;
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Arms `timer` for `deadline_ns` (monotonic_ns); moves it there if it is armed already.
  void arm(Timer& timer, std::uint64_t deadline_ns);
  // No effect if it is not armed.
  void cancel(Timer& timer);

  static constexpr std::uint64_t kNever = UINT64_MAX;
  // The earliest deadline, or kNever.
  [[nodiscard]] std::uint64_t next_deadline_ns() const {
    return root_ == nullptr ? kNever : root_->deadline_ns_;
  }
  // Expires every timer that is due at `now_ns`, in order of deadline, except those armed
  // meanwhile; but no more than kExpiredAtOnce after `until_ns` (monotonic_ns): the others stay
  // due. Returns how many.
  std::size_t expire(std::uint64_t now_ns, std::uint64_t until_ns = kNever);

 private:
  static constexpr std::size_t kExpiredAtOnce = 16;

  [[nodiscard]] static Timer* meld(Timer* one, Timer* other);
  [[nodiscard]] static Timer* meld_siblings(Timer* first);
  void remove(Timer& timer);

  Timer* root_ = nullptr;
  std::uint64_t next_sequence_ = 0;
  static constexpr std::uint64_t kNotExpiring = UINT64_MAX;
  std::uint64_t expiring_until_ns_ = kNotExpiring;
};

}  // namespace duolog::runtime

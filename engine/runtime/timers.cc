#include "engine/runtime/timers.h"

#include <utility>

#include "engine/base/clock.h"

namespace duolog::runtime {

Timer::~Timer() {
  if (owner_ != nullptr) owner_->cancel(*this);
}

Timers::~Timers() {
  while (root_ != nullptr) cancel(*root_);
}

void Timers::arm(Timer& timer, std::uint64_t deadline_ns) {
  if (timer.armed()) timer.owner_->cancel(timer);
  if (expiring_until_ns_ != kNotExpiring && deadline_ns <= expiring_until_ns_) {
    deadline_ns = expiring_until_ns_ + 1;
  }
  timer.deadline_ns_ = deadline_ns;
  timer.sequence_ = next_sequence_++;
  timer.owner_ = this;
  root_ = meld(root_, &timer);
}

void Timers::cancel(Timer& timer) {
  if (!timer.armed()) return;
  CHECK(timer.owner_ == this);
  remove(timer);
}

std::size_t Timers::expire(std::uint64_t now_ns, std::uint64_t until_ns) {
  // A timer armed meanwhile is due at the next turn at the earliest, so that one that arms itself
  // for a time gone by cannot hold the turn up.
  expiring_until_ns_ = now_ns;
  std::size_t expired = 0;
  while (root_ != nullptr && root_->deadline_ns_ <= now_ns) {
    Timer& timer = *root_;
    remove(timer);
    timer.expired_(timer, timer.context_);
    if (++expired % kExpiredAtOnce == 0 && until_ns != kNever && monotonic_ns() >= until_ns) break;
  }
  expiring_until_ns_ = kNotExpiring;
  return expired;
}

Timer* Timers::meld(Timer* one, Timer* other) {
  if (one == nullptr) return other;
  if (other == nullptr) return one;
  if (other->before(*one)) std::swap(one, other);
  other->sibling_ = one->child_;
  if (one->child_ != nullptr) one->child_->before_ = other;
  other->before_ = one;
  one->child_ = other;
  return one;
}

// The two passes of a pairing heap, without recursion: pairs from the left, then all from the
// right.
Timer* Timers::meld_siblings(Timer* first) {
  Timer* pairs = nullptr;
  while (first != nullptr) {
    Timer* one = first;
    Timer* other = one->sibling_;
    first = other == nullptr ? nullptr : other->sibling_;
    one->sibling_ = one->before_ = nullptr;
    if (other != nullptr) other->sibling_ = other->before_ = nullptr;
    Timer* pair = meld(one, other);
    pair->sibling_ = pairs;
    pairs = pair;
  }
  Timer* root = nullptr;
  while (pairs != nullptr) {
    Timer* pair = std::exchange(pairs, pairs->sibling_);
    pair->sibling_ = nullptr;
    root = meld(root, pair);
  }
  return root;
}

void Timers::remove(Timer& timer) {
  if (&timer == root_) {
    root_ = meld_siblings(timer.child_);
  } else {
    if (timer.before_->child_ == &timer) {
      timer.before_->child_ = timer.sibling_;
    } else {
      timer.before_->sibling_ = timer.sibling_;
    }
    if (timer.sibling_ != nullptr) timer.sibling_->before_ = timer.before_;
    root_ = meld(root_, meld_siblings(timer.child_));
  }
  timer.child_ = timer.sibling_ = timer.before_ = nullptr;
  timer.owner_ = nullptr;
}

}  // namespace duolog::runtime

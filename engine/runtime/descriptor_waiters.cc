#include "engine/runtime/descriptor_waiters.h"

#include <algorithm>

namespace duolog::runtime {

void DescriptorWaiters::add(ShardId owner, WakeNode& node) {
  std::lock_guard lock(mutex_);
  waiters_.push_back({owner, &node});
  count_.store(waiters_.size(), std::memory_order_relaxed);
}

void DescriptorWaiters::remove(WakeNode& node) {
  std::lock_guard lock(mutex_);
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.node == &node; });
  count_.store(waiters_.size(), std::memory_order_relaxed);
}

void DescriptorWaiters::wake_all() {
  std::lock_guard lock(mutex_);
  // Within the lock, so that a node that `remove` has returned for is not touched again.
  for (const Waiter& waiter : waiters_) exchange_.wake(waiter.owner, *waiter.node);
  waiters_.clear();
  count_.store(0, std::memory_order_relaxed);
}

}  // namespace duolog::runtime

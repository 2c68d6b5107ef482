// DescriptorWaiters: listeners that found no free file descriptor (EMFILE, ENFILE), and who tells
// them when one is free.
//
// Owned by the Runtime; any thread. Closing a descriptor costs one relaxed load while nobody waits.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "engine/runtime/mailbox.h"

namespace duolog::runtime {

class DescriptorWaiters {
 public:
  explicit DescriptorWaiters(Exchange& exchange) : exchange_(exchange) {}

  // `node` of shard `owner` is woken once, at the next descriptor that is closed.
  void add(ShardId owner, WakeNode& node);
  // It is not woken any more (it may be pending already).
  void remove(WakeNode& node);
  // A descriptor has been closed.
  void descriptor_closed() {
    if (count_.load(std::memory_order_relaxed) != 0) wake_all();
  }

 private:
  struct Waiter {
    ShardId owner;
    WakeNode* node;
  };
  void wake_all();

  Exchange& exchange_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::vector<Waiter> waiters_;
};

}  // namespace duolog::runtime

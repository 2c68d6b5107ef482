// RequestBudget: how many bytes of requests the connections of one shard may hold in memory.
//
// A request that is whole in the bytes that were received, and is done with when they go, costs
// nothing here. One that is still incomplete is admitted by the length it declares; one that has to
// outlive its turn is charged when it is kept. Who is not admitted stops reading, and is resumed in
// the order of waiting.
//
// Owned by the shard's sessions, used by its thread.
#pragma once

#include <cstdint>

#include "engine/base/intrusive_list.h"
#include "engine/runtime/shard.h"

namespace duolog::session {

// Somebody who waits for room. It lives inside a connection, and leaves the list when it is
// destroyed.
struct BudgetWaiter {
  BudgetWaiter(void (*function)(BudgetWaiter&, void*), void* its_context)
      : admitted(function), context(its_context) {}
  // `size_bytes` are charged now.
  void (*admitted)(BudgetWaiter& waiter, void* context);
  void* context;
  std::uint64_t size_bytes = 0;
  ListHook hook;
};

class RequestBudget {
 public:
  // Requests up to this size are always admitted, so that a few huge ones that never arrive do not
  // silence everybody else. They are counted all the same.
  static constexpr std::uint64_t kAlwaysAdmittedBytes = 64 * 1024;

  RequestBudget(runtime::Shard& shard, std::uint64_t limit_bytes)
      : shard_(shard), limit_bytes_(limit_bytes) {}

  // Charges `size_bytes`. False: there is no room, and nothing was charged; use `wait`. Zero bytes
  // have no room when the budget is exhausted.
  [[nodiscard]] bool admit(std::uint64_t size_bytes) {
    if (!fits(size_bytes)) return false;
    used_bytes_ += size_bytes;
    return true;
  }
  // Calls waiter.admitted, at the end of a turn, when `size_bytes` have been charged for it.
  void wait(BudgetWaiter& waiter, std::uint64_t size_bytes) {
    waiter.size_bytes = size_bytes;
    waiters_.push_back(waiter);
  }
  // Charges what has to be kept whether there is room or not.
  void charge(std::uint64_t size_bytes) { used_bytes_ += size_bytes; }
  void give_back(std::uint64_t size_bytes);

  [[nodiscard]] bool exhausted() const { return used_bytes_ >= limit_bytes_; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }

 private:
  // A request larger than the whole budget is admitted when nothing else is.
  [[nodiscard]] bool fits(std::uint64_t size_bytes) const {
    if (size_bytes == 0) return !exhausted();
    return size_bytes <= kAlwaysAdmittedBytes || used_bytes_ == 0 ||
           used_bytes_ + size_bytes <= limit_bytes_;
  }
  void serve();

  runtime::Shard& shard_;
  const std::uint64_t limit_bytes_;
  std::uint64_t used_bytes_ = 0;
  IntrusiveList<BudgetWaiter, &BudgetWaiter::hook> waiters_;
  runtime::TurnHook hook_{
      [](runtime::TurnHook&, void* self) { static_cast<RequestBudget*>(self)->serve(); }, this};
};

}  // namespace duolog::session

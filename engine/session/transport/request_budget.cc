#include "engine/session/transport/request_budget.h"

#include "engine/base/check.h"

namespace duolog::session {

void RequestBudget::give_back(std::uint64_t size_bytes) {
  CHECK(size_bytes <= used_bytes_);
  used_bytes_ -= size_bytes;
  if (!waiters_.empty()) shard_.at_turn_end(hook_);
}

void RequestBudget::serve() {
  while (BudgetWaiter* waiter = waiters_.front()) {
    if (!admit(waiter->size_bytes)) return;
    waiter->hook.unlink();
    waiter->admitted(*waiter, waiter->context);
  }
}

}  // namespace duolog::session

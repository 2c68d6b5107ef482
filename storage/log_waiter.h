// Who waits for a log: for what was appended to be on disk, or for room to append.
//
// A waiter lives inside its owner, who may drop it from the list at any time. The owner shard's
// thread only; waited for in LogStore.
#pragma once

#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/result.h"

namespace duolog::storage {

// Somebody who waits until a log is durable up to a position. An error: the log was deleted first.
struct AckWaiter {
  ListHook hook;
  Position until;
  void (*done)(AckWaiter& waiter, Result<void> outcome) = nullptr;
  void* context = nullptr;
};

// Somebody whose append found no room. `retry` appends again and returns true when that is
// decided, or false to go on waiting. Waiters are served in order.
struct AppendWaiter {
  ListHook hook;
  bool (*retry)(AppendWaiter& waiter) = nullptr;
  void* context = nullptr;
};

}  // namespace duolog::storage

// PushPlan: the messages of one send of the push protocol, until it is known how much of them the
// kernel took. Kept in the PushShard's pool between uses.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/broker/topic.h"
#include "engine/session/push/subscription.h"

namespace duolog::session {

struct PlannedPush {
  PushSubscription::Cursor* cursor = nullptr;  // null: unsubscribed meanwhile
  broker::Partition* partition = nullptr;
  std::uint32_t sid = 0;
  Position position;  // of the batch
  std::uint32_t first = 0;
  std::uint32_t end = 0;         // behind its last item
  PushSubscription::Place next;  // where the cursor is once it is sent
  std::uint64_t text_bytes = 0;  // not compressed
  std::uint64_t wire_bytes = 0;
  bool deflated = false;
};
using PushPlan = std::vector<PlannedPush>;

}  // namespace duolog::session

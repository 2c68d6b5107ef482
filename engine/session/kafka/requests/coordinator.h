// FindCoordinator: which broker looks after a group: this one, the only one that there is.
//
// Answered once `__consumer_offsets` exists, so that what follows finds it. There are no share
// groups, COORDINATOR_NOT_AVAILABLE, and no transactions, TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> find_coordinator(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

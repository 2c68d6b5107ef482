// FindCoordinator: there is no coordinator yet, for there are no groups and no transactions.
//
// Answered all the same, because librdkafka compresses with lz4 only towards a broker that lists
// this API (its feature "LZ4").
#pragma once

#include "engine/session/kafka_slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// Answers COORDINATOR_NOT_AVAILABLE for each key. An error: the bytes are no such request.
[[nodiscard]] Result<void> find_coordinator(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

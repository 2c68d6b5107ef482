// InitProducerId: a producer id that nobody has had before, with epoch 0.
//
// Also for a producer that names the one it has had (KIP-360): without a transactional id it gets a
// new one, as in Kafka. There are no transactions: a transactional id is answered with
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients give up at.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> init_producer_id(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

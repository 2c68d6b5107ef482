// ApiVersions and Metadata: what this server speaks, and where everything is.
//
// Called by a connection for a request; each answers the slot at once, or leaves a job in it.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request. A version that is not in the table is answered in
// version 0 with UNSUPPORTED_VERSION and our own range (KIP-511).
[[nodiscard]] Result<void> api_versions(ResponseSlot& slot, kafka::Reader& reader);

// Topics that are named, missing and allowed to be are created first (auto.create.topics.enable).
[[nodiscard]] Result<void> metadata(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

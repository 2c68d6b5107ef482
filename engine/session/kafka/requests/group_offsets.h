// OffsetCommit, OffsetFetch and OffsetDelete: on their way to the coordinators of the groups.
//
// Called by a connection for a request; each leaves a job in the slot, which answers it.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> offset_commit(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_fetch(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_delete(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

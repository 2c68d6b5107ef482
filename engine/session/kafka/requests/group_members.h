// JoinGroup, SyncGroup, Heartbeat and LeaveGroup: carried to the coordinator of their group.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> join_group(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> sync_group(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> group_heartbeat(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> leave_group(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

// DescribeGroups, ListGroups and DeleteGroups: carried to the coordinators of the groups.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> describe_groups(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> list_groups(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_groups(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

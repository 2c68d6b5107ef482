// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: what settings there are, and other ones.
//
// Called by a connection for a request; each answers the slot, or leaves a job in it.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> describe_configs(ResponseSlot& slot, kafka::Reader& reader);
// Answered once the changes are durable and every shard knows them.
[[nodiscard]] Result<void> alter_configs(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> incremental_alter_configs(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

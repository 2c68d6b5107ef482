// CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords: answered when every shard knows.
//
// Called by a connection for a request; each answers the slot, or leaves a job in it.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> create_topics(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_topics(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> create_partitions(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_records(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

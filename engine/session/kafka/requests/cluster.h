// DescribeCluster and DescribeTopicPartitions: what Metadata says as well, for tools.
//
// Called by a connection for a request; each answers the slot at once.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> describe_cluster(ResponseSlot& slot, kafka::Reader& reader);
// A page of the topics asked for, in the order of their names, and where the next page begins.
[[nodiscard]] Result<void> describe_topic_partitions(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

// What serves the Kafka APIs: one function an API, called by the connection for a request.
//
// Each answers the slot, or leaves a job in it. An error: the bytes are no such request, and the
// connection is closed. The shard's thread.
#pragma once

#include "engine/base/result.h"
#include "net/kafka/reader.h"

namespace duolog::session {

struct ResponseSlot;

// Records.
[[nodiscard]] Result<void> produce(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> fetch(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> list_offsets(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_for_leader_epoch(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_records(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> init_producer_id(ResponseSlot& slot, kafka::Reader& reader);

// The server and its topics. What changes topics is answered when every shard knows.
[[nodiscard]] Result<void> api_versions(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> metadata(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> describe_cluster(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> describe_topic_partitions(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> create_topics(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_topics(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> create_partitions(ResponseSlot& slot, kafka::Reader& reader);

// What clients are allowed.
[[nodiscard]] Result<void> describe_acls(ResponseSlot& slot, kafka::Reader& reader);

// Settings. Changes are answered once they are durable and every shard knows them.
[[nodiscard]] Result<void> describe_configs(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> alter_configs(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> incremental_alter_configs(ResponseSlot& slot, kafka::Reader& reader);

// Consumer groups: carried to their coordinators (group_request.h).
[[nodiscard]] Result<void> find_coordinator(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> join_group(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> sync_group(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> group_heartbeat(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> leave_group(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_commit(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_fetch(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_delete(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> describe_groups(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> list_groups(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> delete_groups(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

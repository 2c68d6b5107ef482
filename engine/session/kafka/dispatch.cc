// The middle of a KafkaConnection: from a whole request to what serves it.
#include <string>

#include "engine/base/check.h"
#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/cluster.h"
#include "engine/session/kafka/requests/configs.h"
#include "engine/session/kafka/requests/coordinator.h"
#include "engine/session/kafka/requests/fetch.h"
#include "engine/session/kafka/requests/group_admin.h"
#include "engine/session/kafka/requests/group_members.h"
#include "engine/session/kafka/requests/group_offsets.h"
#include "engine/session/kafka/requests/metadata.h"
#include "engine/session/kafka/requests/offsets.h"
#include "engine/session/kafka/requests/produce.h"
#include "engine/session/kafka/requests/producer_id.h"
#include "engine/session/kafka/requests/topics.h"

namespace duolog::session {

void KafkaConnection::dispatch(Bytes frame) {
  ResponseSlot& slot = take_slot();
  kafka::Reader reader(frame, slot.arena);
  const auto header = kafka::parse_request_header(reader);
  if (!header) {
    answer_nothing(slot);
    return refuse(KafkaClose::kBadRequest, header.error().message);
  }
  slot.api = kafka::find_api(header->api_key);
  slot.version = header->api_version;
  slot.correlation_id = header->correlation_id;
  slot.client_id = header->client_id.value_or("");
  const bool asks_versions = slot.api != nullptr && slot.api->key == kafka::ApiKey::kApiVersions;
  if (!asks_versions && !kafka::supported(header->api_key, header->api_version)) {
    answer_nothing(slot);
    return refuse_version(*header);
  }
  const std::size_t index = kafka::api_index(header->api_key);
  sessions_.counters().requests[index].add();
  start(slot, reader);
  if (!slot.done) recount(slot);
}

void KafkaConnection::refuse_version(const kafka::RequestHeader& header) {
  const kafka::Api* api = kafka::find_api(header.api_key);
  const std::string what =
      api == nullptr ? "API key " + std::to_string(header.api_key) : std::string(api->name);
  refuse(KafkaClose::kUnsupported, what + " version " + std::to_string(header.api_version) +
                                       " is not supported; ApiVersions says what is");
}

void KafkaConnection::start(ResponseSlot& slot, kafka::Reader& reader) {
  Result<void> started;
  switch (slot.api->key) {
    case kafka::ApiKey::kProduce:
      if (slot.produce == nullptr) slot.produce = std::make_unique<ProduceJob>(slot);
      started = slot.produce->start(reader);
      break;
    case kafka::ApiKey::kFetch:
      if (slot.fetch == nullptr) slot.fetch = std::make_unique<FetchJob>(slot);
      started = slot.fetch->start(reader);
      break;
    case kafka::ApiKey::kListOffsets:
      started = list_offsets(slot, reader);
      break;
    case kafka::ApiKey::kMetadata:
      started = metadata(slot, reader);
      break;
    case kafka::ApiKey::kOffsetCommit:
      started = offset_commit(slot, reader);
      break;
    case kafka::ApiKey::kOffsetFetch:
      started = offset_fetch(slot, reader);
      break;
    case kafka::ApiKey::kOffsetDelete:
      started = offset_delete(slot, reader);
      break;
    case kafka::ApiKey::kJoinGroup:
      started = join_group(slot, reader);
      break;
    case kafka::ApiKey::kSyncGroup:
      started = sync_group(slot, reader);
      break;
    case kafka::ApiKey::kHeartbeat:
      started = group_heartbeat(slot, reader);
      break;
    case kafka::ApiKey::kLeaveGroup:
      started = leave_group(slot, reader);
      break;
    case kafka::ApiKey::kDescribeGroups:
      started = describe_groups(slot, reader);
      break;
    case kafka::ApiKey::kListGroups:
      started = list_groups(slot, reader);
      break;
    case kafka::ApiKey::kDeleteGroups:
      started = delete_groups(slot, reader);
      break;
    case kafka::ApiKey::kFindCoordinator:
      started = find_coordinator(slot, reader);
      break;
    case kafka::ApiKey::kApiVersions:
      started = api_versions(slot, reader);
      break;
    case kafka::ApiKey::kCreateTopics:
      started = create_topics(slot, reader);
      break;
    case kafka::ApiKey::kDeleteTopics:
      started = delete_topics(slot, reader);
      break;
    case kafka::ApiKey::kDeleteRecords:
      started = delete_records(slot, reader);
      break;
    case kafka::ApiKey::kCreatePartitions:
      started = create_partitions(slot, reader);
      break;
    case kafka::ApiKey::kDescribeConfigs:
      started = describe_configs(slot, reader);
      break;
    case kafka::ApiKey::kAlterConfigs:
      started = alter_configs(slot, reader);
      break;
    case kafka::ApiKey::kIncrementalAlterConfigs:
      started = incremental_alter_configs(slot, reader);
      break;
    case kafka::ApiKey::kDescribeCluster:
      started = describe_cluster(slot, reader);
      break;
    case kafka::ApiKey::kDescribeTopicPartitions:
      started = describe_topic_partitions(slot, reader);
      break;
    case kafka::ApiKey::kOffsetForLeaderEpoch:
      started = offset_for_leader_epoch(slot, reader);
      break;
    case kafka::ApiKey::kInitProducerId:
      started = init_producer_id(slot, reader);
      break;
    default:  // not advertised, and so refused before
      CHECK(false);
  }
  if (!started) {
    answer_nothing(slot);
    refuse(KafkaClose::kBadRequest, started.error().message);
  }
}

}  // namespace duolog::session

#include <vector>

#include "engine/groups/offset_requests.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;
using AskedTopic = kafka::OffsetFetchRequest::Group::Topic;
using GroupResponse = kafka::OffsetFetchResponse::Group;
using FetchedOffset = kafka::OffsetFetchResponse::Partition;
using TopicResponse = kafka::OffsetFetchResponse::Group::Topic;

constexpr Offset kNoOffset{-1};
constexpr std::int16_t kFirstVersionWithGroupError = 2;

FetchedOffset nothing(PartitionId partition, ErrorCode error = ErrorCode::kNone) {
  return {.partition_index = partition, .committed_offset = kNoOffset, .error_code = error};
}

FetchedOffset describe(PartitionId partition, const CommittedOffset& committed) {
  return {.partition_index = partition,
          .committed_offset = committed.offset,
          .committed_leader_epoch = committed.leader_epoch,
          .metadata = committed.metadata};
}

// What was committed for a topic of this name that was another one is not of this one. Null: there
// is no topic of this name now.
bool is_of_topic(const CommittedOffset& committed, const broker::Topic* topic) {
  return topic == nullptr || committed.topic_id.is_zero() || committed.topic_id == topic->id;
}

TopicResponse fetch_topic(const broker::Broker& broker, const Group* group, const AskedTopic& asked,
                          std::int16_t version, kafka::Arena& arena) {
  TopicResponse response{.name = asked.name, .topic_id = asked.topic_id};
  auto partitions = arena.make<FetchedOffset>(asked.partition_indexes.size());
  response.partitions = partitions;
  const bool by_id = version >= kFirstOffsetsVersionWithIds;
  const broker::Topic* topic = by_id ? broker.find(asked.topic_id) : broker.find(asked.name);
  const std::string_view name = by_id && topic != nullptr ? topic->name : asked.name;
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    const PartitionId index = asked.partition_indexes[p];
    if (by_id && topic == nullptr) {
      partitions[p] = nothing(index, ErrorCode::kUnknownTopicId);
      continue;
    }
    const CommittedOffset* committed =
        group == nullptr ? nullptr : group->offsets.find(name, index);
    const bool found = committed != nullptr && is_of_topic(*committed, topic);
    partitions[p] = found ? describe(index, *committed) : nothing(index);
  }
  return response;
}

// Of the topics that there are, in versions with ids; of all, in others.
kafka::Array<TopicResponse> fetch_all(const broker::Broker& broker, const Group& group,
                                      std::int16_t version, kafka::Arena& arena) {
  auto topics = arena.make<TopicResponse>(group.offsets.topics().size());
  std::size_t count = 0;
  for (const auto& [name, committed] : group.offsets.topics()) {
    const broker::Topic* topic = broker.find(name);
    if (topic == nullptr && version >= kFirstOffsetsVersionWithIds) continue;
    auto partitions = arena.make<FetchedOffset>(committed.size());
    std::size_t p = 0;
    for (const auto& [partition, offset] : committed) {
      if (is_of_topic(offset, topic)) partitions[p++] = describe(partition, offset);
    }
    if (p == 0) continue;
    topics[count++] = {.name = name,
                       .topic_id = topic == nullptr ? Uuid{} : topic->id,
                       .partitions = partitions.first(p)};
  }
  return topics.first(count);
}

}  // namespace

GroupResponse failed_fetch(const FetchedGroup& asked, ErrorCode error, kafka::Arena& arena) {
  GroupResponse response{.group_id = asked.group.group_id, .error_code = error};
  if (asked.version >= kFirstVersionWithGroupError) return response;
  auto topics = arena.make<TopicResponse>(asked.group.topics.size());
  response.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const AskedTopic& topic = asked.group.topics[t];
    auto partitions = arena.make<FetchedOffset>(topic.partition_indexes.size());
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      partitions[p] = nothing(topic.partition_indexes[p], error);
    }
    topics[t] = {.name = topic.name, .topic_id = topic.topic_id, .partitions = partitions};
  }
  return response;
}

void fetch_offsets(GroupCoordinator& coordinator, const FetchedGroup& asked,
                   Reply<GroupResponse> reply) {
  const Group* group = coordinator.find(asked.group.group_id);
  const broker::Broker& broker = coordinator.broker();
  GroupResponse response{.group_id = asked.group.group_id};
  if (asked.group.topics.is_null()) {
    if (group != nullptr) {
      response.topics = fetch_all(broker, *group, asked.version, reply.arena());
    }
    return reply(response);
  }
  auto topics = reply.arena().make<TopicResponse>(asked.group.topics.size());
  response.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    topics[t] = fetch_topic(broker, group, asked.group.topics[t], asked.version, reply.arena());
  }
  reply(response);
}

}  // namespace duolog::groups

// A Kafka client for tests of committed offsets.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "engine/groups/group_coordinators.h"
#include "net/kafka/group_offsets.h"
#include "tests/unit/session/kafka/kafka_client.h"

namespace duolog::session {

// A client that commits and fetches one partition's offset at a time.
class OffsetClient : public KafkaClient {
 public:
  using KafkaClient::KafkaClient;

  struct Commit {
    std::string_view group;
    std::string_view topic = "t";
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    kafka::NullableString metadata = "";
    std::int32_t generation = -1;
    std::string_view member = "";
    std::int64_t retention_time_ms = -1;
    Uuid topic_id{};
    std::int32_t leader_epoch = -1;
  };
  kafka::ErrorCode commit(const Commit& commit, std::int16_t version = 9) {
    kafka::OffsetCommitRequest::Topic::Partition partition{
        .partition_index = PartitionId(commit.partition),
        .committed_offset = Offset(commit.offset),
        .committed_leader_epoch = LeaderEpoch(commit.leader_epoch),
        .committed_metadata = commit.metadata};
    kafka::OffsetCommitRequest::Topic topic{
        .name = commit.topic, .topic_id = commit.topic_id, .partitions = std::span(&partition, 1)};
    auto answer = call<kafka::OffsetCommitResponse>(
        version, kafka::OffsetCommitRequest{.group_id = commit.group,
                                            .generation_id_or_member_epoch = commit.generation,
                                            .member_id = commit.member,
                                            .retention_time_ms = commit.retention_time_ms,
                                            .topics = std::span(&topic, 1)});
    return answer ? answer->message.topics[0].partitions[0].error_code
                  : kafka::ErrorCode::kNetworkException;
  }
  std::unique_ptr<Answer<kafka::OffsetFetchResponse>> fetch_one(std::string_view group,
                                                                std::string_view topic_name,
                                                                std::int32_t partition,
                                                                std::int16_t version) {
    PartitionId index(partition);
    kafka::OffsetFetchRequest::Topic topic{.name = topic_name,
                                           .partition_indexes = std::span(&index, 1)};
    kafka::OffsetFetchRequest::Group::Topic later{.name = topic_name,
                                                  .partition_indexes = std::span(&index, 1)};
    kafka::OffsetFetchRequest::Group one{.group_id = group, .topics = std::span(&later, 1)};
    return call<kafka::OffsetFetchResponse>(
        version,
        kafka::OffsetFetchRequest{
            .group_id = group, .topics = std::span(&topic, 1), .groups = std::span(&one, 1)});
  }
  // -1: none.
  std::int64_t committed(std::string_view group, std::string_view topic = "t",
                         std::int32_t partition = 0) {
    auto answer = fetch_one(group, topic, partition, 8);
    if (!answer) return -2;
    EXPECT_EQ(answer->message.groups[0].error_code, kafka::ErrorCode::kNone);
    return answer->message.groups[0].topics[0].partitions[0].committed_offset.value;
  }
  Uuid id_of(std::string_view name) {
    kafka::MetadataRequest::Topic topic{.name = name};
    auto answer =
        call<kafka::MetadataResponse>(12, kafka::MetadataRequest{.topics = std::span(&topic, 1)});
    return answer ? answer->message.topics[0].topic_id : Uuid{};
  }
};

// The elements of an array, for a message.
template <class T, std::size_t N>
std::span<T> all(T (&elements)[N]) {
  return {elements, N};
}

// A counter's sum over the shards.
inline std::uint64_t sum_over(groups::GroupCoordinators& coordinators,
                              runtime::Counter groups::GroupCounters::* counter) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < coordinators.shard_count(); ++i) {
    const auto& on = coordinators.on(ShardId(static_cast<std::uint16_t>(i)));
    total += (std::as_const(on).counters().*counter).get();
  }
  return total;
}

}  // namespace duolog::session

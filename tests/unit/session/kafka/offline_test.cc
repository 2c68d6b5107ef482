// A partition that could not be recovered at start, as Kafka's clients see it: one whose only
// replica is in a log directory that is offline.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/groups/group_routes.h"
#include "net/kafka/coordinator.h"
#include "net/kafka/offsets.h"
#include "net/kafka/partitions.h"
#include "tests/unit/session/damaged_partition.h"
#include "tests/unit/session/kafka/offset_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int32_t kHurt = 1;
constexpr std::int32_t kWell = 2;

class OfflinePartitionTest : public testing::TestWithParam<std::size_t> {
 protected:
  OfflinePartitionTest() : server_(options(GetParam())), client_(std::in_place, server_.port()) {
    EXPECT_EQ(client_->create_topic("t", 3), ErrorCode::kNone);
    for (std::int32_t p = 0; p < 3; ++p) EXPECT_EQ(produce(p), ErrorCode::kNone);
  }
  static TestServerOptions options(std::size_t shards) {
    TestServerOptions options;
    options.shards = shards;
    options.broker.offsets_topic_partitions = 3;
    return options;
  }
  void restart() {
    client_.reset();
    server_.restart();
    client_.emplace(server_.port());
  }
  ErrorCode produce(std::int32_t partition, std::int16_t acks = -1) {
    return client_->produce("t", partition, batch_of({"a record"}), acks).error_code;
  }
  // Its records stay until the next one.
  kafka::FetchResponse::Topic::Partition fetch(std::int32_t partition) {
    fetched_ = client_->fetch({.topic = "t", .partitions = {KafkaClient::from(partition, 0)}});
    EXPECT_NE(fetched_, nullptr);
    return fetched_->message.responses[0].partitions[0];
  }
  ErrorCode list_offsets(std::int32_t partition, Timestamp at) {
    kafka::ListOffsetsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                  .timestamp = at};
    kafka::ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    auto answer = client_->call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0].error_code;
  }
  ErrorCode end_of_epoch(std::int32_t partition) {
    kafka::OffsetForLeaderEpochRequest::Topic::Partition p{.partition = PartitionId(partition),
                                                           .leader_epoch = LeaderEpoch(1)};
    kafka::OffsetForLeaderEpochRequest::Topic t{.topic = "t", .partitions = std::span(&p, 1)};
    auto answer = client_->call<kafka::OffsetForLeaderEpochResponse>(
        4, kafka::OffsetForLeaderEpochRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0].error_code;
  }
  ErrorCode delete_records(std::int32_t partition) {
    kafka::DeleteRecordsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                    .offset = Offset(0)};
    kafka::DeleteRecordsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    auto answer = client_->call<kafka::DeleteRecordsResponse>(
        2, kafka::DeleteRecordsRequest{.topics = std::span(&t, 1), .timeout_ms = 30'000});
    return answer->message.topics[0].partitions[0].error_code;
  }
  ErrorCode find_coordinator(std::string_view group) {
    auto answer = client_->call<kafka::FindCoordinatorResponse>(
        2, kafka::FindCoordinatorRequest{.key = group});
    return answer->message.error_code;
  }

  TestServer server_;
  std::optional<OffsetClient> client_;
  std::unique_ptr<Answer<kafka::FetchResponse>> fetched_;
};

INSTANTIATE_TEST_SUITE_P(Shards, OfflinePartitionTest, testing::Values(1, 3));

TEST_P(OfflinePartitionTest, MetadataNamesNoLeaderOfItAndItsReplicaAsOffline) {
  DamagedPartition damaged(server_.directory(), "t-1");
  restart();
  for (std::int16_t version = 0; version <= 12; ++version) {
    SCOPED_TRACE(version);
    const auto answer = client_->metadata({.name = "t"}, version);
    ASSERT_NE(answer, nullptr);
    const auto& topic = answer->message.topics[0];
    EXPECT_EQ(topic.error_code, ErrorCode::kNone);
    ASSERT_EQ(topic.partitions.size(), 3U);
    const auto& hurt = topic.partitions[kHurt];
    EXPECT_EQ(hurt.error_code, ErrorCode::kLeaderNotAvailable);
    EXPECT_EQ(hurt.leader_id, -1);
    EXPECT_EQ(hurt.replica_nodes.size(), 1U);
    EXPECT_TRUE(hurt.isr_nodes.empty());
    EXPECT_EQ(hurt.offline_replicas.size(), version >= 5 ? 1U : 0U);
    const auto& well = topic.partitions[kWell];
    EXPECT_EQ(well.error_code, ErrorCode::kNone);
    EXPECT_EQ(well.leader_id, 1);
    EXPECT_TRUE(well.offline_replicas.empty());
  }
}

TEST_P(OfflinePartitionTest, WhateverIsAskedOfItIsAKafkaStorageErrorUntilItIsBack) {
  DamagedPartition damaged(server_.directory(), "t-1");
  for (int start = 0; start < 2; ++start) {
    restart();
    EXPECT_EQ(produce(kHurt), ErrorCode::kKafkaStorageError);
    EXPECT_EQ(fetch(kHurt).error_code, ErrorCode::kKafkaStorageError);
    EXPECT_EQ(list_offsets(kHurt, kafka::kLatestOffset), ErrorCode::kKafkaStorageError);
    EXPECT_EQ(list_offsets(kHurt, Timestamp(0)), ErrorCode::kKafkaStorageError);
    EXPECT_EQ(end_of_epoch(kHurt), ErrorCode::kKafkaStorageError);
    EXPECT_EQ(delete_records(kHurt), ErrorCode::kKafkaStorageError);
    EXPECT_EQ(produce(kWell), ErrorCode::kNone);
    EXPECT_EQ(list_offsets(kWell, kafka::kLatestOffset), ErrorCode::kNone);
    EXPECT_EQ(end_of_epoch(kWell), ErrorCode::kNone);
    EXPECT_EQ(delete_records(kWell), ErrorCode::kNone);
    EXPECT_EQ(records_in(fetch(kWell)).size(), static_cast<std::size_t>(2 + start));
  }
  damaged.repair();
  restart();
  EXPECT_EQ(records_in(fetch(kHurt)).size(), 1U);
  EXPECT_EQ(produce(kHurt), ErrorCode::kNone);
  EXPECT_EQ(client_->metadata({.name = "t"})->message.topics[0].partitions[kHurt].leader_id, 1);
}

TEST_P(OfflinePartitionTest, WhoAsksForNoAckIsHungUpOn) {
  DamagedPartition damaged(server_.directory(), "t-1");
  restart();
  client_->send_produce("t", kHurt, batch_of({"lost"}), 0);
  EXPECT_FALSE(client_->receive_byte());
}

TEST_P(OfflinePartitionTest, ItsTopicCanBeDeletedAndMadeAgain) {
  DamagedPartition damaged(server_.directory(), "t-1");
  restart();
  damaged.repair();  // or else nobody knows whose files they are
  EXPECT_EQ(client_->delete_topic("t"), ErrorCode::kNone);
  EXPECT_FALSE(std::filesystem::exists(server_.directory() + "/topics/t-1"));
  EXPECT_EQ(client_->create_topic("t", 3), ErrorCode::kNone);
  EXPECT_EQ(produce(kHurt), ErrorCode::kNone);
  restart();
  EXPECT_EQ(records_in(fetch(kHurt)).size(), 1U);
}

TEST_P(OfflinePartitionTest, GroupsThatStoreInItHaveNoCoordinatorAndLoseNothing) {
  // One of each partition of __consumer_offsets.
  std::vector<std::string> groups(3);
  for (int n = 0; n < 100; ++n) {
    const std::string name = "g" + std::to_string(n);
    groups[static_cast<std::size_t>(groups::partition_of_group(name, 3).value)] = name;
  }
  for (const std::string& group : groups) {
    ASSERT_EQ(find_coordinator(group), ErrorCode::kNone);
    ASSERT_EQ(client_->commit({.group = group, .offset = 7}), ErrorCode::kNone);
  }
  DamagedPartition damaged(server_.directory(), "__consumer_offsets-1");
  restart();
  EXPECT_EQ(find_coordinator(groups[kHurt]), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(client_->commit({.group = groups[kHurt], .offset = 8}),
            ErrorCode::kCoordinatorNotAvailable);
  const auto refused = client_->fetch_one(groups[kHurt], "t", 0, 8);
  EXPECT_EQ(refused->message.groups[0].error_code, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(find_coordinator(groups[kWell]), ErrorCode::kNone);
  ASSERT_TRUE(eventually(
      [&] { return client_->commit({.group = groups[kWell], .offset = 8}) == ErrorCode::kNone; }));
  damaged.repair();
  restart();
  ASSERT_TRUE(eventually([&] {
    return client_->fetch_one(groups[kHurt], "t", 0, 8)->message.groups[0].error_code ==
           ErrorCode::kNone;
  }));
  EXPECT_EQ(client_->committed(groups[kHurt]), 7);
  EXPECT_EQ(client_->committed(groups[kWell]), 8);
}

}  // namespace
}  // namespace duolog::session

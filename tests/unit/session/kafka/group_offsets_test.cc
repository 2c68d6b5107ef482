#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/coordinator.h"
#include "tests/unit/session/kafka/offset_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using kafka::OffsetCommitRequest;
using kafka::OffsetCommitResponse;
using kafka::OffsetDeleteRequest;
using kafka::OffsetDeleteResponse;
using kafka::OffsetFetchRequest;
using kafka::OffsetFetchResponse;

class GroupOffsetsTest : public testing::TestWithParam<std::size_t> {
 protected:
  static TestServerOptions options(std::size_t shards) {
    TestServerOptions options;
    options.shards = shards;
    options.broker.offsets_topic_partitions = 5;
    return options;
  }
  GroupOffsetsTest() : server_(options(GetParam())), client_(std::in_place, server_.port()) {
    EXPECT_EQ(client_->create_topic("t", 3), ErrorCode::kNone);
  }
  void restart() {
    client_.reset();
    server_.restart();
    client_.emplace(server_.port());
  }
  [[nodiscard]] std::uint64_t sum(runtime::Counter groups::GroupCounters::* counter) {
    return sum_over(server_.coordinators(), counter);
  }

  TestServer server_;
  std::optional<OffsetClient> client_;
};

INSTANTIATE_TEST_SUITE_P(Shards, GroupOffsetsTest, testing::Values(1, 3));

TEST_P(GroupOffsetsTest, WhatIsCommittedIsFetchedInEveryVersion) {
  const Uuid id = client_->id_of("t");
  for (std::int16_t version = 2; version <= 10; ++version) {
    SCOPED_TRACE(version);
    const std::string group = "group-" + std::to_string(version);
    ASSERT_EQ(client_->commit({.group = group,
                               .partition = 2,
                               .offset = 40 + version,
                               .metadata = "m",
                               .topic_id = id,
                               .leader_epoch = 3},
                              version),
              ErrorCode::kNone);
    for (std::int16_t fetch = 1; fetch <= 9; ++fetch) {
      SCOPED_TRACE(fetch);
      auto answer = client_->fetch_one(group, "t", 2, fetch);
      ASSERT_NE(answer, nullptr);
      const auto& partition = fetch >= 8 ? answer->message.groups[0].topics[0].partitions[0]
                                         : answer->message.topics[0].partitions[0];
      EXPECT_EQ(partition.committed_offset, Offset(40 + version));
      EXPECT_EQ(partition.metadata, "m");
      EXPECT_EQ(partition.partition_index, PartitionId(2));
      EXPECT_EQ(partition.error_code, ErrorCode::kNone);
      const bool knows_epoch = version >= 6 && fetch >= 5;
      EXPECT_EQ(partition.committed_leader_epoch, LeaderEpoch(knows_epoch ? 3 : -1));
    }
  }
}

TEST_P(GroupOffsetsTest, ALaterCommitReplacesAnEarlierOne) {
  for (std::int64_t offset = 1; offset <= 20; ++offset) {
    ASSERT_EQ(client_->commit({.group = "g", .offset = offset}), ErrorCode::kNone);
    ASSERT_EQ(client_->committed("g"), offset);
  }
}

TEST_P(GroupOffsetsTest, AGroupThatIsNotKnownHasNoOffsetsAndThatIsNoError) {
  auto answer = client_->fetch_one("nobody", "t", 0, 7);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
  ASSERT_EQ(answer->message.topics.size(), 1U);
  const auto& partition = answer->message.topics[0].partitions[0];
  EXPECT_EQ(partition.committed_offset, Offset(-1));
  EXPECT_EQ(partition.committed_leader_epoch, LeaderEpoch(-1));
  EXPECT_EQ(partition.metadata, "");
  EXPECT_EQ(partition.error_code, ErrorCode::kNone);
}

TEST_P(GroupOffsetsTest, OneRequestFetchesOffsetsOfManyGroupsInTheirOrder) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("many-" + std::to_string(i));
  for (std::size_t i = 0; i < names.size(); i += 2) {
    ASSERT_EQ(client_->commit({.group = names[i], .offset = static_cast<std::int64_t>(i)}),
              ErrorCode::kNone);
  }
  std::vector<OffsetFetchRequest::Group> groups(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    groups[i].group_id = names[i];
    groups[i].topics = kafka::Array<OffsetFetchRequest::Group::Topic>::null();
  }
  auto answer =
      client_->call<OffsetFetchResponse>(8, OffsetFetchRequest{.groups = std::span(groups)});
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->message.groups.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& group = answer->message.groups[i];
    EXPECT_EQ(group.group_id, names[i]);
    ASSERT_EQ(group.topics.size(), i % 2 == 0 ? 1U : 0U);
    if (i % 2 == 0) {
      EXPECT_EQ(group.topics[0].name, "t");
      EXPECT_EQ(group.topics[0].partitions[0].committed_offset,
                Offset(static_cast<std::int64_t>(i)));
    }
  }
}

TEST_P(GroupOffsetsTest, WhatWouldBeTooLargeAnAnswerIsRefusedAndTheNextIsAnswered) {
  const std::string note(4'000, 'n');
  ASSERT_EQ(client_->commit({.group = "large", .offset = 5, .metadata = note}), ErrorCode::kNone);
  std::vector<PartitionId> partitions(20'000);  // the same one: 80 MB of notes
  OffsetFetchRequest::Group::Topic topic{.name = "t", .partition_indexes = std::span(partitions)};
  std::vector<OffsetFetchRequest::Group> groups(3);
  for (auto& group : groups) group = {.group_id = "large", .topics = std::span(&topic, 1)};
  auto answer =
      client_->call<OffsetFetchResponse>(8, OffsetFetchRequest{.groups = std::span(groups)});
  ASSERT_NE(answer, nullptr);
  for (const auto& group : answer->message.groups) {
    EXPECT_EQ(group.error_code, ErrorCode::kInvalidRequest);
  }
  partitions.resize(10'000);  // 40 MB: room for one of the three
  topic.partition_indexes = std::span(partitions);
  answer = client_->call<OffsetFetchResponse>(8, OffsetFetchRequest{.groups = std::span(groups)});
  ASSERT_NE(answer, nullptr);
  const auto whole = std::ranges::count(answer->message.groups, ErrorCode::kNone,
                                        &OffsetFetchResponse::Group::error_code);
  EXPECT_EQ(whole, 1);
  EXPECT_EQ(sum(&groups::GroupCounters::responses_cut), 3U + 2U);
}

TEST_P(GroupOffsetsTest, NullTopicsAreAllThatAGroupHasCommitted) {
  ASSERT_EQ(client_->create_topic("u", 1), ErrorCode::kNone);
  ASSERT_EQ(client_->commit({.group = "g", .topic = "t", .partition = 2, .offset = 5}),
            ErrorCode::kNone);
  ASSERT_EQ(client_->commit({.group = "g", .topic = "u", .offset = 6}), ErrorCode::kNone);
  for (const std::int16_t version : {std::int16_t{2}, std::int16_t{7}}) {
    auto answer = client_->call<OffsetFetchResponse>(
        version, OffsetFetchRequest{.group_id = "g",
                                    .topics = kafka::Array<OffsetFetchRequest::Topic>::null()});
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(answer->message.topics.size(), 2U);
    EXPECT_EQ(answer->message.topics[0].name, "t");
    ASSERT_EQ(answer->message.topics[0].partitions.size(), 1U);
    EXPECT_EQ(answer->message.topics[0].partitions[0].partition_index, PartitionId(2));
    EXPECT_EQ(answer->message.topics[1].partitions[0].committed_offset, Offset(6));
  }
}

TEST_P(GroupOffsetsTest, TopicsAreNamedByTheirIdsInVersionTen) {
  const Uuid id = client_->id_of("t");
  ASSERT_EQ(client_->commit({.group = "g", .offset = 9, .topic_id = id}, 10), ErrorCode::kNone);
  Uuid unknown = id;
  unknown.bytes[0] ^= 1;
  EXPECT_EQ(client_->commit({.group = "g", .offset = 9, .topic_id = unknown}, 10),
            ErrorCode::kUnknownTopicId);
  PartitionId index(0);
  OffsetFetchRequest::Group::Topic topics[] = {
      {.topic_id = id, .partition_indexes = std::span(&index, 1)},
      {.topic_id = unknown, .partition_indexes = std::span(&index, 1)}};
  OffsetFetchRequest::Group group{.group_id = "g", .topics = all(topics)};
  auto answer =
      client_->call<OffsetFetchResponse>(10, OffsetFetchRequest{.groups = std::span(&group, 1)});
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->message.groups[0].topics.size(), 2U);
  EXPECT_EQ(answer->message.groups[0].topics[0].topic_id, id);
  EXPECT_EQ(answer->message.groups[0].topics[0].partitions[0].committed_offset, Offset(9));
  EXPECT_EQ(answer->message.groups[0].topics[1].topic_id, unknown);
  EXPECT_EQ(answer->message.groups[0].topics[1].partitions[0].committed_offset, Offset(-1));
  EXPECT_EQ(answer->message.groups[0].topics[1].partitions[0].error_code,
            ErrorCode::kUnknownTopicId);
}

TEST_P(GroupOffsetsTest, EveryPartitionIsAnsweredInTheOrderOfTheRequest) {
  const std::string long_metadata(4097, 'x');
  OffsetCommitRequest::Topic::Partition first[] = {
      {.partition_index = PartitionId(7), .committed_offset = Offset(1)},
      {.partition_index = PartitionId(1), .committed_offset = Offset(2)},
      {.partition_index = PartitionId(0),
       .committed_offset = Offset(3),
       .committed_metadata = long_metadata}};
  OffsetCommitRequest::Topic::Partition second[] = {
      {.partition_index = PartitionId(0), .committed_offset = Offset(4)}};
  OffsetCommitRequest::Topic topics[] = {{.name = "t", .partitions = all(first)},
                                         {.name = "unknown", .partitions = all(second)}};
  auto answer = client_->call<OffsetCommitResponse>(
      8, OffsetCommitRequest{.group_id = "g", .topics = all(topics)});
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->message.topics.size(), 2U);
  const auto& of_first = answer->message.topics[0].partitions;
  ASSERT_EQ(of_first.size(), 3U);
  EXPECT_EQ(of_first[0].partition_index, PartitionId(7));
  EXPECT_EQ(of_first[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(of_first[1].partition_index, PartitionId(1));
  EXPECT_EQ(of_first[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(of_first[2].error_code, ErrorCode::kOffsetMetadataTooLarge);
  EXPECT_EQ(answer->message.topics[1].partitions[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(client_->committed("g", "t", 1), 2);
  EXPECT_EQ(client_->committed("g", "t", 0), -1);
}

TEST_P(GroupOffsetsTest, MetadataIsMeasuredInUtf16Units) {
  std::string fits;
  for (int i = 0; i < 4096; ++i) fits += "\xe2\x82\xac";
  EXPECT_EQ(client_->commit({.group = "g", .metadata = fits}), ErrorCode::kNone);
  EXPECT_EQ(client_->commit({.group = "g", .metadata = fits + "x"}),
            ErrorCode::kOffsetMetadataTooLarge);
  EXPECT_EQ(client_->commit({.group = "g", .metadata = std::nullopt}), ErrorCode::kNone);
}

TEST_P(GroupOffsetsTest, AGenerationOfAGroupThatIsNotThereIsRefused) {
  EXPECT_EQ(client_->commit({.group = "g", .generation = 0, .member = "m"}, 8),
            ErrorCode::kIllegalGeneration);
  EXPECT_EQ(client_->commit({.group = "g", .generation = 0, .member = "m"}, 9),
            ErrorCode::kGroupIdNotFound);
  ASSERT_EQ(client_->commit({.group = "g"}), ErrorCode::kNone);
  EXPECT_EQ(client_->commit({.group = "g", .generation = 0, .member = "m"}, 9),
            ErrorCode::kUnknownMemberId);
}

TEST_P(GroupOffsetsTest, OffsetsAreDeletedOneByOne) {
  ASSERT_EQ(client_->commit({.group = "g", .partition = 0, .offset = 5}), ErrorCode::kNone);
  ASSERT_EQ(client_->commit({.group = "g", .partition = 1, .offset = 6}), ErrorCode::kNone);
  const auto remove = [&](std::string_view group, std::string_view topic_name,
                          std::vector<OffsetDeleteRequest::Topic::Partition> partitions) {
    OffsetDeleteRequest::Topic topic{.name = topic_name, .partitions = std::span(partitions)};
    return client_->call<OffsetDeleteResponse>(
        0, OffsetDeleteRequest{.group_id = group, .topics = std::span(&topic, 1)});
  };
  auto answer = remove("g", "t", {{PartitionId(2)}, {PartitionId(0)}, {PartitionId(9)}});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
  ASSERT_EQ(answer->message.topics[0].partitions.size(), 3U);
  EXPECT_EQ(answer->message.topics[0].partitions[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(answer->message.topics[0].partitions[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(answer->message.topics[0].partitions[2].error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(client_->committed("g", "t", 0), -1);
  EXPECT_EQ(client_->committed("g", "t", 1), 6);
  EXPECT_EQ(remove("nobody", "t", {{PartitionId(0)}})->message.error_code,
            ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(remove("", "t", {{PartitionId(0)}})->message.error_code, ErrorCode::kInvalidGroupId);
  auto of_unknown = remove("nobody", "unknown", {{PartitionId(0)}});
  EXPECT_EQ(of_unknown->message.topics[0].partitions[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
  restart();
  ASSERT_TRUE(eventually([&] { return sum(&groups::GroupCounters::loading) == 0; }));
  EXPECT_EQ(client_->committed("g", "t", 0), -1);
  EXPECT_EQ(client_->committed("g", "t", 1), 6);
}

TEST_P(GroupOffsetsTest, OffsetsOutliveTheServer) {
  constexpr int kGroups = 40;
  for (int i = 0; i < kGroups; ++i) {
    const std::string group = "g" + std::to_string(i);
    for (std::int32_t partition = 0; partition < 3; ++partition) {
      ASSERT_EQ(client_->commit({.group = group, .partition = partition, .offset = 1}),
                ErrorCode::kNone);
      ASSERT_EQ(
          client_->commit({.group = group, .partition = partition, .offset = 100 * i + partition}),
          ErrorCode::kNone);
    }
  }
  for (int times = 0; times < 2; ++times) {
    restart();
    ASSERT_TRUE(eventually([&] { return sum(&groups::GroupCounters::loading) == 0; }));
    EXPECT_EQ(sum(&groups::GroupCounters::groups), std::uint64_t{kGroups});
    EXPECT_EQ(sum(&groups::GroupCounters::offsets), std::uint64_t{3 * kGroups});
    for (int i = 0; i < kGroups; ++i) {
      const std::string group = "g" + std::to_string(i);
      for (std::int32_t partition = 0; partition < 3; ++partition) {
        EXPECT_EQ(client_->committed(group, "t", partition), 100 * i + partition);
      }
    }
  }
}

TEST_P(GroupOffsetsTest, FindCoordinatorMakesTheTopicAndNamesThisServer) {
  auto old =
      client_->call<kafka::FindCoordinatorResponse>(2, kafka::FindCoordinatorRequest{.key = "g"});
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->message.error_code, ErrorCode::kNone);
  EXPECT_EQ(old->message.node_id, 1);
  EXPECT_EQ(old->message.port, server_.port());
  EXPECT_EQ(old->message.error_message, "NONE");
  std::string_view keys[] = {"a", "b"};
  auto many = client_->call<kafka::FindCoordinatorResponse>(
      4, kafka::FindCoordinatorRequest{.coordinator_keys = all(keys)});
  ASSERT_NE(many, nullptr);
  ASSERT_EQ(many->message.coordinators.size(), 2U);
  EXPECT_EQ(many->message.coordinators[1].key, "b");
  EXPECT_EQ(many->message.coordinators[1].node_id, 1);
  EXPECT_EQ(many->message.coordinators[1].error_message, "");
  kafka::MetadataRequest::Topic topic{.name = "__consumer_offsets"};
  auto metadata = client_->call<kafka::MetadataResponse>(
      5,
      kafka::MetadataRequest{.topics = std::span(&topic, 1), .allow_auto_topic_creation = false});
  ASSERT_NE(metadata, nullptr);
  EXPECT_EQ(metadata->message.topics[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(metadata->message.topics[0].partitions.size(), 5U);
  EXPECT_TRUE(metadata->message.topics[0].is_internal);
}

TEST_P(GroupOffsetsTest, ManyClientsThatComeFirstAtTheSameTimeAreAllServed) {
  std::vector<std::unique_ptr<OffsetClient>> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(std::make_unique<OffsetClient>(server_.port()));
  for (auto& client : clients) {
    client->send(2, kafka::FindCoordinatorRequest{.key = "g"});
  }
  for (auto& client : clients) {
    auto answer = client->receive<kafka::FindCoordinatorResponse>(2);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
  }
}

TEST_P(GroupOffsetsTest, CommitsUnderWayDoNotKeepTheServerFromStopping) {
  ASSERT_EQ(client_->commit({.group = "warm-up"}), ErrorCode::kNone);
  OffsetCommitRequest::Topic::Partition partition{.partition_index = PartitionId(0),
                                                  .committed_offset = Offset(1)};
  OffsetCommitRequest::Topic topic{.name = "t", .partitions = std::span(&partition, 1)};
  for (int i = 0; i < 200; ++i) {
    const std::string group = "stop-" + std::to_string(i);
    client_->send(8, OffsetCommitRequest{.group_id = group, .topics = std::span(&topic, 1)});
  }
  server_.stop();
  // What was answered without an error is there.
  std::vector<int> acked;
  for (int i = 0; i < 200; ++i) {
    auto answer = client_->receive<OffsetCommitResponse>(8);
    if (answer == nullptr) break;
    if (answer->message.topics[0].partitions[0].error_code == ErrorCode::kNone) acked.push_back(i);
  }
  restart();
  ASSERT_TRUE(eventually([&] { return sum(&groups::GroupCounters::loading) == 0; }));
  for (const int i : acked) EXPECT_EQ(client_->committed("stop-" + std::to_string(i)), 1) << i;
}

}  // namespace
}  // namespace duolog::session

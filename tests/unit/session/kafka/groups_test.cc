// Consumer groups over connections of several shards.
#include <algorithm>

#include "net/kafka/group_offsets.h"
#include "tests/unit/session/kafka/group_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

class KafkaGroupsTest : public testing::Test {
 protected:
  static TestServerOptions options() {
    TestServerOptions options;
    options.shards = 3;
    options.groups.members.initial_rebalance_delay_ms = 0;
    return options;
  }
  [[nodiscard]] std::unique_ptr<GroupClient> member(
      std::string group = "group", std::optional<std::string> instance = std::nullopt) {
    return std::make_unique<GroupClient>(server.port(), std::move(group), std::move(instance));
  }
  // A group of one member, which has its assignment.
  [[nodiscard]] std::unique_ptr<GroupClient> stable_member(
      std::string group, std::optional<std::string> instance = std::nullopt) {
    auto one = member(std::move(group), std::move(instance));
    EXPECT_EQ(one->join(), ErrorCode::kNone);
    EXPECT_EQ(one->sync({{one->id, "mine"}}), ErrorCode::kNone);
    return one;
  }

  // Commits one offset of a topic that it makes, as a member or without being one.
  static void commit_one(GroupClient& one) {
    ASSERT_EQ(one.client.create_topic("topic", 1), ErrorCode::kNone);
    kafka::OffsetCommitRequest::Topic::Partition partition{.committed_offset = Offset(5)};
    kafka::OffsetCommitRequest::Topic topic{.name = "topic",
                                            .partitions = std::span(&partition, 1)};
    const auto committed = one.client.call<kafka::OffsetCommitResponse>(
        7, kafka::OffsetCommitRequest{.group_id = one.group,
                                      .generation_id_or_member_epoch = one.generation,
                                      .member_id = one.id,
                                      .topics = std::span(&topic, 1)});
    EXPECT_EQ(committed->message.topics[0].partitions[0].error_code, ErrorCode::kNone);
  }

  TestServer server{options()};
};

TEST_F(KafkaGroupsTest, MembersOnDifferentShardsShareAGroup) {
  auto first = member();
  ASSERT_EQ(first->join(), ErrorCode::kNone);
  EXPECT_EQ(first->generation, 1);
  EXPECT_TRUE(first->leads());
  EXPECT_EQ(first->sync({{first->id, "all"}}), ErrorCode::kNone);
  EXPECT_EQ(first->assignment, "all");

  // Connections go round the shards.
  std::vector<std::unique_ptr<GroupClient>> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(member());
    others.back()->send_join(3);
  }
  ASSERT_TRUE(eventually([&] { return first->heartbeat() == ErrorCode::kRebalanceInProgress; }));
  // All are in before the one that holds the rebalance up.
  ASSERT_TRUE(eventually([&] {
    const auto described = first->describe("group");
    return described->message.groups[0].members.size() == 6;
  }));
  ASSERT_EQ(first->join(), ErrorCode::kNone);
  EXPECT_EQ(first->generation, 2);
  ASSERT_EQ(first->answer->message.members.size(), 6U);
  GroupClient::Assignments assignments;
  for (const auto& one : first->answer->message.members) {
    EXPECT_EQ(as_text(one.metadata), "metadata");
    assignments.emplace_back(std::string(one.member_id), "for " + std::string(one.member_id));
  }
  for (auto& other : others) {
    ASSERT_EQ(other->joined(3), ErrorCode::kNone);
    EXPECT_EQ(other->generation, 2);
    EXPECT_FALSE(other->leads());
    EXPECT_TRUE(other->answer->message.members.empty());
    other->send_sync();
  }
  EXPECT_EQ(first->sync(assignments), ErrorCode::kNone);
  for (auto& other : others) {
    EXPECT_EQ(other->synced(), ErrorCode::kNone);
    EXPECT_EQ(other->assignment, "for " + other->id);
    EXPECT_EQ(other->heartbeat(), ErrorCode::kNone);
  }
  EXPECT_EQ(others[0]->leave(), ErrorCode::kNone);
  EXPECT_EQ(first->heartbeat(), ErrorCode::kRebalanceInProgress);
}

TEST_F(KafkaGroupsTest, ServesEveryVersion) {
  for (std::int16_t version = 0; version <= 9; ++version) {
    auto one = member("versions-" + std::to_string(version));
    const auto others = std::min<std::int16_t>(version, 5);
    ASSERT_EQ(one->join(version), ErrorCode::kNone) << version;
    EXPECT_EQ(one->generation, 1);
    ASSERT_EQ(one->sync({{one->id, "mine"}}, others), ErrorCode::kNone) << version;
    EXPECT_EQ(one->assignment, "mine");
    EXPECT_EQ(one->heartbeat(std::min<std::int16_t>(version, 4)), ErrorCode::kNone);
    EXPECT_EQ(one->leave(others), ErrorCode::kNone);
    EXPECT_EQ(one->leave(others), ErrorCode::kUnknownMemberId);
    EXPECT_EQ(one->heartbeat(), ErrorCode::kUnknownMemberId);
  }
}

TEST_F(KafkaGroupsTest, WhatIsAskedBehindAWaitingJoinIsAnsweredAfterIt) {
  auto first = stable_member("group");
  auto second = member();
  second->send_join(3);
  second->client.send(0, kafka::ListGroupsRequest{});
  ASSERT_TRUE(eventually([&] { return first->heartbeat() == ErrorCode::kRebalanceInProgress; }));
  EXPECT_TRUE(second->client.silent());
  EXPECT_EQ(first->join(), ErrorCode::kNone);
  EXPECT_EQ(second->joined(3), ErrorCode::kNone);
  EXPECT_NE(second->client.receive<kafka::ListGroupsResponse>(0), nullptr);
}

TEST_F(KafkaGroupsTest, AfterARestartMembersGoOnWithTheSameGeneration) {
  auto dynamic = stable_member("dynamic");
  auto fixed = stable_member("fixed", "one");
  server.restart();
  auto again = member("dynamic");
  again->id = dynamic->id;
  again->generation = dynamic->generation;
  EXPECT_EQ(again->heartbeat(), ErrorCode::kNone);
  EXPECT_EQ(again->sync(), ErrorCode::kNone);
  EXPECT_EQ(again->assignment, "mine");
  auto fixed_again = member("fixed", "one");
  ASSERT_EQ(fixed_again->join(), ErrorCode::kNone);
  EXPECT_EQ(fixed_again->generation, 1);
  EXPECT_NE(fixed_again->id, fixed->id);
  EXPECT_EQ(fixed_again->sync(), ErrorCode::kNone);
  EXPECT_EQ(fixed_again->assignment, "mine");
  fixed_again->id = fixed->id;
  EXPECT_EQ(fixed_again->heartbeat(), ErrorCode::kFencedInstanceId);
}

TEST_F(KafkaGroupsTest, AfterARestartAnEmptyGroupWithOffsetsIsStillThere) {
  auto one = stable_member("group");
  commit_one(*one);  // without offsets, a sweep after the start removes it
  EXPECT_EQ(one->leave(), ErrorCode::kNone);
  ASSERT_TRUE(eventually([&] { return one->list({"Empty"}).size() == 1; }));
  server.restart();
  auto next = member();
  EXPECT_EQ(next->list({"empty"}), std::vector<std::string>{"group"});
  ASSERT_EQ(next->join(), ErrorCode::kNone);
  EXPECT_GT(next->generation, one->generation);
}

TEST_F(KafkaGroupsTest, AMemberWhoseConnectionEndsIsRemovedWhenItsSessionDoes) {
  TestServerOptions other = options();
  other.groups.members.min_session_timeout_ms = 1;
  TestServer quick(other);
  auto lost = std::make_unique<GroupClient>(quick.port());
  lost->session_timeout_ms = 50;
  ASSERT_EQ(lost->join(), ErrorCode::kNone);
  // It may be over before the sync, where the machine is slow: then the next one is longer.
  while (lost->sync() == ErrorCode::kUnknownMemberId) {
    lost->id.clear();
    lost->session_timeout_ms *= 2;
    ASSERT_EQ(lost->join(), ErrorCode::kNone);
  }
  lost.reset();
  GroupClient watcher(quick.port());
  EXPECT_TRUE(eventually([&] { return watcher.list({"Empty"}).size() == 1; }));
}

TEST_F(KafkaGroupsTest, AConnectionThatEndsWhileItsJoinWaitsHarmsNobody) {
  auto first = stable_member("group");
  {
    auto second = member();
    second->send_join(3);
    ASSERT_TRUE(eventually([&] { return first->heartbeat() == ErrorCode::kRebalanceInProgress; }));
  }
  EXPECT_EQ(first->join(), ErrorCode::kNone);
  EXPECT_EQ(first->answer->message.members.size(), 2U);
}

TEST_F(KafkaGroupsTest, AServerThatStopsAnswersWhoWaits) {
  auto first = stable_member("group");
  auto second = member();
  second->send_join(3);
  ASSERT_TRUE(eventually([&] { return first->heartbeat() == ErrorCode::kRebalanceInProgress; }));
  server.stop();
  EXPECT_EQ(second->joined(3), ErrorCode::kNotCoordinator);
}

TEST_F(KafkaGroupsTest, RefusesWhatNamesNoGroupAndGroupsThatAreNotThere) {
  auto nobody = member("");
  EXPECT_EQ(nobody->join(), ErrorCode::kInvalidGroupId);
  EXPECT_EQ(nobody->sync(), ErrorCode::kInvalidGroupId);
  EXPECT_EQ(nobody->heartbeat(), ErrorCode::kInvalidGroupId);
  EXPECT_EQ(nobody->leave(), ErrorCode::kInvalidGroupId);
  auto stranger = member("not-there");
  stranger->id = "stranger";
  EXPECT_EQ(stranger->join(), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(stranger->sync(), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(stranger->heartbeat(), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(stranger->leave(5), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(stranger->leave(2), ErrorCode::kUnknownMemberId);
  EXPECT_TRUE(stranger->list().empty());
  auto hasty = member();
  hasty->session_timeout_ms = 5'999;
  EXPECT_EQ(hasty->join(), ErrorCode::kInvalidSessionTimeout);
}

TEST_F(KafkaGroupsTest, DescribesGroupsOfAnyShard) {
  auto one = stable_member("described", "one");
  auto admin = member();
  auto answer = admin->describe("described");
  ASSERT_EQ(answer->message.groups.size(), 1U);
  const auto& group = answer->message.groups[0];
  EXPECT_EQ(group.error_code, ErrorCode::kNone);
  EXPECT_EQ(group.group_id, "described");
  EXPECT_EQ(group.group_state, "Stable");
  EXPECT_EQ(group.protocol_type, "consumer");
  EXPECT_EQ(group.protocol_data, "range");
  ASSERT_EQ(group.members.size(), 1U);
  EXPECT_EQ(group.members[0].member_id, one->id);
  EXPECT_EQ(group.members[0].group_instance_id, "one");
  EXPECT_EQ(group.members[0].client_id, "test");
  EXPECT_EQ(group.members[0].client_host, "/127.0.0.1");
  EXPECT_EQ(as_text(group.members[0].member_metadata), "metadata");
  EXPECT_EQ(as_text(group.members[0].member_assignment), "mine");
  EXPECT_EQ(group.authorized_operations, kafka::kOperationsNotAsked);
  answer = admin->describe("not-there");
  EXPECT_EQ(answer->message.groups[0].error_code, ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(answer->message.groups[0].error_message, "Group not-there not found.");
  EXPECT_EQ(answer->message.groups[0].group_state, "Dead");
  answer = admin->describe("not-there", 5);
  EXPECT_EQ(answer->message.groups[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(answer->message.groups[0].group_state, "Dead");
}

TEST_F(KafkaGroupsTest, ListsTheGroupsOfAllShardsByStateAndType) {
  std::vector<std::unique_ptr<GroupClient>> members;
  std::vector<std::string> all;
  for (int i = 10; i < 22; ++i) {
    all.push_back("group-" + std::to_string(i));
    members.push_back(stable_member(all.back()));
  }
  auto admin = member();
  EXPECT_EQ(admin->list(), all);
  EXPECT_EQ(admin->list({"Stable"}), all);
  EXPECT_TRUE(admin->list({"Empty"}).empty());
  EXPECT_EQ(members[3]->leave(), ErrorCode::kNone);
  EXPECT_EQ(admin->list({"Empty"}), std::vector<std::string>{"group-13"});
  EXPECT_EQ(admin->list({"emPty", "stable"}), all);
  EXPECT_EQ(admin->list({}, {"Classic"}), all);
  EXPECT_TRUE(admin->list({}, {"consumer"}).empty());
  EXPECT_TRUE(admin->list({}, {"no such type"}).empty());
}

TEST_F(KafkaGroupsTest, AGroupThatIsDeletedStaysDeletedAfterARestart) {
  auto one = stable_member("group");
  auto kept = stable_member("kept");
  auto admin = member();
  EXPECT_EQ(admin->remove("group"), ErrorCode::kNonEmptyGroup);
  EXPECT_EQ(admin->remove("not-there"), ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(one->leave(), ErrorCode::kNone);
  EXPECT_EQ(admin->remove("group"), ErrorCode::kNone);
  EXPECT_EQ(admin->remove("group"), ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(admin->list(), std::vector<std::string>{"kept"});
  server.restart();
  admin = member();
  EXPECT_EQ(admin->list(), std::vector<std::string>{"kept"});
  auto next = member();
  ASSERT_EQ(next->join(), ErrorCode::kNone);
  EXPECT_EQ(next->generation, 1);
}

// Offsets may be committed for the group that has no name, as ever in Kafka.
TEST_F(KafkaGroupsTest, TheGroupWithoutANameIsDeletedLikeOthers) {
  auto admin = member("");
  commit_one(*admin);
  EXPECT_EQ(admin->list(), std::vector<std::string>{""});
  EXPECT_EQ(admin->remove(""), ErrorCode::kNone);
  EXPECT_TRUE(admin->list().empty());
}

TEST_F(KafkaGroupsTest, ThereAreNoMoreGroupsThanTheLimit) {
  TestServerOptions other = options();
  other.groups.max_groups = 2;
  TestServer small(other);
  std::vector<std::unique_ptr<GroupClient>> members;
  std::size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    members.push_back(std::make_unique<GroupClient>(small.port(), "g" + std::to_string(i)));
    const ErrorCode error = members.back()->join();
    if (error != ErrorCode::kNone) {
      EXPECT_EQ(error, ErrorCode::kPolicyViolation);
      ++refused;
    }
  }
  EXPECT_GE(refused, 14U);
  std::uint64_t counted = 0;
  for (std::uint16_t i = 0; i < 3; ++i) {
    counted += small.coordinators().on(ShardId(i)).counters().refused_groups.get();
  }
  EXPECT_EQ(counted, refused);
}

TEST_F(KafkaGroupsTest, ARequestThatIsTooLargeToBeKeptClosesItsConnection) {
  auto one = member("group");
  const std::string bytes(4U << 20, 'a');
  one->send_sync({{"member", bytes}});
  EXPECT_EQ(one->synced(), ErrorCode::kNetworkException);
  EXPECT_EQ(server.closed(KafkaClose::kBadRequest), 1U);
}

}  // namespace
}  // namespace duolog::session

// What a group is, begins with and ends with; commits; and what consumers subscribe to.
#include "engine/groups/consumer_protocol.h"
#include "engine/groups/group.h"
#include "tests/unit/groups/group_fixture.h"

namespace duolog::groups {
namespace {

using std::string_literals::operator""s;

const std::string kSubscription =
    "\0\1"      // version 1
    "\0\0\0\2"  // two topics
    "\0\3abc\0\1d"
    "\xff\xff\xff\xff"  // no user data
    "\0\0\0\0"s;        // no owned partitions

class ClassicGroupLifeTest : public ClassicGroupTest {
 protected:
  // The server has stopped or died, and has the group again.
  void start_again(const GroupMetadata& stored) {
    group = std::make_unique<ClassicGroup>(host, "group", stored);
  }
};

TEST_F(ClassicGroupLifeTest, AfterAStartMembersGoOnWithTheSameGeneration) {
  const auto ids = make_stable({{}, {}});
  const GroupMetadata stored = host.stored.back();
  host.now_ms += 1'000;
  start_again(stored);
  EXPECT_EQ(group->state(), GroupState::kStable);
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
  EXPECT_EQ(heartbeat(ids[1], 1), ErrorCode::kNone);
  EXPECT_EQ((*sync(ids[1], 1))->assignment, "for " + ids[1]);
  EXPECT_EQ(group->validate_commit(ids[0], std::nullopt, 1), ErrorCode::kNone);
  const auto again = join({.member_id = ids[1]});
  ASSERT_TRUE(*again);  // nothing has changed
  EXPECT_EQ((*again)->generation, 1);
  EXPECT_EQ((*again)->leader, ids[0]);
  EXPECT_EQ(host.its_counters.rebalances.get(), 1U);
  EXPECT_FALSE(*join({.member_id = ids[0]}));
}

TEST_F(ClassicGroupLifeTest, AfterAStartMembersThatDoNotComeBackExpire) {
  make_stable({{.session_timeout_ms = 10'000}, {.session_timeout_ms = 10'000}});
  start_again(group->metadata());
  host.advance(9'999);
  EXPECT_EQ(group->members(), 2U);
  host.advance(1);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
}

TEST_F(ClassicGroupLifeTest, AfterAStartStaticMembersKeepTheirNames) {
  const auto ids = make_stable({{.instance_id = "one", .version = 5}});
  start_again(group->metadata());
  EXPECT_EQ(heartbeat("other", 1, "one"), ErrorCode::kFencedInstanceId);
  EXPECT_EQ(heartbeat(ids[0], 1, "one"), ErrorCode::kNone);
}

TEST_F(ClassicGroupLifeTest, AfterAStartAnEmptyGroupCountsItsGenerationsOn) {
  const auto ids = make_stable({{}});
  leave(ids[0]);
  start_again(host.stored.back());
  EXPECT_EQ(group->state(), GroupState::kEmpty);
  EXPECT_TRUE(group->idle());
  const auto joined = join();
  pass_initial_delay();
  EXPECT_EQ((*joined)->generation, 3);
}

TEST_F(ClassicGroupLifeTest, AfterAStartAGroupThatIsTooLargeNowRebalances) {
  make_stable({{}, {}});
  const GroupMetadata stored = group->metadata();
  host.its_settings.max_size = 1;
  start_again(stored);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupLifeTest, MetadataSurvivesItsOwnRoundTrip) {
  make_stable({{.instance_id = "one", .version = 5}, {}});
  const GroupMetadata before = group->metadata();
  start_again(before);
  const GroupMetadata after = group->metadata();
  EXPECT_EQ(after.generation, before.generation);
  EXPECT_EQ(after.leader, before.leader);
  EXPECT_EQ(after.state_since, before.state_since);
  ASSERT_EQ(after.members.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after.members[i].member_id, before.members[i].member_id);
    EXPECT_EQ(after.members[i].group_instance_id, before.members[i].group_instance_id);
    EXPECT_EQ(after.members[i].client_id, "client");
    EXPECT_EQ(after.members[i].assignment, before.members[i].assignment);
    EXPECT_EQ(after.members[i].subscription, "m");
    EXPECT_EQ(after.members[i].session_timeout_ms, 10'000);
    EXPECT_EQ(after.members[i].rebalance_timeout_ms, 60'000);
  }
}

TEST_F(ClassicGroupLifeTest, StoppingAnswersEverybodyWhoWaits) {
  const auto ids = make_stable({{}, {}});
  const auto waiting = join({.member_id = ids[0]});
  group->stop();
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error, ErrorCode::kNotCoordinator);
  EXPECT_EQ(host.timers_.next_deadline_ns(), runtime::Timers::kNever);
  // Who asks later is to look for the coordinator again.
  EXPECT_EQ((*join())->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ((*sync(ids[0], 1))->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(group->validate_commit(ids[0], std::nullopt, 1), ErrorCode::kCoordinatorNotAvailable);
  ErrorCode left = ErrorCode::kNone;
  group->leave({.member_id = ids[0]}, 0,
               [&](const kafka::LeaveGroupResponse& response) { left = response.error_code; });
  EXPECT_EQ(left, ErrorCode::kCoordinatorNotAvailable);
}

TEST_F(ClassicGroupLifeTest, StoppingAnswersWhoWaitsForAnAssignment) {
  const auto first = join();
  const auto second = join();
  host.advance(6'000);
  const auto waiting = sync((*second)->member_id, 1);
  group->stop();
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error, ErrorCode::kNotCoordinator);
}

TEST_F(ClassicGroupLifeTest, OnlyAnEmptyGroupMayBeDeleted) {
  EXPECT_EQ(group->check_deletion(), ErrorCode::kNone);
  const auto joined = join();
  EXPECT_EQ(group->check_deletion(), ErrorCode::kNonEmptyGroup);
  pass_initial_delay();
  EXPECT_EQ(group->check_deletion(), ErrorCode::kNonEmptyGroup);
  sync((*joined)->member_id, 1);
  EXPECT_EQ(group->check_deletion(), ErrorCode::kNonEmptyGroup);
  leave((*joined)->member_id);
  EXPECT_EQ(group->check_deletion(), ErrorCode::kNone);
  group->stop();
  EXPECT_EQ(group->check_deletion(), ErrorCode::kGroupIdNotFound);
}

TEST_F(ClassicGroupLifeTest, CommitsAreForMembersOfTheGenerationOrForNobody) {
  EXPECT_EQ(group->validate_commit("", std::nullopt, -1), ErrorCode::kNone);
  EXPECT_EQ(group->validate_commit("stranger", std::nullopt, -1), ErrorCode::kNone);
  EXPECT_EQ(group->validate_commit("stranger", std::nullopt, 3), ErrorCode::kUnknownMemberId);
  const auto joined = join();
  pass_initial_delay();
  const std::string id = (*joined)->member_id;
  EXPECT_EQ(group->validate_commit(id, std::nullopt, 1), ErrorCode::kRebalanceInProgress);
  sync(id, 1);
  EXPECT_EQ(group->validate_commit(id, std::nullopt, 1), ErrorCode::kNone);
  EXPECT_EQ(group->validate_commit(id, std::nullopt, 0), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(group->validate_commit(id, std::nullopt, -1), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(group->validate_commit("stranger", std::nullopt, 1), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(group->validate_commit("", std::nullopt, -1), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(group->validate_commit("", "nobody", -1), ErrorCode::kUnknownMemberId);
  join();  // all join again, and commit before they do
  EXPECT_EQ(group->validate_commit(id, std::nullopt, 1), ErrorCode::kNone);
}

TEST_F(ClassicGroupLifeTest, ACommitCountsAsAHeartbeat) {
  const auto ids = make_stable({{.session_timeout_ms = 10'000}});
  for (int i = 0; i < 3; ++i) {
    host.advance(9'999);
    EXPECT_EQ(group->validate_commit(ids[0], std::nullopt, 1), ErrorCode::kNone);
  }
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupLifeTest, DescribesMetadataOnlyWhileItIsStable) {
  kafka::Arena arena;
  const auto first = join({.instance_id = "one", .version = 5});
  auto described = group->describe(arena);
  EXPECT_EQ(described.group_state, "PreparingRebalance");
  EXPECT_EQ(described.protocol_type, "consumer");
  EXPECT_EQ(described.protocol_data, "");
  ASSERT_EQ(described.members.size(), 1U);
  EXPECT_TRUE(described.members[0].member_metadata.empty());
  pass_initial_delay();
  EXPECT_EQ(group->describe(arena).group_state, "CompletingRebalance");
  const std::string id = (*first)->member_id;
  sync(id, 1, {.assignments = {{id, "a"}}});
  described = group->describe(arena);
  EXPECT_EQ(described.group_state, "Stable");
  EXPECT_EQ(described.protocol_data, "range");
  EXPECT_EQ(described.members[0].member_id, id);
  EXPECT_EQ(described.members[0].group_instance_id, "one");
  EXPECT_EQ(described.members[0].client_id, "client");
  EXPECT_EQ(described.members[0].client_host, "/127.0.0.1");
  EXPECT_EQ(as_text(described.members[0].member_metadata), "m");
  EXPECT_EQ(as_text(described.members[0].member_assignment), "a");
  leave("", "one");
  described = group->describe(arena);
  EXPECT_EQ(described.group_state, "Empty");
  EXPECT_TRUE(described.members.empty());
  EXPECT_EQ(group->summary().group_state, "Empty");
  EXPECT_EQ(group->summary().protocol_type, "consumer");
  EXPECT_EQ(group->summary().group_type, "classic");
  EXPECT_EQ(name(GroupState::kDead), "Dead");
}

TEST_F(ClassicGroupLifeTest, KnowsTheTopicsThatItsConsumersReadOnceAProtocolIsChosen) {
  EXPECT_FALSE(group->is_subscribed_to("abc"));
  const auto joined = join({.protocols = {{"range", kSubscription}}});
  EXPECT_TRUE(group->is_subscribed_to("other"));  // it might be
  pass_initial_delay();
  EXPECT_TRUE(group->is_subscribed_to("abc"));
  EXPECT_TRUE(group->is_subscribed_to("d"));
  EXPECT_FALSE(group->is_subscribed_to("other"));
  leave((*joined)->member_id);
  EXPECT_FALSE(group->is_subscribed_to("abc"));
}

TEST_F(ClassicGroupLifeTest, AGroupWhoseSubscriptionsCannotBeReadMayReadEverything) {
  make_stable({{.protocols = {{"range", kSubscription}}}, {.protocols = {{"range", "?"}}}});
  EXPECT_TRUE(group->is_subscribed_to("other"));
  EXPECT_FALSE(group->subscriptions_known());
}

TEST_F(ClassicGroupLifeTest, AGroupOfOtherClientsReadsNoTopics) {
  make_stable({{.protocol_type = "connect", .protocols = {{"eager", kSubscription}}}});
  EXPECT_FALSE(group->is_subscribed_to("abc"));
}

TEST(ConsumerProtocolTest, EveryPrefixOfASubscriptionIsHandled) {
  const auto whole = subscribed_topics(as_bytes(kSubscription));
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, (std::vector<std::string_view>{"abc", "d"}));
  const std::size_t topics_end = 2 + 4 + 5 + 3;
  for (std::size_t size = 0; size < topics_end; ++size) {
    EXPECT_FALSE(subscribed_topics(as_bytes(kSubscription).first(size))) << size;
  }
}

TEST(ConsumerProtocolTest, HostileLengthsAreRefused) {
  EXPECT_FALSE(subscribed_topics(as_bytes("\0\0\x7f\xff\xff\xff"s)));
  EXPECT_FALSE(subscribed_topics(as_bytes("\0\0\xff\xff\xff\xff"s)));
  EXPECT_FALSE(subscribed_topics(as_bytes("\0\0\0\0\0\1\xff\xff"s)));
  EXPECT_FALSE(subscribed_topics(as_bytes("\0\0\0\0\0\1\x7f\xff"s)));
  EXPECT_FALSE(subscribed_topics(as_bytes("\xff\xff\0\0\0\0"s)));
  EXPECT_TRUE(subscribed_topics(as_bytes("\0\0\0\0\0\0"s)));
}

TEST_F(ClassicGroupLifeTest, MembersThatCannotBeWhatWasStoredAreNotTakenOver) {
  make_stable({{.instance_id = "one", .version = 5}});
  GroupMetadata stored = group->metadata();
  stored.members.push_back(stored.members[0]);
  start_again(stored);
  EXPECT_EQ(group->metadata().members.size(), 1U);
  EXPECT_EQ(group->state(), GroupState::kStable);
  // It comes back, and the group still knows what all of its members know.
  const auto back = join({.instance_id = "one", .version = 5});
  ASSERT_TRUE(*back);
  EXPECT_EQ((*back)->error, ErrorCode::kNone);

  stored.protocol.reset();
  start_again(stored);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
  EXPECT_TRUE(group->idle());
}

TEST_F(ClassicGroupLifeTest, IfItCouldNotBeStoredThatAGroupIsEmptyItIsSinceItIsAllTheSame) {
  const auto ids = make_stable({{}});
  Group whole("group", PartitionId(0));
  whole.stored = group->metadata();
  whole.classic = std::move(group);
  EXPECT_FALSE(whole.is_stored_with_former_members());
  host.holds = true;
  host.advance(5'000);
  kafka::LeaveGroupRequest::Member member{.member_id = ids[0]};
  whole.classic->leave({.members = std::span(&member, 1)}, 3, [](const auto& /*response*/) {});
  host.finish_stores(ErrorCode::kKafkaStorageError);
  EXPECT_FALSE(whole.in_use());
  EXPECT_EQ(whole.state_since(), host.wall_now());
  EXPECT_NE(whole.state_since(), whole.stored->state_since);
  EXPECT_TRUE(whole.is_stored_with_former_members());
}

TEST_F(ClassicGroupLifeTest, AStableGroupOfConsumersLeavesOutWhatNoneOfThemReads) {
  make_stable({{.protocols = {{"range", "\0\0\0\0\0\1\0\1t"s}}}});
  Group whole("group", PartitionId(0));
  whole.classic = std::move(group);
  EXPECT_FALSE(whole.leaves_out("t"));
  EXPECT_TRUE(whole.leaves_out("u"));
  // While they rebalance, nobody knows what they will read; nor ever, with other protocols.
  group = std::make_unique<ClassicGroup>(host, "group");
  make_stable({{.protocol_type = "connect"}});
  whole.classic = std::move(group);
  EXPECT_FALSE(whole.leaves_out("u"));
  group = std::make_unique<ClassicGroup>(host, "group");
  join({.protocols = {{"range", "\0\0\0\0\0\1\0\1t"s}}});
  whole.classic = std::move(group);
  EXPECT_FALSE(whole.leaves_out("u"));
}

}  // namespace
}  // namespace duolog::groups

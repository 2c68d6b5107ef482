// Static members (KIP-345, KIP-814).
#include "tests/unit/groups/group_fixture.h"

namespace duolog::groups {
namespace {

class ClassicGroupStaticTest : public ClassicGroupTest {
 protected:
  static JoinOptions named(const std::string& instance_id, std::int16_t version = 5) {
    return {.instance_id = instance_id, .version = version};
  }
};

TEST_F(ClassicGroupStaticTest, AStaticMemberNeedsNoMemberIdBeforehand) {
  const auto joined = join(named("one"));
  pass_initial_delay();
  ASSERT_TRUE(*joined);
  EXPECT_EQ((*joined)->error, ErrorCode::kNone);
}

TEST_F(ClassicGroupStaticTest, AFollowerThatComesBackGetsANewIdAndKeepsItsAssignment) {
  const auto ids = make_stable({named("one"), named("two")});
  const auto again = join(named("two"));
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->error, ErrorCode::kNone);
  EXPECT_EQ((*again)->generation, 1);
  EXPECT_NE((*again)->member_id, ids[1]);
  EXPECT_EQ((*again)->leader, ids[0]);
  EXPECT_EQ(group->state(), GroupState::kStable);
  const auto synced = sync((*again)->member_id, 1, {.instance_id = "two"});
  EXPECT_EQ((*synced)->assignment, "for " + ids[1]);
  ASSERT_EQ(host.stored.size(), 2U);  // the new id outlives the server
  bool found = false;
  for (const auto& member : host.stored[1].members) {
    found = found || member.member_id == (*again)->member_id;
  }
  EXPECT_TRUE(found);
}

TEST_F(ClassicGroupStaticTest, TheNewIdIsStoredBeforeItsMemberIsAnswered) {
  make_stable({named("one"), named("two")});
  host.holds = true;
  const auto again = join(named("two"));
  EXPECT_FALSE(*again);
  host.finish_stores(ErrorCode::kNone);
  EXPECT_TRUE(*again);
}

TEST_F(ClassicGroupStaticTest, IfTheNewIdCannotBeStoredTheOldOneStays) {
  const auto ids = make_stable({named("one"), named("two")});
  host.holds = true;
  auto options = named("two");
  options.protocols = {{"range", "other"}};
  const auto again = join(options);
  host.finish_stores(ErrorCode::kUnknownTopicOrPartition);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ((*again)->member_id, "");
  EXPECT_EQ(heartbeat(ids[1], 1, "two"), ErrorCode::kNone);
  for (const auto& member : group->metadata().members) EXPECT_EQ(member.subscription, "m");
}

TEST_F(ClassicGroupStaticTest, ALeaderThatComesBackIsToldInVersion9ToSkipTheAssignment) {
  const auto ids = make_stable({named("one"), named("two")});
  const auto again = join(named("one", 9));
  ASSERT_TRUE(*again);
  EXPECT_TRUE((*again)->skip_assignment);
  EXPECT_EQ((*again)->leader, (*again)->member_id);
  EXPECT_EQ((*again)->members.size(), 2U);
  EXPECT_EQ(group->state(), GroupState::kStable);
}

TEST_F(ClassicGroupStaticTest, ALeaderThatComesBackIsNotToldInOlderVersionsThatItLeads) {
  const auto ids = make_stable({named("one"), named("two")});
  const auto again = join(named("one", 8));
  ASSERT_TRUE(*again);
  EXPECT_FALSE((*again)->skip_assignment);
  EXPECT_EQ((*again)->leader, ids[0]);
  EXPECT_TRUE((*again)->members.empty());
  // But it does: when it joins with its new id, all join again.
  EXPECT_FALSE(*join({.member_id = (*again)->member_id, .instance_id = "one", .version = 8}));
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupStaticTest, AFollowerThatComesBackInVersion9IsToldTheLeaderAndNoMembers) {
  const auto ids = make_stable({named("one"), named("two")});
  const auto again = join(named("two", 9));
  ASSERT_TRUE(*again);
  EXPECT_FALSE((*again)->skip_assignment);
  EXPECT_EQ((*again)->leader, ids[0]);
  EXPECT_TRUE((*again)->members.empty());
}

TEST_F(ClassicGroupStaticTest, AMemberThatComesBackAndChangesTheChosenProtocolBeginsARebalance) {
  auto both = named("one");
  both.protocols = {{"range", "r"}, {"sticky", "s"}};
  auto other = named("two");
  other.protocols = both.protocols;
  make_stable({both, other});
  other.protocols = {{"sticky", "s"}};
  EXPECT_FALSE(*join(other));
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupStaticTest, TheOldIdIsFencedEverywhere) {
  const auto ids = make_stable({named("one"), named("two")});
  const auto again = join(named("two"));
  ASSERT_TRUE(*again);
  EXPECT_EQ((*join({.member_id = ids[1], .instance_id = "two", .version = 5}))->error,
            ErrorCode::kFencedInstanceId);
  EXPECT_EQ((*sync(ids[1], 1, {.instance_id = "two"}))->error, ErrorCode::kFencedInstanceId);
  EXPECT_EQ(heartbeat(ids[1], 1, "two"), ErrorCode::kFencedInstanceId);
  EXPECT_EQ(leave(ids[1], "two"), ErrorCode::kFencedInstanceId);
  EXPECT_EQ(group->validate_commit(ids[1], "two", 1), ErrorCode::kFencedInstanceId);
  // Without its name it is just unknown.
  EXPECT_EQ(heartbeat(ids[1], 1), ErrorCode::kUnknownMemberId);
  // The new one goes on.
  EXPECT_EQ(heartbeat((*again)->member_id, 1, "two"), ErrorCode::kNone);
  EXPECT_EQ(group->validate_commit((*again)->member_id, "two", 1), ErrorCode::kNone);
}

TEST_F(ClassicGroupStaticTest, ANameThatNobodyHasIsUnknown) {
  const auto ids = make_stable({named("one")});
  EXPECT_EQ((*join({.member_id = ids[0], .instance_id = "nobody", .version = 5}))->error,
            ErrorCode::kUnknownMemberId);
  EXPECT_EQ((*sync(ids[0], 1, {.instance_id = "nobody"}))->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(heartbeat(ids[0], 1, "nobody"), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(leave(ids[0], "nobody"), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupStaticTest, OfTwoThatJoinWithTheSameNameTheFirstIsFenced) {
  const auto first = join(named("one"));
  const auto second = join(named("one"));
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->error, ErrorCode::kFencedInstanceId);
  EXPECT_EQ((*first)->protocol, std::nullopt);
  EXPECT_EQ(host.its_counters.members_fenced.get(), 1U);
  pass_initial_delay();
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error, ErrorCode::kNone);
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupStaticTest, OneThatWaitsForItsAssignmentIsFencedAndAllJoinAgain) {
  const auto first = join(named("one"));
  const auto second = join(named("two"));
  host.advance(6'000);
  const auto waiting = sync((*second)->member_id, 1, {.instance_id = "two"});
  const auto again = join(named("two"));
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error, ErrorCode::kFencedInstanceId);
  EXPECT_FALSE(*again);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  join({.member_id = (*first)->member_id, .instance_id = "one", .version = 5});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
}

TEST_F(ClassicGroupStaticTest, AnAdministratorRemovesAStaticMemberByItsName) {
  const auto ids = make_stable({named("one"), named("two")});
  EXPECT_EQ(leave("", "nobody"), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(leave("", std::nullopt), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(leave("", "two"), ErrorCode::kNone);
  EXPECT_EQ(group->members(), 1U);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  EXPECT_EQ(heartbeat(ids[1], 1, "two"), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupStaticTest, TheNameOfAMemberThatHasLeftIsFreeForAnother) {
  const auto ids = make_stable({named("one"), named("two")});
  EXPECT_EQ(leave(ids[1], "two"), ErrorCode::kNone);
  const auto next = join(named("two"));
  join({.member_id = ids[0], .instance_id = "one", .version = 5});
  ASSERT_TRUE(*next);
  EXPECT_EQ((*next)->error, ErrorCode::kNone);
  EXPECT_EQ((*next)->generation, 2);
  EXPECT_EQ(group->members(), 2U);
}

// Only their session ends them, and so a restart of a client costs no rebalance.
TEST_F(ClassicGroupStaticTest, StaticMembersThatDoNotJoinAgainStayUntilTheirSessionEnds) {
  auto first = named("one");
  first.session_timeout_ms = 100'000;
  first.rebalance_timeout_ms = 20'000;
  const auto ids = make_stable({first});
  const auto second = join({.session_timeout_ms = 100'000, .rebalance_timeout_ms = 20'000});
  host.advance(20'000);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->members.size(), 2U);
  EXPECT_EQ((*second)->leader, (*second)->member_id);  // the leader must be there
}

TEST_F(ClassicGroupStaticTest, IfNobodyJoinsAgainTheRebalanceGoesOnUntilSessionsEnd) {
  auto first = named("one");
  first.session_timeout_ms = 100'000;
  first.rebalance_timeout_ms = 20'000;
  auto second = named("two");
  second.session_timeout_ms = 100'000;
  second.rebalance_timeout_ms = 20'000;
  const auto ids = make_stable({first, second});
  EXPECT_EQ(leave("", "two"), ErrorCode::kNone);
  host.advance(99'999);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  EXPECT_EQ(group->members(), 1U);
  EXPECT_EQ(heartbeat(ids[0], 1, "one"), ErrorCode::kRebalanceInProgress);
  host.advance(99'999);
  EXPECT_EQ(group->members(), 1U);
  host.advance(1);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
}

TEST_F(ClassicGroupStaticTest, ARebalanceThatBeginsWhileTheNewIdIsStoredAnswersIt) {
  const auto ids = make_stable({named("one"), named("two")});
  host.holds = true;
  const auto again = join(named("two"));
  const auto third = join(named("three"));
  host.finish_stores(ErrorCode::kNone);
  EXPECT_FALSE(*again);
  join({.member_id = ids[0], .instance_id = "one", .version = 5});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
  ASSERT_TRUE(*third);
}

TEST_F(ClassicGroupStaticTest, StaticMembersWithoutARebalanceTimeoutDoNotKeepTheThreadBusy) {
  make_stable({{.instance_id = "one", .version = 5, .rebalance_timeout_ms = 0},
               {.rebalance_timeout_ms = 0}});
  for (const auto& member : group->metadata().members) {
    if (!member.group_instance_id) leave(member.member_id);
  }
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  const std::uint64_t until = host.now_ms + 5'000;
  for (int turns = 0; turns < 100; ++turns) {
    host.now_ms = std::max(host.now_ms, host.timers_.next_deadline_ns() / 1'000'000);
    host.timers_.expire(host.now_ns());
    if (host.now_ms > until) break;
  }
  EXPECT_GT(host.now_ms, until);
}

}  // namespace
}  // namespace duolog::groups

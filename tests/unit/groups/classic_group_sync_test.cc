// SyncGroup, heartbeats, sessions and leaving.
#include "tests/unit/groups/group_fixture.h"

namespace duolog::groups {
namespace {

class ClassicGroupSyncTest : public ClassicGroupTest {
 protected:
  // Two members that know their generation and wait for assignments; the first leads.
  std::vector<std::string> make_completing() {
    const auto first = join();
    const auto second = join();
    host.advance(6'000);
    return {(*first)->member_id, (*second)->member_id};
  }
};

TEST_F(ClassicGroupSyncTest, FollowersWaitForTheLeadersAssignment) {
  const auto ids = make_completing();
  const auto follower = sync(ids[1], 1);
  EXPECT_FALSE(*follower);
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], "a0"}, {ids[1], "a1"}}});
  ASSERT_TRUE(*leader);
  ASSERT_TRUE(*follower);
  EXPECT_EQ((*leader)->error, ErrorCode::kNone);
  EXPECT_EQ((*leader)->assignment, "a0");
  EXPECT_EQ((*follower)->assignment, "a1");
  EXPECT_EQ((*follower)->protocol_type, "consumer");
  EXPECT_EQ((*follower)->protocol, "range");
  EXPECT_EQ(group->state(), GroupState::kStable);
}

TEST_F(ClassicGroupSyncTest, AGroupThatHasNoProtocolYetContradictsNobody) {
  const auto required = join({.version = 4});
  const std::string id = (*required)->member_id;
  const auto waiting = join({.member_id = id, .version = 4});
  ASSERT_FALSE(*waiting);
  const auto early = sync(id, 0, {.protocol_type = "consumer", .protocol = "range"});
  ASSERT_TRUE(*early);
  EXPECT_EQ((*early)->error, ErrorCode::kRebalanceInProgress);
}

TEST_F(ClassicGroupSyncTest, TheAssignmentIsStoredBeforeAnyoneIsAnswered) {
  const auto ids = make_completing();
  host.holds = true;
  const auto follower = sync(ids[1], 1);
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], "a0"}, {ids[1], "a1"}}});
  EXPECT_FALSE(*leader);
  EXPECT_FALSE(*follower);
  EXPECT_EQ(group->state(), GroupState::kCompletingRebalance);
  ASSERT_EQ(host.stored.size(), 1U);
  const GroupMetadata& stored = host.stored[0];
  EXPECT_EQ(stored.generation, 1);
  EXPECT_EQ(stored.protocol, "range");
  EXPECT_EQ(stored.leader, ids[0]);
  ASSERT_EQ(stored.members.size(), 2U);
  for (const MemberMetadata& member : stored.members) {
    EXPECT_EQ(member.assignment, member.member_id == ids[0] ? "a0" : "a1");
    EXPECT_EQ(member.subscription, "m");
    EXPECT_EQ(member.client_host, "/127.0.0.1");
  }
  host.finish_stores(ErrorCode::kNone);
  EXPECT_TRUE(*leader);
  EXPECT_TRUE(*follower);
}

TEST_F(ClassicGroupSyncTest, IfTheAssignmentCannotBeStoredAllAreToldAndJoinAgain) {
  const auto ids = make_completing();
  host.holds = true;
  const auto follower = sync(ids[1], 1);
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], "a0"}}});
  host.finish_stores(ErrorCode::kUnknownTopicOrPartition);
  ASSERT_TRUE(*leader);
  ASSERT_TRUE(*follower);
  EXPECT_EQ((*leader)->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ((*follower)->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ((*leader)->assignment, "");
  EXPECT_FALSE((*leader)->protocol);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupSyncTest, ErrorsOfStoringAreTranslatedForClients) {
  EXPECT_EQ(store_error(ErrorCode::kUnknownTopicOrPartition), ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(store_error(ErrorCode::kKafkaStorageError), ErrorCode::kNotCoordinator);
  EXPECT_EQ(store_error(ErrorCode::kRecordListTooLarge), ErrorCode::kUnknownServerError);
  EXPECT_EQ(store_error(ErrorCode::kPolicyViolation), ErrorCode::kPolicyViolation);
}

TEST_F(ClassicGroupSyncTest, AnAssignmentThatComesBackAfterARebalanceBeganIsForgotten) {
  const auto ids = make_completing();
  host.holds = true;
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], "a0"}}});
  const auto third = join();
  ASSERT_TRUE(*leader);
  EXPECT_EQ((*leader)->error, ErrorCode::kRebalanceInProgress);
  host.finish_stores(ErrorCode::kNone);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupSyncTest, AnAssignmentThatComesBackInALaterGenerationIsForgotten) {
  const auto ids = make_completing();
  host.holds = true;
  sync(ids[0], 1, {.assignments = {{ids[0], "old"}}});
  leave(ids[1]);
  const auto again = join({.member_id = ids[0]});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
  host.finish_stores(ErrorCode::kNone);
  EXPECT_EQ(group->state(), GroupState::kCompletingRebalance);
}

TEST_F(ClassicGroupSyncTest, WhenAssignmentsFailMembersHaveNone) {
  const auto ids = make_stable({{}});
  join();
  join({.member_id = ids[0]});
  ASSERT_EQ(group->state(), GroupState::kCompletingRebalance);
  kafka::Arena arena;
  const auto assigned = [&] {
    std::size_t count = 0;
    for (const auto& one : group->describe(arena).members) {
      if (!one.member_assignment.empty()) ++count;
    }
    return count;
  };
  EXPECT_EQ(assigned(), 1U);
  join();
  EXPECT_EQ(assigned(), 0U);
}

TEST_F(ClassicGroupSyncTest, TheSessionBeginsWhenTheJoinIsAnswered) {
  const auto joined = join({.session_timeout_ms = 10'000, .rebalance_timeout_ms = 60'000});
  pass_initial_delay();
  host.advance(9'999);
  EXPECT_EQ(group->members(), 1U);
  host.advance(1);
  EXPECT_EQ(group->members(), 0U);
}

TEST_F(ClassicGroupSyncTest, TheSessionGoesOnAfterAWaitThatWasLongerThanIt) {
  const auto ids = make_completing();
  sync(ids[1], 1);
  for (int i = 0; i < 3; ++i) {
    host.advance(9'000);
    EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
  }
  EXPECT_EQ(group->members(), 2U);
  sync(ids[0], 1);
  host.advance(9'000);
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
  EXPECT_EQ(group->members(), 2U);
  host.advance(1'000);
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupSyncTest, ACompletionAfterTheGroupIsGoneTouchesNothing) {
  const auto ids = make_completing();
  host.holds = true;
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], "a0"}}});
  group.reset();
  ASSERT_TRUE(*leader);
  EXPECT_EQ((*leader)->error, ErrorCode::kNotCoordinator);
  host.finish_stores(ErrorCode::kNone);
}

TEST_F(ClassicGroupSyncTest, MembersThatTheLeaderForgetsGetAnEmptyAssignment) {
  const auto ids = make_completing();
  const auto follower = sync(ids[1], 1);
  sync(ids[0], 1, {.assignments = {{ids[0], "a0"}, {"stranger", "a9"}}});
  ASSERT_TRUE(*follower);
  EXPECT_EQ((*follower)->error, ErrorCode::kNone);
  EXPECT_EQ((*follower)->assignment, "");
  EXPECT_EQ((*follower)->protocol, "range");
}

TEST_F(ClassicGroupSyncTest, AnAssignmentThatIsTooLargeToStoreIsRefused) {
  host.its_settings.max_metadata_bytes = 1'000;
  const auto ids = make_completing();
  const auto leader = sync(ids[0], 1, {.assignments = {{ids[0], std::string(900, 'a')}}});
  ASSERT_TRUE(*leader);
  EXPECT_EQ((*leader)->error, ErrorCode::kUnknownServerError);
  EXPECT_EQ(host.its_counters.metadata_too_large.get(), 1U);
  EXPECT_TRUE(host.stored.empty());
}

TEST_F(ClassicGroupSyncTest, AStableGroupAnswersASyncWithTheCurrentAssignment) {
  const auto ids = make_stable({{}, {}});
  const auto again = sync(ids[1], 1);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->assignment, "for " + ids[1]);
}

TEST_F(ClassicGroupSyncTest, SyncChecksMemberGenerationAndProtocol) {
  const auto ids = make_stable({{}});
  EXPECT_EQ((*sync("stranger", 1))->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ((*sync(ids[0], 0))->error, ErrorCode::kIllegalGeneration);
  EXPECT_EQ((*sync(ids[0], 2))->error, ErrorCode::kIllegalGeneration);
  EXPECT_EQ((*sync(ids[0], 1, {.protocol_type = "connect"}))->error,
            ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ((*sync(ids[0], 1, {.protocol = "sticky"}))->error,
            ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ((*sync(ids[0], 1, {.protocol_type = "consumer", .protocol = "range"}))->error,
            ErrorCode::kNone);
}

TEST_F(ClassicGroupSyncTest, ARepeatedSyncTakesThePlaceOfTheOneThatWaits) {
  const auto ids = make_completing();
  const auto first = sync(ids[1], 1);
  const auto second = sync(ids[1], 1);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->error, ErrorCode::kRebalanceInProgress);
  sync(ids[0], 1, {.assignments = {{ids[1], "a1"}}});
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->assignment, "a1");
}

TEST_F(ClassicGroupSyncTest, MembersThatNeverSyncAreRemovedAfterTheRebalanceTimeout) {
  const auto first = join({.session_timeout_ms = 1'000'000, .rebalance_timeout_ms = 20'000});
  const auto second = join({.session_timeout_ms = 1'000'000, .rebalance_timeout_ms = 20'000});
  host.advance(6'000);
  const std::string leader = (*first)->member_id;
  sync(leader, 1, {.assignments = {{leader, "a0"}}});
  EXPECT_EQ(group->state(), GroupState::kStable);
  host.advance(19'999);
  EXPECT_EQ(group->members(), 2U);
  EXPECT_EQ(group->state(), GroupState::kStable);
  host.advance(1);
  EXPECT_EQ(group->members(), 1U);
  EXPECT_EQ(heartbeat((*second)->member_id, 1), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(heartbeat(leader, 1), ErrorCode::kRebalanceInProgress);
}

TEST_F(ClassicGroupSyncTest, WhenAllHaveSyncedNobodyIsRemoved) {
  const auto first = join({.session_timeout_ms = 1'000'000, .rebalance_timeout_ms = 20'000});
  pass_initial_delay();
  sync((*first)->member_id, 1);
  host.advance(100'000);
  EXPECT_EQ(group->state(), GroupState::kStable);
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupSyncTest, ANewMemberSendsTheWaitingOnesBackToJoin) {
  const auto ids = make_completing();
  const auto follower = sync(ids[1], 1);
  join();
  ASSERT_TRUE(*follower);
  EXPECT_EQ((*follower)->error, ErrorCode::kRebalanceInProgress);
}

TEST_F(ClassicGroupSyncTest, HeartbeatsAreGoodWhileAssignmentsAreAwaited) {
  const auto ids = make_completing();
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
}

TEST_F(ClassicGroupSyncTest, HeartbeatChecksMemberAndGeneration) {
  EXPECT_EQ(heartbeat("stranger", 0), ErrorCode::kUnknownMemberId);
  const auto ids = make_stable({{}});
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
  EXPECT_EQ(heartbeat(ids[0], 0), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(heartbeat(ids[0], 2), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(heartbeat("stranger", 1), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(heartbeat(ids[0], 1, "nobody"), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupSyncTest, AMemberWithoutHeartbeatsExpiresAndTheOthersJoinAgain) {
  const auto ids = make_stable({{.session_timeout_ms = 10'000}, {.session_timeout_ms = 10'000}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
    EXPECT_EQ(heartbeat(ids[1], 1), ErrorCode::kNone);
    host.advance(9'999);
  }
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kNone);
  host.advance(1);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  EXPECT_EQ(group->members(), 1U);
  EXPECT_EQ(host.its_counters.members_expired.get(), 1U);
  EXPECT_EQ(heartbeat(ids[1], 1), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupSyncTest, WhenTheLastMemberExpiresTheGroupIsEmptyAndStored) {
  const auto ids = make_stable({{.session_timeout_ms = 10'000}});
  host.advance(10'000);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
  EXPECT_EQ(group->generation(), 2);
  ASSERT_EQ(host.stored.size(), 2U);
  EXPECT_EQ(host.stored[1].generation, 2);
  EXPECT_TRUE(host.stored[1].members.empty());
  EXPECT_EQ(host.stored[1].protocol, std::nullopt);
  EXPECT_EQ(host.stored[1].leader, std::nullopt);
  EXPECT_EQ(host.stored[1].protocol_type, "consumer");
}

TEST_F(ClassicGroupSyncTest, LeavingBeginsARebalanceAtOnce) {
  const auto ids = make_stable({{}, {}});
  EXPECT_EQ(leave(ids[0]), ErrorCode::kNone);
  EXPECT_EQ(heartbeat(ids[1], 1), ErrorCode::kRebalanceInProgress);
  const auto again = join({.member_id = ids[1]});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
  EXPECT_EQ((*again)->leader, ids[1]);
  EXPECT_EQ(leave(ids[0]), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupSyncTest, WhoLeavesWhileItWaitsIsAnswered) {
  const auto ids = make_completing();
  const auto follower = sync(ids[1], 1);
  EXPECT_EQ(leave(ids[1]), ErrorCode::kNone);
  ASSERT_TRUE(*follower);
  EXPECT_EQ((*follower)->error, ErrorCode::kUnknownMemberId);
  const auto leader = join({.member_id = ids[0]});
  ASSERT_TRUE(*leader);
  const auto third = join();
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  const auto waiting = join({.member_id = ids[0]});
  (void)waiting;
  EXPECT_TRUE(*third);
}

TEST_F(ClassicGroupSyncTest, LeavingEndsTheWaitOfTheOthers) {
  const auto ids = make_stable({{}, {}, {}});
  const auto first = join({.member_id = ids[0]});
  const auto second = join({.member_id = ids[1]});
  EXPECT_FALSE(*first);
  EXPECT_EQ(leave(ids[2]), ErrorCode::kNone);
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->members.size(), 2U);
}

TEST_F(ClassicGroupSyncTest, UpToVersion2OneMemberLeavesAndTheErrorIsTheResponses) {
  const auto ids = make_stable({{}});
  const auto old_leave = [&](const std::string& id) {
    ErrorCode error = ErrorCode::kUnknownServerError;
    group->leave({.group_id = "group", .member_id = id}, 2,
                 [&](const kafka::LeaveGroupResponse& response) {
                   EXPECT_TRUE(response.members.empty());
                   error = response.error_code;
                 });
    return error;
  };
  EXPECT_EQ(old_leave("stranger"), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(old_leave(ids[0]), ErrorCode::kNone);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
}

TEST_F(ClassicGroupSyncTest, SeveralLeaveWithOneRequestAndEachHasItsError) {
  const auto ids = make_stable({{}, {}, {}});
  std::vector<kafka::LeaveGroupRequest::Member> leaving = {
      {.member_id = ids[1]}, {.member_id = "stranger"}, {.member_id = ids[2]}};
  std::vector<ErrorCode> errors;
  group->leave({.group_id = "group", .members = std::span(leaving)}, 4,
               [&](const kafka::LeaveGroupResponse& response) {
                 for (const auto& one : response.members) errors.push_back(one.error_code);
               });
  EXPECT_EQ(errors, (std::vector{ErrorCode::kNone, ErrorCode::kUnknownMemberId, ErrorCode::kNone}));
  EXPECT_EQ(host.its_counters.rebalances.get(), 2U);  // the first, and one for both
}

}  // namespace
}  // namespace duolog::groups

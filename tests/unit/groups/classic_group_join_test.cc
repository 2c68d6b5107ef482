// JoinGroup, and how a rebalance begins and ends.
#include <algorithm>

#include "tests/unit/groups/group_fixture.h"

namespace duolog::groups {
namespace {

class ClassicGroupJoinTest : public ClassicGroupTest {};

TEST_F(ClassicGroupJoinTest, ChecksGroupIdAndSessionTimeoutBeforeAnythingElse) {
  const MembershipSettings settings;
  const auto check = [&](std::string_view group_id, std::int32_t session_timeout_ms) {
    return check_join({.group_id = group_id, .session_timeout_ms = session_timeout_ms}, settings);
  };
  EXPECT_EQ(check("", 10'000), ErrorCode::kInvalidGroupId);
  EXPECT_EQ(check("g", 5'999), ErrorCode::kInvalidSessionTimeout);
  EXPECT_EQ(check("g", 6'000), ErrorCode::kNone);
  EXPECT_EQ(check("g", 1'800'000), ErrorCode::kNone);
  EXPECT_EQ(check("g", 1'800'001), ErrorCode::kInvalidSessionTimeout);
  EXPECT_EQ(check("g", -1), ErrorCode::kInvalidSessionTimeout);
}

TEST_F(ClassicGroupJoinTest, TheFirstMemberIsAnsweredAfterTheInitialDelayAndLeads) {
  const auto joined = join();
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  host.advance(2'999);
  EXPECT_FALSE(*joined);
  host.advance(1);
  ASSERT_TRUE(*joined);
  EXPECT_EQ((*joined)->error, ErrorCode::kNone);
  EXPECT_EQ((*joined)->generation, 1);
  EXPECT_EQ((*joined)->protocol_type, "consumer");
  EXPECT_EQ((*joined)->protocol, "range");
  EXPECT_EQ((*joined)->leader, (*joined)->member_id);
  EXPECT_EQ((*joined)->members, (std::map<std::string, std::string>{{(*joined)->member_id, "m"}}));
  EXPECT_EQ(group->state(), GroupState::kCompletingRebalance);
}

TEST_F(ClassicGroupJoinTest, MemberIdsAreTheClientIdOrTheInstanceIdAndARandomUuid) {
  const auto dynamic = join({.client_id = "me"});
  const auto nameless = join({.client_id = ""});
  const auto fixed = join({.instance_id = "i", .version = 5, .client_id = "me"});
  host.advance(60'000);
  constexpr std::size_t kUuid = 36;
  EXPECT_EQ((*dynamic)->member_id.substr(0, 3), "me-");
  EXPECT_EQ((*dynamic)->member_id.size(), 3 + kUuid);
  EXPECT_EQ(std::ranges::count((*dynamic)->member_id, '-'), 5);
  EXPECT_EQ((*nameless)->member_id.substr(0, 1), "-");
  EXPECT_EQ((*nameless)->member_id.size(), 1 + kUuid);
  EXPECT_EQ((*fixed)->member_id.substr(0, 2), "i-");
  EXPECT_NE((*dynamic)->member_id.substr(3), (*nameless)->member_id.substr(1));
}

TEST_F(ClassicGroupJoinTest, TheInitialDelayIsRepeatedWhileMembersComeUpToTheRebalanceTimeout) {
  const auto first = join({.rebalance_timeout_ms = 7'000});
  host.advance(2'000);
  const auto second = join({.rebalance_timeout_ms = 7'000});
  host.advance(1'000);
  EXPECT_FALSE(*first);
  host.advance(2'999);  // nobody comes in the second delay
  EXPECT_FALSE(*first);
  host.advance(1);
  EXPECT_TRUE(*first);
  EXPECT_TRUE(*second);
  EXPECT_EQ((*first)->members.size(), 2U);
  EXPECT_TRUE((*second)->members.empty());  // only the leader needs them
  EXPECT_EQ((*second)->leader, (*first)->member_id);
}

TEST_F(ClassicGroupJoinTest, TheInitialDelaysEndWithTheRebalanceTimeout) {
  std::vector<Awaited<Joined>> joined;
  for (int i = 0; i < 7; ++i) {
    joined.push_back(join({.rebalance_timeout_ms = 7'000}));
    host.advance(999);
    EXPECT_FALSE(*joined[0]) << i;
    host.advance(1);
  }
  EXPECT_TRUE(*joined[0]);
  EXPECT_EQ((*joined[0])->members.size(), 7U);
}

TEST_F(ClassicGroupJoinTest, InVersion0TheSessionTimeoutIsTheRebalanceTimeout) {
  join({.version = 0, .session_timeout_ms = 8'000, .rebalance_timeout_ms = -1});
  pass_initial_delay();
  EXPECT_EQ(group->metadata().members[0].rebalance_timeout_ms, 8'000);
}

TEST_F(ClassicGroupJoinTest, FromVersion4AMemberIsGivenItsIdAndComesBackWithIt) {
  const auto required = join({.version = 4});
  ASSERT_TRUE(*required);
  EXPECT_EQ((*required)->error, ErrorCode::kMemberIdRequired);
  EXPECT_EQ((*required)->generation, -1);
  EXPECT_EQ((*required)->member_id.substr(0, 7), "client-");
  EXPECT_EQ(group->state(), GroupState::kEmpty);
  EXPECT_EQ(group->members(), 0U);
  EXPECT_FALSE(group->idle());
  const auto joined = join({.member_id = (*required)->member_id, .version = 4});
  pass_initial_delay();
  ASSERT_TRUE(*joined);
  EXPECT_EQ((*joined)->error, ErrorCode::kNone);
  EXPECT_EQ((*joined)->member_id, (*required)->member_id);
}

TEST_F(ClassicGroupJoinTest, AMemberThatNeverComesBackWithItsIdExpires) {
  const auto required = join({.version = 4, .session_timeout_ms = 6'000});
  host.advance(5'999);
  EXPECT_FALSE(group->idle());
  host.advance(1);
  EXPECT_TRUE(group->idle());
  const auto late = join({.member_id = (*required)->member_id, .version = 4});
  EXPECT_EQ((*late)->error, ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupJoinTest, ARebalanceWaitsForMembersThatHaveBeenGivenAnId) {
  const auto ids = make_stable({{}});
  const auto required = join({.version = 4, .session_timeout_ms = 6'000});
  const auto again = join({.member_id = ids[0]});
  EXPECT_FALSE(*again);
  host.advance(6'000);  // it expires
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
  EXPECT_EQ((*again)->members.size(), 1U);
}

TEST_F(ClassicGroupJoinTest, APendingMemberMayLeave) {
  const auto required = join({.version = 4});
  EXPECT_EQ(leave((*required)->member_id), ErrorCode::kNone);
  EXPECT_TRUE(group->idle());
}

TEST_F(ClassicGroupJoinTest, StrangersAreRefused) {
  EXPECT_EQ((*join({.member_id = "stranger"}))->error, ErrorCode::kUnknownMemberId);
  make_stable({{}});
  const auto refused = join({.member_id = "stranger"});
  EXPECT_EQ((*refused)->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ((*refused)->member_id, "stranger");
  EXPECT_EQ(group->state(), GroupState::kStable);
}

TEST_F(ClassicGroupJoinTest, ProtocolsMustBeNamedAndSharedByAll) {
  EXPECT_EQ((*join({.protocol_type = ""}))->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ((*join({.protocols = {}}))->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(group->state(), GroupState::kEmpty);
  make_stable({{.protocols = {{"range", "1"}, {"sticky", "2"}}}, {.protocols = {{"sticky", "3"}}}});
  EXPECT_EQ((*join({.protocol_type = "connect"}))->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ((*join({.protocols = {{"range", "4"}}}))->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(group->state(), GroupState::kStable);
  EXPECT_FALSE(*join({.protocols = {{"range", "4"}, {"sticky", "5"}}}));
}

TEST_F(ClassicGroupJoinTest, AGroupThatAllHaveLeftBeforeItsRebalanceEndedTakesMembers) {
  const auto first = join({.instance_id = "i", .version = 5});
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  EXPECT_EQ(leave({}, "i"), ErrorCode::kNone);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  const auto second = join();
  host.advance(60'000);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error, ErrorCode::kNone);
}

TEST_F(ClassicGroupJoinTest, AnEmptyGroupTakesAnotherProtocolType) {
  const auto ids = make_stable({{}});
  leave(ids[0]);
  EXPECT_EQ(group->protocol_type(), "consumer");
  const auto joined = join({.protocol_type = "connect", .protocols = {{"eager", "x"}}});
  pass_initial_delay();
  EXPECT_EQ((*joined)->protocol_type, "connect");
}

TEST_F(ClassicGroupJoinTest, MembersVoteForAProtocolThatAllOfThemKnow) {
  join({.protocols = {{"only-mine", "1"}, {"range", "a1"}, {"sticky", "b1"}}});
  join({.protocols = {{"sticky", "b2"}, {"range", "a2"}}});
  const auto third = join({.protocols = {{"sticky", "b3"}, {"range", "a3"}}});
  host.advance(60'000);
  ASSERT_TRUE(*third);
  EXPECT_EQ((*third)->protocol, "sticky");
}

TEST_F(ClassicGroupJoinTest, ANewMemberMakesTheOthersJoinAgain) {
  const auto ids = make_stable({{}});
  const auto second = join();
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  EXPECT_FALSE(*second);
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kRebalanceInProgress);
  EXPECT_EQ((*sync(ids[0], 1))->error, ErrorCode::kRebalanceInProgress);
  const auto first = join({.member_id = ids[0]});
  ASSERT_TRUE(*first);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*first)->generation, 2);
  EXPECT_EQ((*second)->generation, 2);
  EXPECT_EQ((*first)->leader, ids[0]);
  EXPECT_EQ((*first)->members.size(), 2U);
}

TEST_F(ClassicGroupJoinTest, MembersThatDoNotJoinAgainInTimeAreRemoved) {
  const auto ids = make_stable({{.rebalance_timeout_ms = 20'000}});
  const auto second = join({.rebalance_timeout_ms = 15'000});
  for (int i = 0; i < 4; ++i) {
    host.advance(4'999);
    EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kRebalanceInProgress);  // it is there, and no more
  }
  EXPECT_FALSE(*second);
  host.advance(4);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->leader, (*second)->member_id);
  EXPECT_EQ((*second)->members.size(), 1U);
  EXPECT_EQ(heartbeat(ids[0], 2), ErrorCode::kUnknownMemberId);
}

TEST_F(ClassicGroupJoinTest, FollowersWithTheSameMetadataAreToldTheCurrentGeneration) {
  const auto ids = make_stable({{}, {}});
  const auto again = join({.member_id = ids[1]});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->error, ErrorCode::kNone);
  EXPECT_EQ((*again)->generation, 1);
  EXPECT_EQ((*again)->leader, ids[0]);
  EXPECT_TRUE((*again)->members.empty());
  EXPECT_EQ(group->state(), GroupState::kStable);
}

TEST_F(ClassicGroupJoinTest, TheLeadersJoinBeginsARebalance) {
  const auto ids = make_stable({{}, {}});
  const auto again = join({.member_id = ids[0]});
  EXPECT_FALSE(*again);
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
}

TEST_F(ClassicGroupJoinTest, AFollowerWithOtherMetadataBeginsARebalance) {
  const auto ids = make_stable({{}, {}});
  EXPECT_FALSE(*join({.member_id = ids[1], .protocols = {{"range", "other"}}}));
  EXPECT_EQ(group->state(), GroupState::kPreparingRebalance);
  const auto leader = join({.member_id = ids[0]});
  EXPECT_EQ((*leader)->members.at(ids[1]), "other");
}

TEST_F(ClassicGroupJoinTest, WhileAssignmentsAreAwaitedTheSameJoinIsAnsweredAgain) {
  const auto first = join();
  pass_initial_delay();
  const std::string id = (*first)->member_id;
  const auto again = join({.member_id = id});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 1);
  EXPECT_EQ((*again)->members.size(), 1U);  // it leads
  const auto changed = join({.member_id = id, .protocols = {{"range", "other"}}});
  ASSERT_TRUE(*changed);
  EXPECT_EQ((*changed)->generation, 2);
}

TEST_F(ClassicGroupJoinTest, ARepeatedJoinTakesThePlaceOfTheOneThatWaits) {
  const auto ids = make_stable({{}, {}});
  const auto first = join({.member_id = ids[0]});
  const auto second = join({.member_id = ids[0]});
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->error, ErrorCode::kRebalanceInProgress);
  EXPECT_FALSE(*second);
  join({.member_id = ids[1]});
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error, ErrorCode::kNone);
}

TEST_F(ClassicGroupJoinTest, AFullGroupRefusesNewMembersAndKeepsItsOwn) {
  host.its_settings.max_size = 2;
  const auto ids = make_stable({{}, {}});
  const auto refused = join();
  EXPECT_EQ((*refused)->error, ErrorCode::kGroupMaxSizeReached);
  EXPECT_EQ((*refused)->member_id, "");
  EXPECT_EQ(host.its_counters.groups_full.get(), 1U);
  EXPECT_EQ(group->state(), GroupState::kStable);
  join({.member_id = ids[0]});
  const auto second = join({.member_id = ids[1]});
  EXPECT_EQ((*second)->error, ErrorCode::kNone);
}

TEST_F(ClassicGroupJoinTest, AMemberThatWaitsInAFullGroupMayRepeatItsJoin) {
  const auto ids = make_stable({{}, {}, {}});
  host.its_settings.max_size = 2;
  join({.member_id = ids[0]});
  join({.member_id = ids[1]});
  const auto again = join({.member_id = ids[0]});
  EXPECT_FALSE(*again);
  EXPECT_EQ(group->members(), 3U);
}

TEST_F(ClassicGroupJoinTest, AMemberThatHasComeBackWithItsIdIsNotWaitedForTwice) {
  const auto required = join({.version = 4});
  const auto joined = join({.member_id = (*required)->member_id, .version = 4});
  pass_initial_delay();
  sync((*required)->member_id, 1);
  const auto again = join({.member_id = (*required)->member_id, .version = 4});
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->generation, 2);
}

TEST_F(ClassicGroupJoinTest, OfAGroupThatHasBecomeTooLargeTheLastToJoinMustGo) {
  const auto ids = make_stable({{}, {}, {}});
  host.its_settings.max_size = 2;
  join({.member_id = ids[0]});
  join({.member_id = ids[1]});
  EXPECT_EQ((*join({.member_id = ids[2]}))->error, ErrorCode::kGroupMaxSizeReached);
  EXPECT_EQ(group->members(), 2U);
}

TEST_F(ClassicGroupJoinTest, AJoinThatWouldMakeTheGroupTooLargeToStoreIsRefused) {
  host.its_settings.max_metadata_bytes = 2'000;
  const std::string long_metadata(1'500, 'm');
  EXPECT_FALSE(*join({.protocols = {{"range", long_metadata}}}));
  const auto refused = join({.protocols = {{"range", long_metadata}}});
  ASSERT_TRUE(*refused);
  EXPECT_EQ((*refused)->error, ErrorCode::kGroupMaxSizeReached);
  EXPECT_EQ(host.its_counters.metadata_too_large.get(), 1U);
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupJoinTest, ANewMemberWhoseFirstJoinIsNeverAnsweredExpiresAfterFiveMinutes) {
  make_stable({{.session_timeout_ms = 1'000'000, .rebalance_timeout_ms = 1'000'000}});
  const auto waiting = join({.session_timeout_ms = 10'000});
  host.advance(299'999);
  EXPECT_FALSE(*waiting);
  host.advance(1);
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(group->members(), 1U);
}

TEST_F(ClassicGroupJoinTest, AMemberThatWaitsForTheOthersDoesNotExpire) {
  const auto ids = make_stable({{.session_timeout_ms = 10'000}, {.session_timeout_ms = 100'000}});
  const auto waiting = join({.member_id = ids[0]});
  host.advance(50'000);
  EXPECT_FALSE(*waiting);
  EXPECT_EQ(group->members(), 2U);
}

TEST_F(ClassicGroupJoinTest, IfTheLeaderDoesNotComeBackAnotherMemberLeads) {
  const auto ids = make_stable({{.rebalance_timeout_ms = 5'000}, {.rebalance_timeout_ms = 5'000}});
  const auto second = join({.member_id = ids[1], .protocols = {{"range", "other"}}});
  host.advance(60'000);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->leader, ids[1]);
}

TEST_F(ClassicGroupJoinTest, AProtocolThatIsNamedTwiceCountsOnce) {
  const auto first =
      join({.protocols = {{"range", "first"}, {"range", "second"}, {"sticky", "s"}}});
  const auto second = join({.protocols = {{"range", "x"}}});
  host.advance(6'000);
  ASSERT_TRUE(*first);
  ASSERT_TRUE(*second);
  EXPECT_EQ((*first)->protocol, "range");
  EXPECT_EQ((*first)->members.at((*first)->member_id), "first");
}

TEST_F(ClassicGroupJoinTest, AMemberIdThatIsMadeOfALongNameIsShort) {
  // The limit of 256 bytes is within a character.
  const std::string name = "x" + [] {
    std::string text;
    for (int i = 0; i < 16'000; ++i) text += "\xC3\xBC";
    return text;
  }();
  const auto asked = join({.version = 4, .client_id = name});
  ASSERT_TRUE(*asked);
  EXPECT_EQ((*asked)->member_id.size(), 255U + 37U);
  EXPECT_TRUE((*asked)->member_id.starts_with(name.substr(0, 255) + "-"));
  const auto joined = join({.instance_id = std::string(32'767, 'i')});
  pass_initial_delay();
  ASSERT_TRUE(*joined);
  EXPECT_EQ((*joined)->member_id.size(), 256U + 37U);
}

TEST_F(ClassicGroupJoinTest, AMemberHasNoMoreProtocolsThanTheLimit) {
  host.its_settings.max_protocols = 2;
  const auto refused = join({.protocols = {{"a", ""}, {"b", ""}, {"c", ""}}});
  ASSERT_TRUE(*refused);
  EXPECT_EQ((*refused)->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(host.its_counters.metadata_too_large.get(), 1U);
  EXPECT_FALSE(*join({.protocols = {{"a", ""}, {"b", ""}}}));
}

TEST_F(ClassicGroupJoinTest, ProtocolsWithoutBytesAndLongNamesCountTowardsAGroupsSize) {
  host.its_settings.max_metadata_bytes = 3'000;
  std::vector<MemberProtocol> protocols;
  for (int i = 0; i < 60; ++i) protocols.push_back({std::to_string(i), ""});
  const auto many = join({.protocols = protocols});
  ASSERT_TRUE(*many);
  EXPECT_EQ((*many)->error, ErrorCode::kGroupMaxSizeReached);
  const auto named = join({.instance_id = std::string(3'000, 'i')});
  ASSERT_TRUE(*named);
  EXPECT_EQ((*named)->error, ErrorCode::kGroupMaxSizeReached);
  EXPECT_EQ(host.its_counters.metadata_too_large.get(), 2U);
  EXPECT_FALSE(*join());
}

TEST_F(ClassicGroupJoinTest, SoManyMembersMayBeAboutToComeAndNoMore) {
  host.its_settings.max_pending_members = 2;
  EXPECT_EQ((*join({.version = 4}))->error, ErrorCode::kMemberIdRequired);
  const auto second = join({.version = 4});
  EXPECT_EQ((*join({.version = 4}))->error, ErrorCode::kGroupMaxSizeReached);
  EXPECT_EQ(host.its_counters.groups_full.get(), 1U);
  // Who comes makes room.
  join({.member_id = (*second)->member_id, .version = 4});
  EXPECT_EQ((*join({.version = 4}))->error, ErrorCode::kMemberIdRequired);
}

TEST_F(ClassicGroupJoinTest, AGroupWhoseOnlyExpectedMemberDoesNotComeIsIdle) {
  join({.version = 4});
  EXPECT_FALSE(group->idle());
  host.advance(9'999);
  EXPECT_EQ(host.idle_groups, 0);
  host.advance(1);
  EXPECT_EQ(host.idle_groups, 1);
  EXPECT_TRUE(group->idle());
}

TEST_F(ClassicGroupJoinTest, WhoDoesNotComeDoesNotShortenTheFirstRebalance) {
  host.its_settings.initial_rebalance_delay_ms = 20'000;
  join({.version = 4});  // and never again
  const auto joined = join();
  host.advance(15'000);
  EXPECT_FALSE(*joined);
  host.advance(60'000);
  EXPECT_TRUE(*joined);
}

}  // namespace
}  // namespace duolog::groups

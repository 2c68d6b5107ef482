// Classic consumer groups with one member, and their offsets.
#include "net/kafka/coordinator.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/group_offsets.h"
#include "net/kafka/groups.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::ErrorCode;
using kafka::JoinGroupRequest;
using kafka::JoinGroupResponse;

// What each server has named itself.
struct Member {
  std::string ours;
  std::string theirs;
};

constexpr std::string_view kAnyMember[] = {"member_id", "leader"};

JoinGroupRequest join_request(std::string_view group, JoinGroupRequest::Protocol& protocol) {
  return {.group_id = group,
          .session_timeout_ms = 30'000,
          .rebalance_timeout_ms = 30'000,
          .protocol_type = "consumer",
          .protocols = one(protocol)};
}

JoinGroupRequest::Protocol range_protocol() {
  static constexpr std::uint8_t kMetadata[] = {0, 1, 2, 3};
  return {.name = "range", .metadata = kMetadata};
}

// Joins as `member`, which is set to what the servers answer.
std::unique_ptr<Both<JoinGroupResponse>> join(Differ& differ, std::int16_t version,
                                              JoinGroupRequest request, Member& member) {
  JoinGroupRequest theirs = request;
  request.member_id = member.ours;
  theirs.member_id = member.theirs;
  auto both =
      differ.ask_each<JoinGroupResponse>(version, request, theirs, {kAnyMember[0], kAnyMember[1]});
  member = {std::string(both->ours.message.member_id), std::string(both->theirs.message.member_id)};
  return both;
}

void sync(Differ& differ, std::int16_t version, std::string_view group, std::int32_t generation,
          const Member& member, kafka::NullableString instance = std::nullopt,
          std::string_view protocol = "range") {
  static constexpr std::uint8_t kAssignment[] = {9, 8, 7};
  const auto request = [&](const std::string& id, kafka::SyncGroupRequest::Assignment& assignment) {
    assignment = {.member_id = id, .assignment = kAssignment};
    return kafka::SyncGroupRequest{.group_id = group,
                                   .generation_id = generation,
                                   .member_id = id,
                                   .group_instance_id = instance,
                                   .protocol_type = "consumer",
                                   .protocol_name = protocol,
                                   .assignments = one(assignment)};
  };
  kafka::SyncGroupRequest::Assignment ours;
  kafka::SyncGroupRequest::Assignment theirs;
  differ.ask_each<kafka::SyncGroupResponse>(version, request(member.ours, ours),
                                            request(member.theirs, theirs));
}

void heartbeat(Differ& differ, std::int16_t version, std::string_view group,
               std::int32_t generation, const Member& member,
               kafka::NullableString instance = std::nullopt) {
  kafka::HeartbeatRequest ours{.group_id = group,
                               .generation_id = generation,
                               .member_id = member.ours,
                               .group_instance_id = instance};
  kafka::HeartbeatRequest theirs = ours;
  theirs.member_id = member.theirs;
  differ.ask_each<kafka::HeartbeatResponse>(version, ours, theirs);
}

void leave(Differ& differ, std::int16_t version, std::string_view group, const Member& member,
           kafka::NullableString instance = std::nullopt) {
  const auto request = [&](const std::string& id, kafka::LeaveGroupRequest::Member& leaving) {
    leaving = {.member_id = id, .group_instance_id = instance};
    return kafka::LeaveGroupRequest{.group_id = group, .member_id = id, .members = one(leaving)};
  };
  kafka::LeaveGroupRequest::Member ours;
  kafka::LeaveGroupRequest::Member theirs;
  differ.ask_each<kafka::LeaveGroupResponse>(version, request(member.ours, ours),
                                             request(member.theirs, theirs), {"member_id"});
}

void describe(Differ& differ, std::string_view group) {
  for (std::int16_t version = 0; version <= 6; ++version) {
    differ.ask<kafka::DescribeGroupsResponse>(
        version, kafka::DescribeGroupsRequest{.groups = one(group)}, {"member_id", "client_host"});
  }
}

// Kafka makes its offsets topic when the first coordinator is asked for.
void wait_for_coordinator(Differ& differ) {
  for (int i = 0; i < 600; ++i) {
    const auto both = differ.ask<kafka::OffsetFetchResponse>(
        7, kafka::OffsetFetchRequest{.group_id = "warm-up"}, {"error_code"});
    if (both->theirs.message.error_code == ErrorCode::kNone) return;
    differ.ask<kafka::FindCoordinatorResponse>(0, kafka::FindCoordinatorRequest{.key = "warm-up"},
                                               {"error_code", "node_id"});
  }
}

void coordinators(Differ& differ) {
  wait_for_coordinator(differ);
  for (std::int16_t version = 0; version <= 6; ++version) {
    std::string_view keys[] = {"g1", "g2"};
    std::vector<std::string_view> both(keys, keys + 2);
    differ.ask<kafka::FindCoordinatorResponse>(
        version, kafka::FindCoordinatorRequest{.key = "g1", .coordinator_keys = std::span(both)});
  }
  std::string_view key = "g1";
  differ.ask<kafka::FindCoordinatorResponse>(
      4, kafka::FindCoordinatorRequest{.key_type = 9, .coordinator_keys = one(key)});
  key = "";
  differ.ask<kafka::FindCoordinatorResponse>(
      4, kafka::FindCoordinatorRequest{.coordinator_keys = one(key)});
  differ.ask<kafka::FindCoordinatorResponse>(3, kafka::FindCoordinatorRequest{.key = ""});
}

void one_member_in_every_version(Differ& differ) {
  for (std::int16_t version = 0; version <= 9; ++version) {
    const std::string group = "member-" + std::to_string(version);
    auto protocol = range_protocol();
    const auto request = join_request(group, protocol);
    Member member;
    auto joined = join(differ, version, request, member);
    if (joined->theirs.message.error_code == ErrorCode::kMemberIdRequired) {
      joined = join(differ, version, request, member);
    }
    const std::int16_t sync_version = std::min<std::int16_t>(version, 5);
    const std::int16_t beat_version = std::min<std::int16_t>(version, 4);
    describe(differ, group);
    heartbeat(differ, beat_version, group, 1, member);
    sync(differ, sync_version, group, 7, member);
    sync(differ, sync_version, group, 1, {"stranger", "stranger"});
    sync(differ, sync_version, group, 1, member);
    sync(differ, sync_version, group, 1, member);
    describe(differ, group);
    heartbeat(differ, beat_version, group, 1, member);
    heartbeat(differ, beat_version, group, 0, member);
    heartbeat(differ, beat_version, group, 2, member);
    heartbeat(differ, beat_version, group, 1, {"stranger", "stranger"});
    join(differ, version, request, member);
    sync(differ, sync_version, group, 2, member);
    leave(differ, sync_version, group, {"stranger", "stranger"});
    leave(differ, sync_version, group, member);
    leave(differ, sync_version, group, member);
    heartbeat(differ, beat_version, group, 2, member);
    describe(differ, group);
  }
}

void joins_that_are_refused(Differ& differ) {
  auto protocol = range_protocol();
  const auto refused = [&](std::string_view label, JoinGroupRequest request) {
    differ.label(label);
    for (const std::int16_t version : {std::int16_t{3}, std::int16_t{9}}) {
      Member member{std::string(request.member_id), std::string(request.member_id)};
      join(differ, version, request, member);
    }
  };
  auto request = join_request("", protocol);
  refused("no group id", request);
  request = join_request("refused", protocol);
  request.session_timeout_ms = 100;
  refused("a short session", request);
  request.session_timeout_ms = 100'000'000;
  refused("a long session", request);
  request = join_request("refused", protocol);
  request.protocols = {};
  refused("no protocols", request);
  request = join_request("refused", protocol);
  request.protocol_type = "";
  refused("no protocol type", request);
  request = join_request("refused", protocol);
  request.member_id = "stranger";
  refused("a stranger", request);
  request = join_request("refused", protocol);
  Member member;
  join(differ, 3, request, member);
  request.protocol_type = "connect";
  refused("another protocol type", request);
  request = join_request("refused", protocol);
  protocol.name = "roundrobin";
  refused("no protocol in common", request);
}

void static_members(Differ& differ) {
  auto protocol = range_protocol();
  auto request = join_request("static", protocol);
  request.group_instance_id = "one";
  Member first;
  join(differ, 7, request, first);
  sync(differ, 5, "static", 1, first, "one");
  heartbeat(differ, 4, "static", 1, first, "one");
  heartbeat(differ, 4, "static", 1, {"stranger", "stranger"}, "one");
  heartbeat(differ, 4, "static", 1, first, "two");
  Member again;
  join(differ, 9, request, again);
  describe(differ, "static");
  heartbeat(differ, 4, "static", 1, first, "one");
  heartbeat(differ, 4, "static", 1, again, "one");
  sync(differ, 5, "static", 1, first, "one");
  sync(differ, 5, "static", 1, again, "one", "roundrobin");
  sync(differ, 5, "static", 1, again, "one");
  join(differ, 9, request, first);
  leave(differ, 5, "static", {"", ""}, "nobody");
  leave(differ, 5, "static", first, "one");
  leave(differ, 5, "static", {"", ""}, "one");
  describe(differ, "static");
}

// ---- Offsets ------------------------------------------------------------------------------------

using CommitPartition = kafka::OffsetCommitRequest::Topic::Partition;

void commit(Differ& differ, std::int16_t version, std::string_view group,
            std::vector<CommitPartition> partitions, const Member& member = {},
            std::int32_t generation = -1, std::string_view topic = "committed") {
  kafka::OffsetCommitRequest::Topic t{.name = topic, .partitions = std::span(partitions)};
  kafka::OffsetCommitRequest ours{.group_id = group,
                                  .generation_id_or_member_epoch = generation,
                                  .member_id = member.ours,
                                  .topics = one(t)};
  kafka::OffsetCommitRequest theirs = ours;
  theirs.member_id = member.theirs;
  differ.ask_each<kafka::OffsetCommitResponse>(version, ours, theirs);
}

void fetch(Differ& differ, std::int16_t version, std::string_view group, bool all) {
  std::vector<PartitionId> partitions = {PartitionId(1), PartitionId(0), PartitionId(9)};
  kafka::OffsetFetchRequest::Topic old{.name = "committed",
                                       .partition_indexes = std::span(partitions)};
  kafka::OffsetFetchRequest::Group::Topic t{.name = "committed",
                                            .partition_indexes = std::span(partitions)};
  kafka::OffsetFetchRequest::Group g{.group_id = group, .topics = one(t)};
  kafka::OffsetFetchRequest request{.group_id = group, .topics = one(old), .groups = one(g)};
  if (all) {
    request.topics = kafka::Array<kafka::OffsetFetchRequest::Topic>::null();
    g.topics = kafka::Array<kafka::OffsetFetchRequest::Group::Topic>::null();
  }
  differ.ask<kafka::OffsetFetchResponse>(version, request);
}

void commits_in_every_version(Differ& differ) {
  create_topic(differ, "committed", 2);
  for (std::int16_t version = 2; version <= 9; ++version) {
    const std::string group = "commits-" + std::to_string(version);
    const std::string long_text(4097, 'm');
    const std::int16_t fetch_version = version;
    fetch(differ, fetch_version, group, false);
    // Kafka answers with the partitions that are not there first, whatever their order.
    commit(differ, version, group,
           {{.partition_index = PartitionId(7), .committed_offset = Offset(5)},
            {.partition_index = PartitionId(0),
             .committed_offset = Offset(5),
             .committed_metadata = "note"},
            {.partition_index = PartitionId(1),
             .committed_offset = Offset(6),
             .committed_metadata = long_text}});
    commit(differ, version, group, {{.committed_offset = Offset(5)}}, {}, -1, "never-there");
    commit(differ, version, group, {{.committed_offset = Offset(5)}}, {"stranger", "stranger"});
    commit(differ, version, group, {{.committed_offset = Offset(5)}}, {}, 3);
    commit(differ, version, group, {{.committed_offset = Offset(-1)}});
    commit(differ, version, "", {{.committed_offset = Offset(5)}});
    fetch(differ, fetch_version, group, false);
    fetch(differ, fetch_version, group, true);
  }
}

void commits_of_members(Differ& differ) {
  create_topic(differ, "committed-by-member");
  auto protocol = range_protocol();
  Member member;
  join(differ, 3, join_request("busy", protocol), member);
  const auto try_commit = [&](const Member& who, std::int32_t generation) {
    commit(differ, 7, "busy", {{.committed_offset = Offset(5)}}, who, generation,
           "committed-by-member");
  };
  try_commit(member, 1);  // while assignments are awaited
  sync(differ, 3, "busy", 1, member);
  try_commit(member, 1);
  try_commit(member, 0);
  try_commit({"stranger", "stranger"}, 1);
  try_commit({}, -1);
  leave(differ, 3, "busy", member);
  try_commit(member, 1);
  try_commit({}, -1);
}

void administration(Differ& differ) {
  create_topic(differ, "administered", 2);
  auto protocol = range_protocol();
  Member member;
  join(differ, 3, join_request("live", protocol), member);
  sync(differ, 3, "live", 1, member);
  commit(differ, 7, "live", {{.committed_offset = Offset(5)}}, member, 1, "administered");
  commit(differ, 7, "idle", {{.committed_offset = Offset(5)}}, {}, -1, "administered");
  std::vector<std::string_view> names = {"live"};
  const auto remove = [&](std::string_view name, Differ::Allowed allowed = {}) {
    for (std::int16_t version = 0; version <= 2; ++version) {
      differ.ask<kafka::DeleteGroupsResponse>(
          version, kafka::DeleteGroupsRequest{.groups_names = one(name)}, allowed);
    }
  };
  const auto forget = [&](std::string_view group, std::string_view topic, std::int32_t partition) {
    kafka::OffsetDeleteRequest::Topic::Partition p{.partition_index = PartitionId(partition)};
    kafka::OffsetDeleteRequest::Topic t{.name = topic, .partitions = one(p)};
    differ.ask<kafka::OffsetDeleteResponse>(
        0, kafka::OffsetDeleteRequest{.group_id = group, .topics = one(t)});
  };
  describe(differ, "idle");
  describe(differ, "never-there");
  forget("idle", "administered", 0);
  forget("idle", "administered", 7);
  forget("idle", "never-there", 0);
  forget("never-there", "administered", 0);
  forget("", "administered", 0);
  remove("live");
  remove("idle", {"error_code"});  // without offsets it is gone here; there, with the next cleanup
  remove("never-there");
  remove("");
  leave(differ, 3, "live", member);
  remove("live");
}

}  // namespace

std::vector<Scenario> group_scenarios() {
  using enum kafka::ApiKey;
  return {{"coordinators", coordinators, kOffsetFetch},
          {"a member in every version", one_member_in_every_version, kJoinGroup},
          {"joins that are refused", joins_that_are_refused, kJoinGroup},
          {"static members", static_members, kJoinGroup},
          {"commits in every version", commits_in_every_version, kOffsetCommit},
          {"commits of members", commits_of_members, kJoinGroup},
          {"administration of groups", administration, kDeleteGroups}};
}

}  // namespace duolog::differential

#include "engine/groups/memberships.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "engine/groups/group_coordinator.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;

constexpr std::int16_t kMembersInLeaveSince = 3;   // KIP-345
constexpr std::int16_t kNotFoundIsErrorSince = 6;  // KIP-1043
// What everybody may do with a group, as Kafka's AclOperation numbers it: read (3), delete (6),
// describe (8), describe and alter its configuration (10, 11).
constexpr std::int32_t kGroupOperations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool may_see(const Client& client, std::string_view group_id) {
  return broker::authorize(client.principal, broker::Operation::kDescribe,
                           {broker::ResourceType::kGroup, group_id});
}

// Whether a list's filter lets this pass; an empty one lets everything.
bool passes(const kafka::Array<std::string_view>& filter, std::string_view value) {
  return filter.empty() || std::ranges::any_of(filter, [&](std::string_view wanted) {
           return same_but_for_case(wanted, value);
         });
}

}  // namespace

// ---- Members' requests --------------------------------------------------------------------------

ClassicGroup* Memberships::find(std::string_view group_id) {
  Group* group = coordinator_.find(group_id);
  return group == nullptr ? nullptr : &of(*group);
}

ClassicGroup& Memberships::of(Group& group) {
  if (group.classic == nullptr) {
    group.classic = group.stored ? std::make_unique<ClassicGroup>(*this, group.id, *group.stored)
                                 : std::make_unique<ClassicGroup>(*this, group.id);
  }
  return *group.classic;
}

void Memberships::join(const Client& client, const kafka::JoinGroupRequest& request,
                       Reply<kafka::JoinGroupResponse> reply) {
  const ErrorCode error = check_join(request, settings());
  if (error != ErrorCode::kNone) return reply.refuse(error);
  Group* group = request.member_id.empty() ? coordinator_.find_or_make(request.group_id)
                                           : coordinator_.find(request.group_id);
  if (group == nullptr) {
    // A new member of a new group is refused only when there are too many groups.
    return reply.refuse(request.member_id.empty() ? ErrorCode::kPolicyViolation
                                                  : ErrorCode::kUnknownMemberId);
  }
  // As Kafka prints an address.
  const std::string host = '/' + std::string(client.host);
  const std::string id = group->id;  // the request may be gone once it is answered
  of(*group).join(request, {.version = client.version, .id = client.id, .host = host},
                  std::move(reply));
  coordinator_.settled(id);  // a new one that has refused its first member
}

void Memberships::sync(const kafka::SyncGroupRequest& request,
                       Reply<kafka::SyncGroupResponse> reply) {
  if (request.group_id.empty()) return reply.refuse(ErrorCode::kInvalidGroupId);
  ClassicGroup* group = find(request.group_id);
  if (group == nullptr) return reply.refuse(ErrorCode::kUnknownMemberId);
  group->sync(request, std::move(reply));
}

void Memberships::heartbeat(const kafka::HeartbeatRequest& request,
                            Reply<kafka::HeartbeatResponse> reply) {
  if (request.group_id.empty()) return reply.refuse(ErrorCode::kInvalidGroupId);
  ClassicGroup* group = find(request.group_id);
  reply({.error_code = group == nullptr ? ErrorCode::kUnknownMemberId : group->heartbeat(request)});
}

void Memberships::leave(const Client& client, const kafka::LeaveGroupRequest& request,
                        Reply<kafka::LeaveGroupResponse> reply) {
  if (request.group_id.empty()) return reply.refuse(ErrorCode::kInvalidGroupId);
  ClassicGroup* group = find(request.group_id);
  if (group != nullptr) {
    const std::string id = group->id();  // the request may be gone once it is answered
    group->leave(request, client.version, std::move(reply));
    return coordinator_.settled(id);  // it may have been about to get its first member
  }
  if (client.version < kMembersInLeaveSince) return reply.refuse(ErrorCode::kUnknownMemberId);
  auto members = reply.arena().make<kafka::LeaveGroupResponse::Member>(request.members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i] = {.member_id = request.members[i].member_id,
                  .group_instance_id = request.members[i].group_instance_id,
                  .error_code = ErrorCode::kUnknownMemberId};
  }
  reply({.members = members});
}

// ---- Administration -----------------------------------------------------------------------------

void Memberships::describe(const Client& client, std::string_view group_id, bool with_operations,
                           Reply<kafka::DescribeGroupsResponse::Group> reply) {
  ClassicGroup* group = find(group_id);
  kafka::DescribeGroupsResponse::Group described{.group_id = group_id};
  std::string message;
  if (group != nullptr && group->state() != GroupState::kDead) {
    described = group->describe(reply.arena());
  } else {
    described.group_state = name(GroupState::kDead);
    if (client.version >= kNotFoundIsErrorSince) {
      message = "Group " + std::string(group_id) + " not found.";
      described.error_code = ErrorCode::kGroupIdNotFound;
      described.error_message = message;
    }
  }
  if (with_operations) described.authorized_operations = kGroupOperations;
  reply(described);
}

void Memberships::list(const Client& client, const kafka::ListGroupsRequest& request,
                       Reply<kafka::ListGroupsResponse> reply) {
  if (!passes(request.types_filter, kClassicGroupType)) return reply({});
  auto groups = reply.arena().make<kafka::ListGroupsResponse::Group>(coordinator_.groups().size());
  std::size_t count = 0;
  for (const auto& [id, group] : coordinator_.groups()) {
    if (group->is_nothing() || !may_see(client, id)) continue;
    const ClassicGroup& members = of(*group);
    if (members.state() == GroupState::kDead) continue;
    if (passes(request.states_filter, name(members.state()))) groups[count++] = members.summary();
  }
  reply({.groups = groups.first(count)});
}

void Memberships::remove(std::string_view group_id,
                         Reply<kafka::DeleteGroupsResponse::Group> reply) {
  Group* group = coordinator_.find(group_id);
  if (group == nullptr) return reply.refuse(ErrorCode::kGroupIdNotFound);
  const ErrorCode error = of(*group).check_deletion();
  if (error != ErrorCode::kNone) return reply.refuse(error);
  // Nobody joins it or commits for it meanwhile.
  group->classic->stop();
  // What is being stored would else come behind the group's end.
  if (group->stores > 0) {
    removals_.emplace(group->id, std::move(reply));
  } else {
    remove(*group, std::move(reply));
  }
}

void Memberships::settled(Group& group) {
  if (group.stores > 0) return;
  const auto waiting = removals_.find(group.id);
  if (waiting == removals_.end()) return;
  RemoveReply reply = std::move(waiting->second);
  removals_.erase(waiting);
  remove(group, std::move(reply));
}

void Memberships::remove(Group& group, RemoveReply reply) {
  reply.only_waits_for_log();
  coordinator_.remove(group,
                      [this, id = group.id, reply = std::move(reply)](ErrorCode stored) mutable {
                        Group* left = coordinator_.find(id);
                        if (left != nullptr) left->classic.reset();  // it goes on, or begins anew
                        if (stored != ErrorCode::kNone) return reply.refuse(store_error(stored));
                        reply({.group_id = id});
                      });
}

// ---- The coordinator's --------------------------------------------------------------------------

void Memberships::loaded(Group& group) {
  if (group.stored && !group.stored->members.empty()) (void)of(group);
}

void Memberships::stop() {
  for (const auto& [id, group] : coordinator_.groups()) {
    if (group->classic != nullptr && group->classic->state() != GroupState::kDead) {
      group->classic->stop();
    }
  }
}

runtime::Timers& Memberships::timers() { return coordinator_.shard().timers(); }
std::uint64_t Memberships::now_ns() { return coordinator_.shard().now_ns(); }
Timestamp Memberships::wall_now() { return coordinator_.shard().wall_now(); }
const MembershipSettings& Memberships::settings() { return coordinator_.settings().members; }
MembershipCounters& Memberships::counters() { return coordinator_.counters().members; }

void Memberships::became_idle(ClassicGroup& group) {
  coordinator_.settled(std::string(group.id()));
}

void Memberships::store(ClassicGroup& group, GroupMetadata metadata, Stored done) {
  Group* stored = coordinator_.find(group.id());
  CHECK(stored != nullptr);
  coordinator_.store_metadata(*stored, std::move(metadata), std::move(done));
}

}  // namespace duolog::groups

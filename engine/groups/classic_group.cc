#include "engine/groups/classic_group.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/groups/consumer_protocol.h"

namespace duolog::groups {
namespace {}  // namespace

std::string_view name(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
    case GroupState::kDead:
      return "Dead";
  }
  CHECK(false);
}

// ---- Its life -----------------------------------------------------------------------------------

ClassicGroup::ClassicGroup(GroupHost& host, std::string id)
    : host_(host), id_(std::move(id)), state_since_(host.wall_now()) {}

ClassicGroup::ClassicGroup(GroupHost& host, std::string id, const GroupMetadata& stored)
    : host_(host),
      id_(std::move(id)),
      state_since_(stored.state_since),
      generation_(stored.generation),
      protocol_type_(stored.protocol_type),
      protocol_(stored.protocol),
      leader_(stored.leader) {
  load_members(stored);
  if (!members_.empty()) state_ = GroupState::kStable;
  recompute_subscriptions();
  if (members_.size() > host_.settings().max_size) prepare_rebalance();
}

ClassicGroup::~ClassicGroup() {
  if (state_ != GroupState::kDead) stop();
}

// Members who are said to have agreed on no protocol, or to be there twice, are none: what was
// stored may have been written by others.
void ClassicGroup::load_members(const GroupMetadata& stored) {
  for (const MemberMetadata& one : stored.members) {
    if (!protocol_ || find(one.member_id) != nullptr) continue;
    auto member = std::make_unique<Member>(*this, on_session_end);
    member->id = one.member_id;
    member->instance_id = one.group_instance_id;
    member->client_id = one.client_id;
    member->client_host = one.client_host;
    member->session_timeout_ms = one.session_timeout_ms;
    member->rebalance_timeout_ms =
        one.rebalance_timeout_ms == -1 ? one.session_timeout_ms : one.rebalance_timeout_ms;
    member->protocols.push_back({*protocol_, one.subscription});
    member->assignment = one.assignment;
    if (one.group_instance_id) statics_[*one.group_instance_id] = one.member_id;
    count_protocols(*member, 1);
    hear_of(*member);
    members_[one.member_id] = std::move(member);
  }
  if (leader_ && find(*leader_) == nullptr) leader_.reset();
  if (!leader_ && !members_.empty()) leader_ = members_.begin()->first;
}

void ClassicGroup::stop() {
  transition(GroupState::kDead);
  host_.timers().cancel(rebalance_timer_);
  host_.timers().cancel(sync_timer_);
  pending_.clear();
  for (auto& [id, member] : members_) {
    host_.timers().cancel(member->session);
    if (member->join) refuse_join(member->join, id, ErrorCode::kNotCoordinator);
    if (member->sync) refuse_sync(member->sync, ErrorCode::kNotCoordinator);
  }
  *self_ = nullptr;
}

kafka::ErrorCode ClassicGroup::check_deletion() const {
  if (state_ == GroupState::kDead) return ErrorCode::kGroupIdNotFound;
  return state_ == GroupState::kEmpty ? ErrorCode::kNone : ErrorCode::kNonEmptyGroup;
}

// ---- Members ------------------------------------------------------------------------------------

Member* ClassicGroup::find(std::string_view member_id) const {
  const auto found = members_.find(member_id);
  return found == members_.end() ? nullptr : found->second.get();
}

kafka::ErrorCode ClassicGroup::check_member(std::string_view member_id,
                                            kafka::NullableString instance_id) const {
  if (instance_id) {
    const auto found = statics_.find(*instance_id);
    if (found == statics_.end()) return ErrorCode::kUnknownMemberId;
    if (found->second != member_id) return ErrorCode::kFencedInstanceId;
  }
  return find(member_id) == nullptr ? ErrorCode::kUnknownMemberId : ErrorCode::kNone;
}

void ClassicGroup::count_protocols(const Member& member, int amount) {
  for (const MemberProtocol& protocol : member.protocols) {
    std::size_t& count = protocol_counts_[protocol.name];
    count += static_cast<std::size_t>(amount);
    if (count == 0) protocol_counts_.erase(protocol.name);
  }
}

bool ClassicGroup::supports(std::string_view protocol_type,
                            const kafka::Array<kafka::JoinGroupRequest::Protocol>& some) const {
  if (state_ == GroupState::kEmpty) return !protocol_type.empty() && !some.empty();
  return protocol_type == protocol_type_ && std::ranges::any_of(some, [&](const auto& protocol) {
           // Those that it was made of may all have gone while it waits for others.
           const auto found = protocol_counts_.find(protocol.name);
           return (found == protocol_counts_.end() ? 0 : found->second) == members_.size();
         });
}

// Whoever waits as this member is told to begin again, if it is still there.
void ClassicGroup::remove(std::string_view member_id) {
  if (const auto pending = pending_.find(member_id); pending != pending_.end()) {
    pending_.erase(pending);
  }
  const auto found = members_.find(member_id);
  if (found == members_.end()) return;
  const std::unique_ptr<Member> member = std::move(found->second);
  members_.erase(found);
  count_protocols(*member, -1);
  if (member->instance_id) statics_.erase(*member->instance_id);
  if (leader_ == member->id) {
    leader_ = members_.empty() ? std::nullopt : std::optional(members_.begin()->first);
  }
  if (member->join) refuse_join(member->join, {}, ErrorCode::kUnknownMemberId);
  if (member->sync) refuse_sync(member->sync, ErrorCode::kUnknownMemberId);
}

void ClassicGroup::arm(runtime::Timer& timer, std::int64_t timeout_ms) {
  const auto delay_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout_ms, 0));
  host_.timers().arm(timer, host_.now_ns() + delay_ms * kNsPerMs);
}

std::int32_t ClassicGroup::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& [id, member] : members_) {
    longest = std::max(longest, member->rebalance_timeout_ms);
  }
  return longest;
}

std::size_t ClassicGroup::size_bytes() const {
  std::size_t total = id_.size() + protocol_type_.size() + leader_.value_or("").size();
  for (const auto& [id, member] : members_) total += member->size_bytes();
  return total;
}

void ClassicGroup::on_session_end(runtime::Timer& /*timer*/, void* context) {
  auto& member = *static_cast<Member*>(context);
  member.group.session_ended(member);
}

void ClassicGroup::on_pending_end(runtime::Timer& /*timer*/, void* context) {
  auto& pending = *static_cast<PendingMember*>(context);
  ClassicGroup& group = pending.group;
  group.host_.counters().members_expired.add();
  group.remove(std::string(pending.id));
  if (group.state_ == GroupState::kPreparingRebalance) group.complete_if_all_joined();
  if (group.idle()) group.host_.became_idle(group);  // which may be gone now
}

// Who waits for the others is not expected to send heartbeats; but who waits with its first Join
// may long have gone, and nobody would notice.
void ClassicGroup::session_ended(Member& member) {
  if (!member.is_new && (member.join || member.sync)) return;
  host_.counters().members_expired.add();
  remove(std::string(member.id));
  if (state_ == GroupState::kStable || state_ == GroupState::kCompletingRebalance) {
    rebalance_or_complete();
  } else if (state_ == GroupState::kPreparingRebalance) {
    complete_if_all_joined();
  }
}

// ---- Heartbeat, LeaveGroup, commits -------------------------------------------------------------

kafka::ErrorCode ClassicGroup::heartbeat(const kafka::HeartbeatRequest& request) {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::kNone) return error;
  if (request.generation_id != generation_) return ErrorCode::kIllegalGeneration;
  hear_of(*find(request.member_id));
  return state_ == GroupState::kPreparingRebalance ? ErrorCode::kRebalanceInProgress
                                                   : ErrorCode::kNone;
}

kafka::ErrorCode ClassicGroup::validate_commit(std::string_view member_id,
                                               kafka::NullableString instance_id,
                                               std::int32_t generation) {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  if (generation < 0 && state_ == GroupState::kEmpty) return ErrorCode::kNone;
  if (generation < 0 && member_id.empty() && !instance_id) return ErrorCode::kUnknownMemberId;
  const ErrorCode error = check_member(member_id, instance_id);
  if (error != ErrorCode::kNone) return error;
  if (generation != generation_) return ErrorCode::kIllegalGeneration;
  if (state_ == GroupState::kCompletingRebalance) return ErrorCode::kRebalanceInProgress;
  hear_of(*find(member_id));
  return ErrorCode::kNone;
}

void ClassicGroup::leave(const kafka::LeaveGroupRequest& request, std::int16_t version,
                         LeaveReply reply) {
  if (state_ == GroupState::kDead) {
    return reply({.error_code = ErrorCode::kCoordinatorNotAvailable});
  }
  const kafka::LeaveGroupRequest::Member alone{.member_id = request.member_id};
  const bool lists = version >= 3;
  const std::span<const kafka::LeaveGroupRequest::Member> leaving =
      lists ? std::span(request.members.begin(), request.members.size()) : std::span(&alone, 1);
  std::vector<kafka::LeaveGroupResponse::Member> left(leaving.size());
  bool any = false;
  for (std::size_t i = 0; i < leaving.size(); ++i) {
    left[i] = {.member_id = leaving[i].member_id,
               .group_instance_id = leaving[i].group_instance_id};
    leave_one(leaving[i], left[i].error_code);
    any = any || left[i].error_code == ErrorCode::kNone;
  }
  if (any && state_ == GroupState::kPreparingRebalance) {
    complete_if_all_joined();
  } else if (any && state_ != GroupState::kEmpty) {
    rebalance_or_complete();
  }
  if (!lists) return reply({.error_code = left.front().error_code});
  reply({.members = std::span(left)});
}

void ClassicGroup::leave_one(const kafka::LeaveGroupRequest::Member& leaving, ErrorCode& error) {
  std::string member_id(leaving.member_id);
  if (member_id.empty()) {
    // An administrator removes a static member by its name (KIP-345).
    const auto found =
        leaving.group_instance_id ? statics_.find(*leaving.group_instance_id) : statics_.end();
    if (found == statics_.end()) {
      error = ErrorCode::kUnknownMemberId;
      return;
    }
    member_id = found->second;
  } else if (!pending_.contains(member_id)) {
    error = check_member(member_id, leaving.group_instance_id);
  }
  if (error == ErrorCode::kNone) remove(member_id);
}

// ---- What it is ---------------------------------------------------------------------------------

bool ClassicGroup::is_subscribed_to(std::string_view topic) const {
  return subscribed_ ? subscribed_->contains(topic) : protocol_type_ == kConsumerProtocolType;
}

kafka::DescribeGroupsResponse::Group ClassicGroup::describe(kafka::Arena& arena) const {
  using Described = kafka::DescribeGroupsResponse::Group;
  const bool stable = state_ == GroupState::kStable && protocol_.has_value();
  const std::span<Described::Member> described = arena.make<Described::Member>(members_.size());
  std::size_t i = 0;
  for (const auto& [id, member] : members_) {
    described[i++] = {.member_id = member->id,
                      .group_instance_id = member->instance_id,
                      .client_id = member->client_id,
                      .client_host = member->client_host,
                      .member_metadata = stable ? as_bytes(member->metadata(*protocol_)) : Bytes(),
                      .member_assignment = as_bytes(member->assignment)};
  }
  return {.group_id = id_,
          .group_state = name(state_),
          .protocol_type = protocol_type_,
          .protocol_data = stable ? std::string_view(*protocol_) : std::string_view(),
          .members = described};
}

kafka::ListGroupsResponse::Group ClassicGroup::summary() const {
  return {.group_id = id_,
          .protocol_type = protocol_type_,
          .group_state = name(state_),
          .group_type = kClassicGroupType};
}

GroupMetadata ClassicGroup::metadata() const { return metadata_with(nullptr); }

GroupMetadata ClassicGroup::metadata_with(const Assignments* assignments) const {
  GroupMetadata metadata{.protocol_type = protocol_type_,
                         .generation = generation_,
                         .protocol = protocol_,
                         .leader = leader_,
                         .state_since = state_since_,
                         .members = {}};
  for (const auto& [id, member] : members_) {
    MemberMetadata one{.member_id = id,
                       .group_instance_id = member->instance_id,
                       .client_id = member->client_id,
                       .client_host = member->client_host,
                       .rebalance_timeout_ms = member->rebalance_timeout_ms,
                       .session_timeout_ms = member->session_timeout_ms,
                       .subscription = std::string(member->metadata(protocol_.value_or(""))),
                       .assignment = member->assignment};
    if (assignments != nullptr) {
      const auto found = assignments->find(id);
      one.assignment = found == assignments->end() ? std::string() : found->second;
    }
    metadata.members.push_back(std::move(one));
  }
  return metadata;
}

}  // namespace duolog::groups

// ClassicGroup: JoinGroup.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/uuid.h"
#include "engine/groups/classic_group.h"

namespace duolog::groups {
namespace {

// From which version of JoinGroup a member comes back with the id that it is given (KIP-394), and
// a static leader is told that the assignment is there already (KIP-814).
constexpr std::int16_t kKnownMemberIdSince = 4;
constexpr std::int16_t kSkipAssignmentSince = 9;
// How long a new member may wait for the others: it cannot send heartbeats before it is answered,
// and nobody would notice that it has gone.
constexpr std::int64_t kNewMemberJoinTimeoutMs = 300'000;

// The form with dashes: 8-4-4-4-12 digits.
std::string dashed(const Uuid& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[id.bytes[i] >> 4];
    text += kDigits[id.bytes[i] & 15];
  }
  return text;
}

// A member id is as long as any text may be: what it begins with may be as long already, so that
// only so much of it is taken.
constexpr std::size_t kMaxMemberIdPrefixBytes = 256;
constexpr std::size_t kMaxNewMemberIdBytes = kMaxMemberIdPrefixBytes + 1 + 36;

std::string new_member_id(const kafka::JoinGroupRequest& request, const Client& client) {
  std::string_view prefix = request.group_instance_id.value_or(client.id);
  if (prefix.size() > kMaxMemberIdPrefixBytes) {
    std::size_t end = kMaxMemberIdPrefixBytes;
    // Not within a character of UTF-8.
    while (end > 0 && (static_cast<unsigned char>(prefix[end]) & 0xc0) == 0x80) --end;
    prefix = prefix.substr(0, end);
  }
  return std::string(prefix) + '-' + dashed(random_uuid());
}

// One that is named twice counts once, or it would seem that more members know it than there are.
std::vector<MemberProtocol> protocols_of(const kafka::JoinGroupRequest& request) {
  std::vector<MemberProtocol> protocols;
  protocols.reserve(request.protocols.size());
  std::set<std::string_view> names;
  for (const auto& one : request.protocols) {
    if (!names.insert(one.name).second) continue;
    protocols.push_back({std::string(one.name), std::string(as_text(one.metadata))});
  }
  return protocols;
}

// Version 0 has no time-out of its own.
std::int32_t rebalance_timeout_of(const kafka::JoinGroupRequest& request, const Client& client) {
  return client.version == 0 ? request.session_timeout_ms : request.rebalance_timeout_ms;
}

}  // namespace

kafka::ErrorCode check_join(const kafka::JoinGroupRequest& request,
                            const MembershipSettings& settings) {
  if (request.group_id.empty()) return kafka::ErrorCode::kInvalidGroupId;
  const std::int64_t timeout_ms = request.session_timeout_ms;
  const bool good = timeout_ms >= static_cast<std::int64_t>(settings.min_session_timeout_ms) &&
                    timeout_ms <= static_cast<std::int64_t>(settings.max_session_timeout_ms);
  return good ? kafka::ErrorCode::kNone : kafka::ErrorCode::kInvalidSessionTimeout;
}

void ClassicGroup::join(const kafka::JoinGroupRequest& request, const Client& client,
                        JoinReply reply) {
  JoinCall call{request, client, std::move(reply)};
  if (state_ == GroupState::kDead) {
    return refuse_join(call.reply, request.member_id, ErrorCode::kCoordinatorNotAvailable);
  }
  if (!accepts(request.member_id)) {
    host_.counters().groups_full.add();
    remove(request.member_id);  // the last that came back to a group that has become too large
    return refuse_join(call.reply, {}, ErrorCode::kGroupMaxSizeReached);
  }
  if (request.protocols.size() > host_.settings().max_protocols) {
    host_.counters().metadata_too_large.add();
    return refuse_join(call.reply, request.member_id, ErrorCode::kInconsistentGroupProtocol);
  }
  if (!supports(request.protocol_type, request.protocols)) {
    return refuse_join(call.reply, request.member_id, ErrorCode::kInconsistentGroupProtocol);
  }
  if (request.member_id.empty()) return join_new(call);
  join_known(call);
}

// While members join, those that wait are counted: so the last to come back to a group that is too
// large is the one that must go.
bool ClassicGroup::accepts(std::string_view member_id) const {
  if (state_ == GroupState::kEmpty) return true;
  const Member* member = find(member_id);
  if (state_ != GroupState::kPreparingRebalance) {
    return member != nullptr || members_.size() < host_.settings().max_size;
  }
  if (member != nullptr && member->join) return true;
  const auto waiting = std::ranges::count_if(
      members_, [](const auto& entry) { return static_cast<bool>(entry.second->join); });
  return static_cast<std::size_t>(waiting) < host_.settings().max_size;
}

bool ClassicGroup::fits(const JoinCall& call, const Member* replaced) const {
  const kafka::JoinGroupRequest& request = call.request;
  std::size_t total = size_bytes() + kMemberBytes +
                      std::max(request.member_id.size(), kMaxNewMemberIdBytes) +
                      request.group_instance_id.value_or("").size() + call.client.id.size() +
                      call.client.host.size();
  if (members_.empty()) total += request.protocol_type.size();
  for (const auto& one : request.protocols) {
    total += kProtocolBytes + one.name.size() + one.metadata.size();
  }
  if (replaced != nullptr) total -= replaced->size_bytes() - replaced->assignment.size();
  return total <= host_.settings().max_metadata_bytes;
}

void ClassicGroup::join_new(JoinCall& call) {
  std::string member_id = new_member_id(call.request, call.client);
  const kafka::NullableString instance = call.request.group_instance_id;
  if (instance) {
    const auto known = statics_.find(*instance);
    if (known != statics_.end()) {
      return rejoin_static(call, std::string(known->second), std::move(member_id));
    }
  } else if (call.client.version >= kKnownMemberIdSince) {
    return require_member_id(call, std::move(member_id));
  }
  add(call, std::move(member_id));
}

// A client whose answers get lost would else leave a member behind with each attempt.
void ClassicGroup::require_member_id(JoinCall& call, std::string member_id) {
  if (pending_.size() >= host_.settings().max_pending_members) {
    host_.counters().groups_full.add();
    return refuse_join(call.reply, {}, ErrorCode::kGroupMaxSizeReached);
  }
  auto pending = std::make_unique<PendingMember>(*this, member_id, on_pending_end);
  arm(pending->session, call.request.session_timeout_ms);
  pending_[member_id] = std::move(pending);
  refuse_join(call.reply, member_id, ErrorCode::kMemberIdRequired);
}

void ClassicGroup::join_known(JoinCall& call) {
  const kafka::JoinGroupRequest& request = call.request;
  if (!request.group_instance_id && pending_.contains(request.member_id)) {
    return add(call, std::string(request.member_id));
  }
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::kNone) return refuse_join(call.reply, request.member_id, error);
  Member& member = *find(request.member_id);
  const bool leads = leader_ == member.id;
  const bool same = member.protocols == protocols_of(request);
  // The answer to its last Join may have got lost. The leader's Join is how it says that something
  // has changed which its metadata does not show, the partitions of a topic for example.
  const bool answer_again = (state_ == GroupState::kCompletingRebalance && same) ||
                            (state_ == GroupState::kStable && same && !leads);
  if (answer_again) return answer_join(call.reply, member, leader_.value_or(""), leads, false);
  if (!fits(call, &member)) {
    host_.counters().metadata_too_large.add();
    return refuse_join(call.reply, request.member_id, ErrorCode::kGroupMaxSizeReached);
  }
  update(member, call);
  rebalance_or_complete();
}

void ClassicGroup::add(JoinCall& call, std::string member_id) {
  if (!fits(call, nullptr)) {
    host_.counters().metadata_too_large.add();
    return refuse_join(call.reply, call.request.member_id, ErrorCode::kGroupMaxSizeReached);
  }
  auto added = std::make_unique<Member>(*this, on_session_end);
  Member& member = *added;
  member.id = std::move(member_id);
  member.client_id = call.client.id;
  member.client_host = call.client.host;
  member.is_new = true;
  if (members_.empty()) protocol_type_ = call.request.protocol_type;
  if (!leader_) leader_ = member.id;
  if (call.request.group_instance_id) {
    member.instance_id = *call.request.group_instance_id;
    statics_[*member.instance_id] = member.id;
  }
  pending_.erase(member.id);
  members_[member.id] = std::move(added);
  update(member, call);
  if (state_ == GroupState::kPreparingRebalance && first_rebalance_) member_added_ = true;
  arm(member.session, kNewMemberJoinTimeoutMs);
  rebalance_or_complete();
}

void ClassicGroup::set_terms(Member& member, MemberTerms terms) {
  count_protocols(member, -1);
  static_cast<MemberTerms&>(member) = std::move(terms);
  count_protocols(member, 1);
}

// The member is as it says now, and waits.
void ClassicGroup::update(Member& member, JoinCall& call) {
  set_terms(member, {.rebalance_timeout_ms = rebalance_timeout_of(call.request, call.client),
                     .session_timeout_ms = call.request.session_timeout_ms,
                     .protocols = protocols_of(call.request)});
  // The same member on another connection: it has given the first one up.
  if (member.join) refuse_join(member.join, member.id, ErrorCode::kRebalanceInProgress);
  member.join = std::move(call.reply);
}

// ---- Static members that come back without their id (KIP-345) -----------------------------------

void ClassicGroup::rejoin_static(JoinCall& call, const std::string& old_id, std::string new_id) {
  if (!fits(call, find(old_id))) {
    host_.counters().metadata_too_large.add();
    return refuse_join(call.reply, {}, ErrorCode::kGroupMaxSizeReached);
  }
  const std::string old_leader = leader_.value_or("");
  Member& member = rename_static(old_id, new_id);
  hear_of(member);
  MemberTerms before = member;
  update(member, call);
  if (state_ == GroupState::kCompletingRebalance) return prepare_rebalance();
  if (state_ != GroupState::kStable) return complete_if_all_joined();
  // The assignment is still good if its members still agree on how it was made.
  if (select_protocol() != protocol_) return rebalance_or_complete();
  store_renamed(member, call.client.version >= kSkipAssignmentSince, old_id, old_leader,
                std::move(before));
}

// Two with the same name are a mistake: the older one is fenced.
Member& ClassicGroup::rename_static(const std::string& old_id, const std::string& new_id) {
  auto node = members_.extract(old_id);
  CHECK(!node.empty());
  Member& member = *node.mapped();
  if (member.join || member.sync) host_.counters().members_fenced.add();
  if (member.join) refuse_join(member.join, old_id, ErrorCode::kFencedInstanceId);
  if (member.sync) refuse_sync(member.sync, ErrorCode::kFencedInstanceId);
  if (leader_ == old_id) leader_ = new_id;
  member.id = new_id;
  member.is_new = false;
  statics_[*member.instance_id] = new_id;
  node.key() = new_id;
  members_.insert(std::move(node));
  synced(member);  // what the old one owed is not asked of the new one
  return member;
}

void ClassicGroup::store_renamed(const Member& member, bool can_skip, const std::string& old_id,
                                 const std::string& old_leader, MemberTerms before) {
  host_.store(*this, metadata(),
              [self = self_, can_skip, old_id, old_leader, new_id = member.id,
               before = std::move(before)](ErrorCode error) mutable {
                if (*self == nullptr) return;
                ClassicGroup& group = **self;
                Member* found = group.find(new_id);
                // Another rebalance has begun, and answers it.
                if (found == nullptr || !found->join || group.state_ != GroupState::kStable) return;
                JoinReply reply = std::exchange(found->join, nullptr);
                if (error == ErrorCode::kNone) {
                  const bool leads = can_skip && group.leader_ == new_id;
                  group.hear_of(*found);
                  // Older clients would make a new assignment if they were told that they lead.
                  return group.answer_join(reply, *found,
                                           can_skip ? group.leader_.value_or("") : old_leader,
                                           leads, leads);
                }
                group.set_terms(*found, std::move(before));
                group.hear_of(group.rename_static(new_id, old_id));
                group.refuse_join(reply, {}, store_error(error));
              });
}

// ---- Answers ------------------------------------------------------------------------------------

void ClassicGroup::refuse_join(JoinReply& reply, std::string_view member_id, ErrorCode error) {
  JoinReply once = std::exchange(reply, nullptr);
  once({.error_code = error, .protocol_name = std::nullopt, .member_id = member_id});
}

void ClassicGroup::answer_join(JoinReply& reply, const Member& member, std::string_view leader,
                               bool lists_members, bool skip_assignment) {
  std::vector<kafka::JoinGroupResponse::Member> all;
  if (lists_members) {
    all.reserve(members_.size());
    for (const auto& [id, one] : members_) {
      all.push_back({.member_id = id,
                     .group_instance_id = one->instance_id,
                     .metadata = as_bytes(one->metadata(protocol_.value_or("")))});
    }
  }
  JoinReply once = std::exchange(reply, nullptr);
  once({.generation_id = generation_,
        .protocol_type = protocol_type_,
        .protocol_name = protocol_,
        .leader = leader,
        .skip_assignment = skip_assignment,
        .member_id = member.id,
        .members = std::span(all)});
}

}  // namespace duolog::groups

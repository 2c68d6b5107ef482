// ClassicGroup: SyncGroup, and the leader's assignment.
#include <algorithm>
#include <utility>

#include "engine/groups/classic_group.h"

namespace duolog::groups {
namespace {

// What a client says of the protocol, if it says something (since version 5).
// As in Kafka, a group that has none (yet) contradicts nobody.
bool contradicts(kafka::NullableString said, std::string_view ours) {
  return said.has_value() && !ours.empty() && *said != ours;
}

}  // namespace

kafka::ErrorCode store_error(kafka::ErrorCode error) {
  using enum kafka::ErrorCode;
  switch (error) {
    case kUnknownTopicOrPartition:
      return kCoordinatorNotAvailable;
    case kNotLeaderOrFollower:
    case kKafkaStorageError:
      return kNotCoordinator;
    case kRecordListTooLarge:
      return kUnknownServerError;
    default:
      return error;
  }
}

void ClassicGroup::sync(const kafka::SyncGroupRequest& request, SyncReply reply) {
  const ErrorCode error = check_sync(request);
  if (error != ErrorCode::kNone) return refuse_sync(reply, error);
  Member& member = *find(request.member_id);
  synced(member);
  // The same member on another connection: it has given the first one up.
  if (member.sync) refuse_sync(member.sync, ErrorCode::kRebalanceInProgress);
  member.sync = std::move(reply);
  if (state_ == GroupState::kStable) return answer_sync(member, ErrorCode::kNone);
  if (leader_ == member.id) take_assignments(request);
}

kafka::ErrorCode ClassicGroup::check_sync(const kafka::SyncGroupRequest& request) const {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  const ErrorCode error = check_member(request.member_id, request.group_instance_id);
  if (error != ErrorCode::kNone) return error;
  if (request.generation_id != generation_) return ErrorCode::kIllegalGeneration;
  if (contradicts(request.protocol_type, protocol_type_) ||
      contradicts(request.protocol_name, protocol_.value_or(""))) {
    return ErrorCode::kInconsistentGroupProtocol;
  }
  return state_ == GroupState::kPreparingRebalance ? ErrorCode::kRebalanceInProgress
                                                   : ErrorCode::kNone;
}

// Members that the leader has forgotten get nothing, which is an assignment too.
void ClassicGroup::take_assignments(const kafka::SyncGroupRequest& request) {
  Assignments assignments;
  std::size_t total = size_bytes();
  for (const auto& one : request.assignments) {
    assignments[std::string(one.member_id)] = as_text(one.assignment);
    total += one.assignment.size();
  }
  for (const auto& [id, member] : members_) total -= member->assignment.size();
  if (total > host_.settings().max_metadata_bytes) {
    host_.counters().metadata_too_large.add();
    return assignments_stored(generation_, assignments, ErrorCode::kRecordListTooLarge);
  }
  GroupMetadata stored = metadata_with(&assignments);
  host_.store(*this, std::move(stored),
              [self = self_, generation = generation_,
               assignments = std::move(assignments)](ErrorCode error) {
                if (*self != nullptr) (*self)->assignments_stored(generation, assignments, error);
              });
}

void ClassicGroup::assignments_stored(std::int32_t generation, const Assignments& assignments,
                                      ErrorCode error) {
  // Somebody came or went meanwhile: the assignment is no longer of interest.
  if (state_ != GroupState::kCompletingRebalance || generation != generation_) return;
  if (error != ErrorCode::kNone) {
    fail_syncs(store_error(error));
    return rebalance_or_complete();
  }
  for (auto& [id, member] : members_) {
    const auto found = assignments.find(id);
    member->assignment = found == assignments.end() ? std::string() : found->second;
  }
  transition(GroupState::kStable);
  for (auto& [id, member] : members_) {
    if (member->sync) answer_sync(*member, ErrorCode::kNone);
  }
}

void ClassicGroup::synced(Member& member) {
  member.pending_sync = false;
  const bool waits =
      std::ranges::any_of(members_, [](const auto& entry) { return entry.second->pending_sync; });
  if (!waits) host_.timers().cancel(sync_timer_);
}

void ClassicGroup::fail_syncs(ErrorCode error) {
  for (auto& [id, member] : members_) {
    member->assignment.clear();
    if (member->sync) answer_sync(*member, error);
  }
}

// Its session begins anew: it could not send heartbeats while it waited.
void ClassicGroup::answer_sync(Member& member, ErrorCode error) {
  hear_of(member);
  if (error != ErrorCode::kNone) return refuse_sync(member.sync, error);
  SyncReply once = std::exchange(member.sync, nullptr);
  once({.protocol_type = protocol_type_,
        .protocol_name = protocol_,
        .assignment = as_bytes(member.assignment)});
}

void ClassicGroup::refuse_sync(SyncReply& reply, ErrorCode error) const {
  SyncReply once = std::exchange(reply, nullptr);
  once({.error_code = error});
}

void ClassicGroup::on_sync_end(runtime::Timer& /*timer*/, void* context) {
  static_cast<ClassicGroup*>(context)->sync_ended();
}

// Who has joined and never asks for its assignment would keep its partitions unread.
void ClassicGroup::sync_ended() {
  for (auto at = members_.begin(); at != members_.end();) {
    const Member& member = *at->second;
    ++at;
    if (!member.pending_sync) continue;
    host_.counters().members_expired.add();
    remove(std::string(member.id));
  }
  prepare_rebalance();
}

}  // namespace duolog::groups

#include "tests/sim/server/group_member.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/base/bytes.h"
#include "net/kafka/coordinator.h"
#include "tests/sim/server/group_assignment.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kFindVersion = 6;
constexpr std::int16_t kJoinVersion = 9;
constexpr std::int16_t kSyncVersion = 5;
constexpr std::int16_t kHeartbeatVersion = 4;
constexpr std::int16_t kLeaveVersion = 5;
constexpr std::int32_t kRebalanceTimeoutMs = 3'000;
constexpr std::string_view kProtocol = "range";
constexpr std::string_view kProtocolType = "consumer";

}  // namespace

SimMember::SimMember(World& world, std::string name, MemberPlan plan)
    : Client(world, name),
      plan_(std::move(plan)),
      coordinator_(world.kernel, world.oracle, name),
      data_(world.kernel, world.oracle, name + "-data"),
      born_ns_(world.kernel.now_ns() + plan_.starts_after_us * 1'000) {}

std::string SimMember::describe() const {
  return fmt::format(
      "{}: in phase {}, generation {}, {} beats of {}, {} requests in flight; last error: {}",
      name(), static_cast<int>(phase_), generation_, beats_, plan_.beats, coordinator_.unanswered(),
      last_error_);
}

void SimMember::on_turn() {
  while (auto response = coordinator_.take()) on_response(*response);
  take_data();
  if (done()) return;
  const std::uint64_t now_ns = kernel().now_ns();
  if (const std::uint64_t from_ns = std::max(born_ns_, not_before_ns_); now_ns < from_ns) {
    return act_in_us((from_ns - now_ns) / 1'000 + 1);
  }
  const bool late = now_ns - coordinator_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if (coordinator_.ended() || late) {
    commits_.clear();
    if (phase_ != Phase::kSeeking) after_seeking_ = phase_;
    go(Phase::kSeeking);
    act_in_us(kRetryUs);
    if (!coordinator_.connect()) return;
  }
  act_in_us(kAnswerWithinUs + 1);
  if (phase_ == Phase::kStable) return be_member();
  if (!asked_) ask();
}

void SimMember::go(Phase phase) {
  phase_ = phase;
  asked_ = false;
  act_in_us(0);
}

void SimMember::end() {
  coordinator_.drop();
  data_.drop();
  commits_.clear();
  owned_.clear();
  phase_ = Phase::kEnded;
}

void SimMember::retry_later(ErrorCode error) {
  last_error_ = std::string(kafka::name(error));
  asked_ = false;
  not_before_ns_ = kernel().now_ns() + kRetryUs * 1'000;
  act_in_us(kRetryUs);
}

void SimMember::rejoin() {
  if (!owned_.empty()) {
    former_generation_ = generation_;
    former_ = std::move(owned_);
  }
  owned_.clear();
  ++assignment_;
  data_.drop();
  go(Phase::kJoining);
}

void SimMember::on_error(ErrorCode error) {
  last_error_ = std::string(kafka::name(error));
  switch (error) {
    case ErrorCode::kRebalanceInProgress:
      return rejoin();
    case ErrorCode::kUnknownMemberId:
      member_id_.clear();
      generation_ = -1;
      return rejoin();
    case ErrorCode::kIllegalGeneration:
      generation_ = -1;
      return rejoin();
    case ErrorCode::kFencedInstanceId:
      if (plan_.instance.empty()) oracle().wrong(name() + ": fenced, and not static");
      return end();
    case ErrorCode::kCoordinatorNotAvailable:
    case ErrorCode::kNotCoordinator:
      if (phase_ != Phase::kSeeking) after_seeking_ = phase_;
      go(Phase::kSeeking);
      return retry_later(error);
    case ErrorCode::kCoordinatorLoadInProgress:
    case ErrorCode::kKafkaStorageError:
      return retry_later(error);
    default:
      return oracle().wrong(name() + ": " + last_error_);
  }
}

void SimMember::on_response(KafkaPeer::Response& response) {
  switch (response.api) {
    case kafka::ApiKey::kFindCoordinator:
      return on_coordinator(response);
    case kafka::ApiKey::kJoinGroup:
      return on_joined(response);
    case kafka::ApiKey::kSyncGroup:
      return on_synced(response);
    case kafka::ApiKey::kHeartbeat:
      return on_heartbeat(response);
    case kafka::ApiKey::kOffsetFetch:
      return on_offsets(response);
    case kafka::ApiKey::kOffsetCommit:
      return on_committed(response);
    default:
      return on_left(response);
  }
}

void SimMember::ask() {
  asked_ = true;
  switch (phase_) {
    case Phase::kSeeking: {
      std::string_view key = plan_.group;
      return coordinator_.send(
          kFindVersion, kafka::FindCoordinatorRequest{.coordinator_keys = std::span(&key, 1)}, 0);
    }
    case Phase::kJoining:
      return ask_join();
    case Phase::kSyncing:
      return ask_sync();
    case Phase::kStarting:
      return ask_offsets();
    case Phase::kLeaving:
      return ask_leave();
    default:
      return;
  }
}

void SimMember::on_coordinator(KafkaPeer::Response& response) {
  kafka::FindCoordinatorResponse message;
  if (!response.read(oracle(), message) || phase_ != Phase::kSeeking) return;
  if (message.coordinators.size() != 1) return oracle().wrong(name() + ": no coordinator");
  const auto& found = message.coordinators[0];
  if (found.error_code != ErrorCode::kNone) return on_error(found.error_code);
  // Who waited for an answer to Join or Sync does not know what has become of it.
  const bool doubt = after_seeking_ == Phase::kSyncing || after_seeking_ == Phase::kStarting;
  go(doubt ? Phase::kJoining : after_seeking_);
}

void SimMember::ask_join() {
  std::string subscription = subscription_to(plan_.topic);
  kafka::JoinGroupRequest::Protocol protocol{.name = kProtocol, .metadata = as_bytes(subscription)};
  least_ = world_.groups.generation_of(plan_.group);
  coordinator_.send(kJoinVersion,
                    kafka::JoinGroupRequest{.group_id = plan_.group,
                                            .session_timeout_ms = plan_.session_timeout_ms,
                                            .rebalance_timeout_ms = kRebalanceTimeoutMs,
                                            .member_id = member_id_,
                                            .group_instance_id = instance(),
                                            .protocol_type = kProtocolType,
                                            .protocols = std::span(&protocol, 1)},
                    0);
}

void SimMember::on_joined(KafkaPeer::Response& response) {
  kafka::JoinGroupResponse message;
  if (!response.read(oracle(), message) || phase_ != Phase::kJoining) return;
  if (message.error_code == ErrorCode::kMemberIdRequired) {
    if (!member_id_.empty() || !plan_.instance.empty()) {
      oracle().wrong(name() + ": asked for a member id that it has");
    }
    member_id_ = std::string(message.member_id);
    return go(Phase::kJoining);
  }
  if (message.error_code == ErrorCode::kRebalanceInProgress) return retry_later(message.error_code);
  if (message.error_code != ErrorCode::kNone) return on_error(message.error_code);
  member_id_ = std::string(message.member_id);
  generation_ = message.generation_id;
  assignments_.clear();
  if (message.leader == message.member_id && !message.skip_assignment) {
    std::vector<std::string> members;
    for (const auto& member : message.members) members.emplace_back(member.member_id);
    if (std::ranges::find(members, member_id_) == members.end()) {
      oracle().wrong(name() + ": leads a group that it is not in");
    }
    assignments_ = assign(plan_.topic, plan_.partitions, std::move(members), generation_);
  }
  go(Phase::kSyncing);
}

void SimMember::ask_sync() {
  std::vector<kafka::SyncGroupRequest::Assignment> assignments;
  for (const auto& [member, assignment] : assignments_) {
    assignments.push_back({.member_id = member, .assignment = as_bytes(assignment)});
  }
  least_ = world_.groups.generation_of(plan_.group);
  coordinator_.send(kSyncVersion,
                    kafka::SyncGroupRequest{.group_id = plan_.group,
                                            .generation_id = generation_,
                                            .member_id = member_id_,
                                            .group_instance_id = instance(),
                                            .protocol_type = kProtocolType,
                                            .protocol_name = kProtocol,
                                            .assignments = std::span(assignments)},
                    0);
}

void SimMember::on_synced(KafkaPeer::Response& response) {
  kafka::SyncGroupResponse message;
  if (!response.read(oracle(), message) || phase_ != Phase::kSyncing) return;
  if (message.error_code != ErrorCode::kNone) return on_error(message.error_code);
  const auto partitions = assigned(message.assignment, plan_.topic);
  if (!partitions) return oracle().wrong(name() + ": an assignment that nobody made");
  std::vector<GroupPartition> all;
  owned_.clear();
  ++assignment_;
  for (const std::int32_t partition : *partitions) {
    all.push_back(at(partition));
    owned_[partition] = {};
  }
  world_.groups.owns(plan_.group, generation_, least_,
                     plan_.instance.empty() ? member_id_ : plan_.instance, all);
  // A commit that comes too late, as one does that was on its way for long.
  if (former_generation_ >= 0 && former_generation_ < generation_ && kernel().one_in(3)) {
    commit(former_generation_, former_);
  }
  former_generation_ = -1;
  go(owned_.empty() ? Phase::kStable : Phase::kStarting);
}

void SimMember::on_heartbeat(KafkaPeer::Response& response) {
  kafka::HeartbeatResponse message;
  if (!response.read(oracle(), message)) return;
  const auto generation = static_cast<std::int32_t>(response.tag);
  if (phase_ != Phase::kStable || generation != generation_) return;  // of an earlier membership
  if (message.error_code != ErrorCode::kNone) return on_error(message.error_code);
  ++beats_;
  act_in_us(0);
}

// In a group, with its partitions.
void SimMember::be_member() {
  if (beats_ >= plan_.beats) {
    if (plan_.dies) return end();
    return go(Phase::kLeaving);
  }
  const std::uint64_t now_ns = kernel().now_ns();
  const std::uint64_t heartbeat_us = static_cast<std::uint64_t>(plan_.session_timeout_ms) * 200;
  if (now_ns >= next_heartbeat_ns_) {
    next_heartbeat_ns_ = now_ns + heartbeat_us * 1'000;
    coordinator_.send(kHeartbeatVersion,
                      kafka::HeartbeatRequest{.group_id = plan_.group,
                                              .generation_id = generation_,
                                              .member_id = member_id_,
                                              .group_instance_id = instance()},
                      static_cast<std::uint64_t>(generation_));
  }
  if (!owned_.empty()) {
    if (now_ns >= next_commit_ns_ && commits_.size() < plan_.most_commits) {
      next_commit_ns_ = now_ns + kernel().below(2 * plan_.commit_every_us) * 1'000;
      commit(generation_, owned_);
    }
    fetch();
    act_in_us(next_commit_ns_ > now_ns ? (next_commit_ns_ - now_ns) / 1'000 + 1 : kRetryUs);
  }
  act_in_us((next_heartbeat_ns_ - now_ns) / 1'000 + 1);
}

void SimMember::ask_leave() {
  kafka::LeaveGroupRequest::Member member{.member_id = member_id_, .group_instance_id = instance()};
  coordinator_.send(
      kLeaveVersion,
      kafka::LeaveGroupRequest{.group_id = plan_.group, .members = std::span(&member, 1)}, 0);
}

void SimMember::on_left(KafkaPeer::Response& response) {
  kafka::LeaveGroupResponse message;
  if (!response.read(oracle(), message) || phase_ != Phase::kLeaving) return;
  const ErrorCode error = message.error_code == ErrorCode::kNone && message.members.size() == 1
                              ? message.members[0].error_code
                              : message.error_code;
  // Perhaps it has left before, and was not told.
  if (error != ErrorCode::kNone && error != ErrorCode::kUnknownMemberId &&
      error != ErrorCode::kFencedInstanceId) {
    return on_error(error);
  }
  owned_.clear();
  ++assignment_;
  if (plan_.comes_back == 0) return end();
  --plan_.comes_back;
  beats_ = 0;
  member_id_.clear();
  generation_ = -1;
  go(Phase::kJoining);
}

}  // namespace duolog::sim

#include "engine/groups/group.h"

#include "engine/groups/classic_group.h"
#include "engine/groups/consumer_protocol.h"

namespace duolog::groups {

using kafka::ErrorCode;

Group::Group(std::string its_id, PartitionId its_partition)
    : id(std::move(its_id)), partition(its_partition) {}

Group::~Group() = default;

bool Group::in_use() const {
  if (classic != nullptr) return !classic->idle();
  return stored && !stored->members.empty();
}

bool Group::leaves_out(std::string_view topic) const {
  return classic != nullptr && classic->state() == GroupState::kStable &&
         protocol_type() == kConsumerProtocolType && !is_subscribed_to(topic);
}

Timestamp Group::state_since() const {
  if (protocol_type().empty()) return kNever;
  const Timestamp since = classic != nullptr ? classic->state_since() : stored->state_since;
  return since.value < 0 ? kNever : since;
}

bool Group::is_stored_with_former_members() const {
  return classic != nullptr && classic->state() == GroupState::kEmpty && stored &&
         !stored->members.empty();
}

std::string_view Group::protocol_type() const {
  if (classic != nullptr) return classic->protocol_type();
  return stored ? std::string_view(stored->protocol_type) : std::string_view();
}

bool Group::is_subscribed_to(std::string_view topic) const {
  return classic != nullptr ? classic->is_subscribed_to(topic) : in_use();
}

ErrorCode Group::check_commit(const kafka::OffsetCommitRequest& request) {
  if (classic != nullptr) {
    return classic->validate_commit(request.member_id, request.group_instance_id,
                                    request.generation_id_or_member_epoch);
  }
  // Nobody is a member, so that it is who does without membership.
  return request.generation_id_or_member_epoch < 0 ? ErrorCode::kNone : ErrorCode::kUnknownMemberId;
}

}  // namespace duolog::groups

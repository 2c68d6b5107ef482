// JoinGroup, SyncGroup, Heartbeat and LeaveGroup: carried to the coordinator of their group.
#include <utility>

#include "engine/groups/memberships.h"
#include "engine/session/kafka/requests/group_request.h"
#include "engine/session/kafka/requests/handlers.h"
#include "net/kafka/groups.h"

namespace duolog::session {
namespace {

using groups::Client;
using groups::GroupCoordinator;
using groups::Reply;

struct JoinGroupApi : OneGroupApi<kafka::JoinGroupRequest, kafka::JoinGroupResponse> {
  static void handle(GroupCoordinator& coordinator, const Client& client, const Item& request,
                     Reply<Part> reply) {
    coordinator.memberships().join(client, request, std::move(reply));
  }
  [[nodiscard]] static Part refusal(const Item& request, kafka::ErrorCode error, kafka::Arena&) {
    return {.error_code = error, .protocol_name = std::nullopt, .member_id = request.member_id};
  }
};

struct SyncGroupApi : OneGroupApi<kafka::SyncGroupRequest, kafka::SyncGroupResponse> {
  static void handle(GroupCoordinator& coordinator, const Client&, const Item& request,
                     Reply<Part> reply) {
    coordinator.memberships().sync(request, std::move(reply));
  }
};

struct HeartbeatApi : OneGroupApi<kafka::HeartbeatRequest, kafka::HeartbeatResponse> {
  static void handle(GroupCoordinator& coordinator, const Client&, const Item& request,
                     Reply<Part> reply) {
    coordinator.memberships().heartbeat(request, std::move(reply));
  }
  // While the groups are being loaded nobody's session ends, and no member need know.
  [[nodiscard]] static Part refusal(const Item&, kafka::ErrorCode error, kafka::Arena&) {
    const bool loading = error == kafka::ErrorCode::kCoordinatorLoadInProgress;
    return {.error_code = loading ? kafka::ErrorCode::kNone : error};
  }
};

struct LeaveGroupApi : OneGroupApi<kafka::LeaveGroupRequest, kafka::LeaveGroupResponse> {
  static void handle(GroupCoordinator& coordinator, const Client& client, const Item& request,
                     Reply<Part> reply) {
    coordinator.memberships().leave(client, request, std::move(reply));
  }
};

}  // namespace

Result<void> join_group(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<JoinGroupApi>(slot, reader);
}
Result<void> sync_group(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<SyncGroupApi>(slot, reader);
}
Result<void> group_heartbeat(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<HeartbeatApi>(slot, reader);
}
Result<void> leave_group(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<LeaveGroupApi>(slot, reader);
}

}  // namespace duolog::session

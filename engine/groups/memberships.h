// Memberships: the classic groups of one shard: who is a member of what, and requests about it.
//
//   JoinGroup, SyncGroup, ... --> ClassicGroup --GroupHost::store--> GroupCoordinator --> log
//
// The GroupCoordinator's, on its shard. Requests come after the coordinator has admitted them and
// has said that their group may be asked for. A group's members live in its ClassicGroup, which is
// made of what was stored when the group is first asked for, or at once after loading if it has
// members: their sessions begin then. Limits: GroupSettings.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "engine/groups/classic_group.h"
#include "engine/groups/group.h"
#include "engine/groups/group_call.h"
#include "engine/groups/group_host.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/groups.h"

namespace duolog::groups {

class GroupCoordinator;

class Memberships final : public GroupHost {
 public:
  explicit Memberships(GroupCoordinator& coordinator) : coordinator_(coordinator) {}

  // ---- Requests ---------------------------------------------------------------------------------

  void join(const Client& client, const kafka::JoinGroupRequest& request,
            Reply<kafka::JoinGroupResponse> reply);
  void sync(const kafka::SyncGroupRequest& request, Reply<kafka::SyncGroupResponse> reply);
  void heartbeat(const kafka::HeartbeatRequest& request, Reply<kafka::HeartbeatResponse> reply);
  void leave(const Client& client, const kafka::LeaveGroupRequest& request,
             Reply<kafka::LeaveGroupResponse> reply);

  // A group that is not there is Dead up to version 5, and GROUP_ID_NOT_FOUND later (KIP-1043).
  void describe(const Client& client, std::string_view group_id, bool with_operations,
                Reply<kafka::DescribeGroupsResponse::Group> reply);
  void list(const Client& client, const kafka::ListGroupsRequest& request,
            Reply<kafka::ListGroupsResponse> reply);
  // Answered once the group's end is durable. NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND.
  void remove(std::string_view group_id, Reply<kafka::DeleteGroupsResponse::Group> reply);

  // ---- The coordinator's ------------------------------------------------------------------------

  // The members of a group.
  [[nodiscard]] ClassicGroup& of(Group& group);
  // After loading: what was stored of the group has members, and they are to be heard of.
  void loaded(Group& group);
  // A store of this group has ended.
  void settled(Group& group);
  // All groups go.
  void leave_all() { removals_.clear(); }
  // Answers everybody who waits.
  void stop();

  // GroupHost
  [[nodiscard]] runtime::Timers& timers() override;
  [[nodiscard]] std::uint64_t now_ns() override;
  [[nodiscard]] Timestamp wall_now() override;
  [[nodiscard]] const MembershipSettings& settings() override;
  [[nodiscard]] MembershipCounters& counters() override;
  void store(ClassicGroup& group, GroupMetadata metadata, Stored done) override;
  void became_idle(ClassicGroup& group) override;

 private:
  // Null: there is no such group.
  [[nodiscard]] ClassicGroup* find(std::string_view group_id);
  using RemoveReply = Reply<kafka::DeleteGroupsResponse::Group>;
  void remove(Group& group, RemoveReply reply);

  GroupCoordinator& coordinator_;
  // Groups that are dead, and go when what they have under way is stored.
  std::map<std::string, RemoveReply, std::less<>> removals_;
};

}  // namespace duolog::groups

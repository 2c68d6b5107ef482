// ClassicGroup: a consumer group whose members assign the partitions among themselves (Kafka's
// classic protocol; KIP-345 static members, KIP-394 member ids, KIP-559, KIP-800, KIP-814).
//
//   Empty --> PreparingRebalance --> CompletingRebalance --> Stable         Dead: deleted, or the
//     ^             |   ^                    |                 |            server stops
//     +- nobody ----+   +--- join, leave, expiry, no Sync -----+
//
//   preparing:  all members have to join again; who does not within the rebalance timeout is
//               removed, but for static members, who have until their session ends.
//   completing: all know the generation; they ask for their assignments (Sync) and wait for the
//               leader's, which is stored before anyone is answered.
//
// It does no I/O: time and storage are the GroupHost's. Owned by the shard's coordinator, and used
// by its thread. Limits: MembershipSettings. Requests' views need not outlive the call; a reply is
// called exactly once, within the call or later, and must not come back to the group.
//
// classic_group.cc: members and what is asked of the group; classic_group_join.cc: JoinGroup;
// classic_group_rebalance.cc: the phases; classic_group_sync.cc: SyncGroup and the assignment.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "engine/groups/group_host.h"
#include "engine/groups/group_metadata.h"
#include "engine/groups/member.h"
#include "net/kafka/arena.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/groups.h"

namespace duolog::groups {

enum class GroupState : std::uint8_t {
  kEmpty,
  kPreparingRebalance,
  kCompletingRebalance,
  kStable,
  kDead,
};
// As clients see it: "PreparingRebalance".
[[nodiscard]] std::string_view name(GroupState state);

// What ListGroups says of a group like this.
inline constexpr std::string_view kClassicGroupType = "classic";

// What is wrong with a Join before its group is looked for: INVALID_GROUP_ID,
// INVALID_SESSION_TIMEOUT.
[[nodiscard]] kafka::ErrorCode check_join(const kafka::JoinGroupRequest& request,
                                          const MembershipSettings& settings);

class ClassicGroup {
 public:
  // A new group: empty, generation 0.
  ClassicGroup(GroupHost& host, std::string id);
  // A group as it was stored: its members' sessions begin anew, and its generation goes on.
  ClassicGroup(GroupHost& host, std::string id, const GroupMetadata& stored);
  ~ClassicGroup();
  ClassicGroup(const ClassicGroup&) = delete;
  ClassicGroup& operator=(const ClassicGroup&) = delete;

  // ---- Members' requests ------------------------------------------------------------------------

  // After check_join. A member id that is not empty of a group that is not there is the caller's to
  // refuse (UNKNOWN_MEMBER_ID).
  void join(const kafka::JoinGroupRequest& request, const Client& client, JoinReply reply);
  void sync(const kafka::SyncGroupRequest& request, SyncReply reply);
  [[nodiscard]] kafka::ErrorCode heartbeat(const kafka::HeartbeatRequest& request);
  // Versions 0 to 2 name one member, later ones a list.
  void leave(const kafka::LeaveGroupRequest& request, std::int16_t version, LeaveReply reply);
  // Whether offsets may be committed by this member; without one: (empty, null, below 0). Counts as
  // a heartbeat.
  [[nodiscard]] kafka::ErrorCode validate_commit(std::string_view member_id,
                                                 kafka::NullableString instance_id,
                                                 std::int32_t generation);

  // ---- What it is -------------------------------------------------------------------------------

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] GroupState state() const { return state_; }
  [[nodiscard]] Timestamp state_since() const { return state_since_; }
  [[nodiscard]] std::int32_t generation() const { return generation_; }
  // Empty before anybody has joined.
  [[nodiscard]] const std::string& protocol_type() const { return protocol_type_; }
  [[nodiscard]] std::size_t members() const { return members_.size(); }
  // Nobody is in it or about to come.
  [[nodiscard]] bool idle() const {
    return state_ == GroupState::kDead || (state_ == GroupState::kEmpty && pending_.empty());
  }
  // Whether a member reads this topic, or may do so.
  [[nodiscard]] bool is_subscribed_to(std::string_view topic) const;
  [[nodiscard]] bool subscriptions_known() const { return subscribed_.has_value(); }

  // For responses: views of the group, which are valid until it changes; arrays in the arena.
  [[nodiscard]] kafka::DescribeGroupsResponse::Group describe(kafka::Arena& arena) const;
  [[nodiscard]] kafka::ListGroupsResponse::Group summary() const;
  // What is to be stored of it.
  [[nodiscard]] GroupMetadata metadata() const;

  // ---- Its end ----------------------------------------------------------------------------------

  // Whether it may be deleted: NON_EMPTY_GROUP, or GROUP_ID_NOT_FOUND for a dead one.
  [[nodiscard]] kafka::ErrorCode check_deletion() const;
  // It is dead: who waits is answered with NOT_COORDINATOR, and no timer expires any more.
  void stop();

 private:
  using ErrorCode = kafka::ErrorCode;
  using Members = std::map<std::string, std::unique_ptr<Member>, std::less<>>;
  using Assignments = std::map<std::string, std::string, std::less<>>;  // bytes by member id
  struct JoinCall {
    const kafka::JoinGroupRequest& request;
    const Client& client;
    JoinReply reply;
  };

  // Members (classic_group.cc).
  void load_members(const GroupMetadata& stored);
  [[nodiscard]] Member* find(std::string_view member_id) const;
  // The member that a request names: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
  [[nodiscard]] ErrorCode check_member(std::string_view member_id,
                                       kafka::NullableString instance_id) const;
  void count_protocols(const Member& member, int amount);
  [[nodiscard]] bool supports(std::string_view protocol_type,
                              const kafka::Array<kafka::JoinGroupRequest::Protocol>& some) const;
  void remove(std::string_view member_id);
  void leave_one(const kafka::LeaveGroupRequest::Member& leaving, ErrorCode& error);
  void arm(runtime::Timer& timer, std::int64_t timeout_ms);
  void hear_of(Member& member) { arm(member.session, member.session_timeout_ms); }
  [[nodiscard]] std::int32_t rebalance_timeout_ms() const;
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] GroupMetadata metadata_with(const Assignments* assignments) const;
  static void on_session_end(runtime::Timer& timer, void* context);
  static void on_pending_end(runtime::Timer& timer, void* context);
  void session_ended(Member& member);

  // Joining (classic_group_join.cc).
  [[nodiscard]] bool accepts(std::string_view member_id) const;
  [[nodiscard]] bool fits(const JoinCall& call, const Member* replaced) const;
  void join_new(JoinCall& call);
  void join_known(JoinCall& call);
  void require_member_id(JoinCall& call, std::string member_id);
  void add(JoinCall& call, std::string member_id);
  void set_terms(Member& member, MemberTerms terms);
  void update(Member& member, JoinCall& call);
  void rejoin_static(JoinCall& call, const std::string& old_id, std::string new_id);
  [[nodiscard]] Member& rename_static(const std::string& old_id, const std::string& new_id);
  void store_renamed(const Member& member, bool can_skip, const std::string& old_id,
                     const std::string& old_leader, MemberTerms before);
  void refuse_join(JoinReply& reply, std::string_view member_id, ErrorCode error);
  // Calls reply with the current generation; with the members if `lists_members`.
  void answer_join(JoinReply& reply, const Member& member, std::string_view leader,
                   bool lists_members, bool skip_assignment);

  // The phases (classic_group_rebalance.cc).
  void transition(GroupState state);
  [[nodiscard]] bool all_joined() const;
  void rebalance_or_complete();
  void prepare_rebalance();
  void complete_if_all_joined();  // but not the first rebalance of a group, which has its delay
  void complete_join();
  [[nodiscard]] bool elect_leader();
  void next_generation();
  [[nodiscard]] std::string select_protocol() const;
  void recompute_subscriptions();
  void continue_first_rebalance();
  static void on_rebalance_end(runtime::Timer& timer, void* context);

  // Syncing (classic_group_sync.cc).
  [[nodiscard]] ErrorCode check_sync(const kafka::SyncGroupRequest& request) const;
  void take_assignments(const kafka::SyncGroupRequest& request);
  void assignments_stored(std::int32_t generation, const Assignments& assignments, ErrorCode error);
  void synced(Member& member);
  void fail_syncs(ErrorCode error);  // of all who wait; their assignments are empty
  void answer_sync(Member& member, ErrorCode error);
  void refuse_sync(SyncReply& reply, ErrorCode error) const;
  static void on_sync_end(runtime::Timer& timer, void* context);
  void sync_ended();

  GroupHost& host_;
  const std::string id_;
  GroupState state_ = GroupState::kEmpty;
  Timestamp state_since_;
  std::int32_t generation_ = 0;
  std::string protocol_type_;
  std::optional<std::string> protocol_;
  std::optional<std::string> leader_;
  Members members_;
  std::map<std::string, std::string, std::less<>> statics_;  // member ids by instance id
  std::map<std::string, std::unique_ptr<PendingMember>, std::less<>> pending_;
  std::map<std::string, std::size_t, std::less<>> protocol_counts_;  // members that know each
  std::optional<std::set<std::string, std::less<>>> subscribed_;     // null: not known

  // The join phase's end; of a group's first rebalance, it may be put off.
  runtime::Timer rebalance_timer_{on_rebalance_end, this};
  bool first_rebalance_ = false;
  bool member_added_ = false;  // since its delay began
  std::int64_t delay_ms_ = 0;
  std::int64_t delay_left_ms_ = 0;
  runtime::Timer sync_timer_{on_sync_end, this};

  // What the completions of stores look at: the group may be gone.
  std::shared_ptr<ClassicGroup*> self_ = std::make_shared<ClassicGroup*>(this);
};

// What a client is told when its group could not be stored.
[[nodiscard]] kafka::ErrorCode store_error(kafka::ErrorCode error);

}  // namespace duolog::groups

// GroupCoordinator: the consumer groups of one shard.
//
// A group belongs to a partition of `__consumer_offsets` (group_routes.h) and lives on the shard
// that owns it. What a group has committed is a record there, durable before it is answered.
//
//   session, any shard --when_there--> the topic exists --route--> the coordinator's shard:
//     admit --ready_for--> handler --> log --> reply
//
// Made by GroupCoordinators on each shard when it starts, destroyed after the shards have ended;
// used by the shard's thread. Limits are GroupSettings.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/groups/group.h"
#include "engine/groups/group_call.h"
#include "engine/groups/group_log.h"
#include "engine/groups/group_settings.h"
#include "engine/groups/memberships.h"
#include "engine/runtime/log.h"
#include "net/kafka/errors.h"

namespace duolog::groups {

class GroupCoordinators;

class GroupCoordinator {
 public:
  GroupCoordinator(GroupCoordinators& all, broker::Broker& broker);
  ~GroupCoordinator();
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  [[nodiscard]] broker::Broker& broker() { return broker_; }
  [[nodiscard]] runtime::Shard& shard() { return broker_.shard(); }
  [[nodiscard]] GroupCoordinators& all() { return all_; }
  [[nodiscard]] const GroupSettings& settings() const;
  [[nodiscard]] Memberships& memberships() { return memberships_; }
  [[nodiscard]] GroupCounters& counters() { return counters_; }              // the shard writes
  [[nodiscard]] const GroupCounters& counters() const { return counters_; }  // any thread

  // Before the broker stops: whoever waits is answered, and nothing is stored any more.
  void stop();

  // ---- Where a request arrives -----------------------------------------------------------------

  // Calls `then` once `__consumer_offsets` exists, perhaps at once; it is made if need be. An
  // error: it could not be.
  using Then = std::move_only_function<void(kafka::ErrorCode)>;
  void when_there(Then then);
  // The shard of a group's coordinator. The topic exists; should it have gone again, this shard,
  // which refuses.
  [[nodiscard]] ShardId shard_of(std::string_view group_id) const;

  // ---- Where the group is ----------------------------------------------------------------------

  // From now on the call is answered when the coordinator stops, if not before.
  template <class Response>
  [[nodiscard]] Reply<Response> admit(std::unique_ptr<CallFor<Response>> call) {
    counters_.calls.add();
    waiting_.push_back(*call);
    return Reply<Response>(std::move(call));
  }
  // Why requests for this group are refused now: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS.
  [[nodiscard]] kafka::ErrorCode ready_for(std::string_view group_id);
  // Any shard's: what the group has stored could not be recovered at start.
  [[nodiscard]] bool offline(std::string_view group_id) const;
  // The same for requests about all groups of this shard.
  [[nodiscard]] kafka::ErrorCode ready() const;

  // In order. Null: there is no such group.
  using Groups = std::map<std::string, std::unique_ptr<Group>, std::less<>>;
  [[nodiscard]] const Groups& groups() const { return groups_; }
  [[nodiscard]] Group* find(std::string_view group_id) const;
  // The group, perhaps a new one; null when there are too many. For a group of which ready_for
  // says that it may be asked for. A new group that stores nothing goes in a sweep.
  [[nodiscard]] Group* find_or_make(std::string_view group_id);

  // Storing, for a group of which ready_for says that it may be asked for: a batch is taken, filled
  // and stored; `done` is called once it is durable, or cannot be. The group may be gone then, and
  // after the call: it is to be found again.
  using Stored = GroupLog::Stored;
  [[nodiscard]] std::unique_ptr<GroupBatch> new_batch(const Group& group);
  [[nodiscard]] kafka::ErrorCode check_store(const Group& group);
  void store(Group& group, std::unique_ptr<GroupBatch> batch, Stored done);
  void give_back(std::unique_ptr<GroupBatch> batch);
  // What the group begins with after a start. UNKNOWN_SERVER_ERROR: it is too large.
  void store_metadata(Group& group, GroupMetadata metadata, Stored done);
  // All that is stored of the group goes, and the group with it: in as many batches as it takes,
  // one after the other, so that the group's own record is the last. Nobody may be in it.
  void remove(Group& group, Stored done);

  // The group goes if there is nothing of it that would be missed.
  void settled(std::string_view group_id);

  // What has become durable.
  void put_offset(Group& group, std::string_view topic, PartitionId partition,
                  CommittedOffset committed);
  void remove_offset(Group& group, std::string_view topic, PartitionId partition);
  // Whether so many offsets more may be committed; counts it if not.
  [[nodiscard]] bool has_room_for(std::size_t offsets);

  // Looks for what has expired, or belongs to a deleted topic, in the next turns.
  void sweep();

  // A line for the operator, unless there are too many of them.
  void warn(std::string_view line) { log_limit_.warn(shard().now_ns(), line); }

 private:
  friend class GroupLog;
  struct Watcher : broker::TopicWatcher {
    GroupCoordinator* owner = nullptr;
  };
  [[nodiscard]] broker::Partition* partition_of(std::string_view group_id) const;
  void topic_made(const broker::TopicOutcome& outcome);
  static void on_gone(broker::TopicWatcher& watcher, broker::Topic& topic);
  void leave_all();

  // The logs'.
  [[nodiscard]] GroupLog& log_of(broker::Partition& partition);
  [[nodiscard]] std::unique_ptr<GroupBatch> take_batch(std::size_t max_batch_bytes);
  void replay(PartitionId partition, GroupRecord record);
  void loaded(const GroupLog& log);
  void collect_gone();
  Group& make(std::string_view group_id, PartitionId partition);
  void erase(Groups::iterator group);

  // Sweeping (group_sweep.cc).
  void sweep_some();
  void sweep_later();
  void sweep(Group& group);
  void sweep_skipped(std::string_view group_id);
  [[nodiscard]] bool is_over(const Group& group, std::string_view topic,
                             const CommittedOffset& committed) const;
  static void on_sweep_time(runtime::Timer& timer, void* context);

  GroupCoordinators& all_;
  broker::Broker& broker_;
  GroupCounters counters_;
  bool stopping_ = false;
  std::vector<Then> wanting_topic_;
  IntrusiveList<Call, &Call::hook> waiting_;
  Watcher watcher_;
  runtime::LogLimit log_limit_;

  Memberships memberships_{*this};
  Groups groups_;
  std::map<PartitionId, std::unique_ptr<GroupLog>> logs_;
  std::vector<std::unique_ptr<GroupLog>> gone_;       // until nothing of them is under way
  std::vector<std::unique_ptr<GroupBatch>> batches_;  // not in use

  runtime::Timer sweep_timer_{on_sweep_time, this};
  bool sweeping_ = false;
  bool sweep_again_ = false;
  std::string swept_;             // the last group
  std::size_t sweep_stores_ = 0;  // under way
};

}  // namespace duolog::groups

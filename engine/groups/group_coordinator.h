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

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/groups/group_call.h"
#include "engine/groups/group_settings.h"
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
  [[nodiscard]] kafka::ErrorCode ready_for(std::string_view group_id) const;
  // The same for requests about all groups of this shard.
  [[nodiscard]] kafka::ErrorCode ready() const;

 private:
  [[nodiscard]] broker::Partition* partition_of(std::string_view group_id) const;
  void topic_made(const broker::TopicOutcome& outcome);

  GroupCoordinators& all_;
  broker::Broker& broker_;
  GroupCounters counters_;
  bool stopping_ = false;
  std::vector<Then> wanting_topic_;
  IntrusiveList<Call, &Call::hook> waiting_;
};

}  // namespace duolog::groups

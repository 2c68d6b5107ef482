#include "engine/groups/group_log.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/groups/group_coordinator.h"

namespace duolog::groups {

using kafka::ErrorCode;

namespace {

// Of a batch, whatever max.message.bytes says of the topic: groups must be able to store something.
constexpr std::size_t kLeastBatchBytes = 64U << 10;

}  // namespace

// A batch on its way. It keeps the shard turning until it is answered.
struct GroupLog::Store {
  GroupLog& log;
  std::optional<std::string> group;  // null: of several
  std::unique_ptr<GroupBatch> batch;
  Stored done;
  broker::AppendRequest request;
};

GroupLog::GroupLog(GroupCoordinator& coordinator, broker::Partition& partition)
    : coordinator_(coordinator), partition_(&partition), id_(partition.id) {
  const storage::Log& log = *partition.log;
  if (log.offline) {
    state_ = State::kOffline;
    return;
  }
  if (log.appended().offset == log.start_offset()) {
    start_ = checked_ = log.appended().position;
    state_ = State::kReady;
    return;
  }
  auto& loading = coordinator_.counters().loading;
  loading.add();
  later(&GroupLog::load_some);
}

GroupLog::~GroupLog() { CHECK(under_way_ == 0); }

std::size_t GroupLog::max_batch_bytes() const {
  return std::max(kLeastBatchBytes,
                  coordinator_.broker().max_batch_bytes(*partition_->topic.config));
}

ErrorCode GroupLog::check_store(const Group& group) const {
  if (state_ != State::kReady) return ErrorCode::kNotCoordinator;
  return group.to_copy && group.stores > 0 ? ErrorCode::kCoordinatorLoadInProgress
                                           : ErrorCode::kNone;
}

void GroupLog::store(Group& group, std::unique_ptr<GroupBatch> batch, Stored done) {
  if (state_ != State::kReady) return done(ErrorCode::kNotCoordinator);
  ++group.stores;
  append(group.id, std::move(batch), broker::Acks::kAll, std::move(done));
}

void GroupLog::append(std::optional<std::string> group, std::unique_ptr<GroupBatch> batch,
                      broker::Acks acks, Stored done) {
  auto* store = new Store{*this, std::move(group), std::move(batch), std::move(done), {}};
  broker::AppendRequest& request = store->request;
  request.partition = partition_;
  request.batch = store->batch->finish();
  request.records = store->batch->record_count();
  request.max_timestamp = store->batch->time();
  request.acks = acks;
  request.context = store;
  request.done = on_appended;
  ++under_way_;
  coordinator_.shard().hold();
  // The batch's memory stays until it is done, so that it does not matter whether it is needed.
  (void)coordinator_.broker().append(request);
}

void GroupLog::on_appended(broker::AppendRequest& request) {
  const std::unique_ptr<Store> store(static_cast<Store*>(request.context));
  GroupLog& self = store->log;
  GroupCoordinator& coordinator = self.coordinator_;
  GroupCounters& counters = coordinator.counters();
  if (request.error == ErrorCode::kNone) {
    counters.stored_batches.add();
    counters.stored_records.add(static_cast<std::uint64_t>(request.records));
  } else {
    counters.store_failures.add();
  }
  // A group of this name that there is now is another one if the log has been left.
  const bool left = self.state_ == State::kGone;
  Group* group = store->group && !left ? coordinator.find(*store->group) : nullptr;
  if (group != nullptr) --group->stores;
  coordinator.give_back(std::move(store->batch));
  store->done(left ? ErrorCode::kNotCoordinator : request.error);
  if (group != nullptr && self.state_ != State::kGone) coordinator.settled(*store->group);
  if (self.state_ == State::kReady && !self.rewriting_) self.check_growth();
  --self.under_way_;  // until now this object stays
  coordinator.shard().release();
  coordinator.collect_gone();  // this object may be gone now
}

}  // namespace duolog::groups

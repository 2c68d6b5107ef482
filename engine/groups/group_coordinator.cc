#include "engine/groups/group_coordinator.h"

#include <algorithm>
#include <utility>

#include "engine/base/clock.h"
#include "engine/groups/group_coordinators.h"
#include "engine/groups/group_routes.h"

namespace duolog::groups {

using kafka::ErrorCode;

namespace {

// For the next stores: so many, each of at most so much memory.
constexpr std::size_t kKeptBatches = 64;
constexpr std::size_t kKeptBatchBytes = 16U << 10;

}  // namespace

GroupCoordinator::GroupCoordinator(GroupCoordinators& all, broker::Broker& broker)
    : all_(all), broker_(broker) {
  watcher_.owner = this;
  watcher_.gone = on_gone;
  broker_.watch(watcher_);
  shard().timers().arm(
      sweep_timer_, shard().now_ns() + settings().offsets_retention_check_interval_ms * kNsPerMs);
  const broker::Topic* topic = broker_.find(kOffsetsTopic);
  if (topic == nullptr) return;
  for (broker::Partition* partition : topic->partitions) {
    if (partition->owner == shard().id()) (void)log_of(*partition);
  }
}

GroupCoordinator::~GroupCoordinator() = default;

const GroupSettings& GroupCoordinator::settings() const { return all_.settings(); }

void GroupCoordinator::stop() {
  stopping_ = true;
  shard().timers().cancel(sweep_timer_);
  for (auto& [id, log] : logs_) log->leave();
  memberships_.stop();
  while (Call* call = waiting_.pop_front()) call->refuse(ErrorCode::kNotCoordinator);
}

// ---- The topic ---------------------------------------------------------------------------------

void GroupCoordinator::when_there(Then then) {
  if (broker_.find(kOffsetsTopic) != nullptr) return then(ErrorCode::kNone);
  if (stopping_) return then(ErrorCode::kNotCoordinator);
  wanting_topic_.push_back(std::move(then));
  if (wanting_topic_.size() > 1) return;
  broker::NewTopic topic;
  topic.name = kOffsetsTopic;
  broker_.create_topic(std::move(topic),
                       [this](const broker::TopicOutcome& outcome) { topic_made(outcome); });
}

void GroupCoordinator::topic_made(const broker::TopicOutcome& outcome) {
  const ErrorCode error =
      outcome.topic == nullptr ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kNone;
  if (error != ErrorCode::kNone) {
    runtime::log_error(std::string(kOffsetsTopic) + " could not be created, so that there are no " +
                       "consumer groups: " + outcome.message);
  }
  for (Then& then : std::exchange(wanting_topic_, {})) then(error);
}

broker::Partition* GroupCoordinator::partition_of(std::string_view group_id) const {
  const broker::Topic* topic = broker_.find(kOffsetsTopic);
  if (topic == nullptr) return nullptr;
  return topic->partition(partition_of_group(group_id, topic->partitions.size()));
}

ShardId GroupCoordinator::shard_of(std::string_view group_id) const {
  const broker::Partition* partition = partition_of(group_id);
  return partition == nullptr ? broker_.shard().id() : partition->owner;
}

// ---- Requests ----------------------------------------------------------------------------------

ErrorCode GroupCoordinator::ready() const {
  if (stopping_) return ErrorCode::kNotCoordinator;
  const bool loading = std::ranges::any_of(
      logs_, [](const auto& log) { return log.second->state() == GroupLog::State::kLoading; });
  return loading ? ErrorCode::kCoordinatorLoadInProgress : ErrorCode::kNone;
}

ErrorCode GroupCoordinator::ready_for(std::string_view group_id) {
  broker::Partition* partition = partition_of(group_id);
  if (stopping_ || partition == nullptr || partition->owner != shard().id()) {
    return ErrorCode::kNotCoordinator;
  }
  switch (log_of(*partition).state()) {
    case GroupLog::State::kReady:
      return ErrorCode::kNone;
    case GroupLog::State::kLoading:
      return ErrorCode::kCoordinatorLoadInProgress;
    case GroupLog::State::kOffline:
      return ErrorCode::kCoordinatorNotAvailable;
    case GroupLog::State::kFailed:
    case GroupLog::State::kGone:
      break;
  }
  return ErrorCode::kNotCoordinator;
}

bool GroupCoordinator::offline(std::string_view group_id) const {
  const broker::Partition* partition = partition_of(group_id);
  return partition != nullptr && partition->offline();
}

// ---- Groups ------------------------------------------------------------------------------------

Group* GroupCoordinator::find(std::string_view group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

Group* GroupCoordinator::find_or_make(std::string_view group_id) {
  if (Group* group = find(group_id)) return group;
  const broker::Partition* partition = partition_of(group_id);
  if (partition == nullptr) return nullptr;
  if (groups_.size() >= settings().max_groups) {
    counters_.refused_groups.add();
    return nullptr;
  }
  return &make(group_id, partition->id);
}

Group& GroupCoordinator::make(std::string_view group_id, PartitionId partition) {
  std::string id(group_id);
  auto group = std::make_unique<Group>(id, partition);
  Group& made = *groups_.emplace(std::move(id), std::move(group)).first->second;
  counters_.groups.set(groups_.size());
  return made;
}

void GroupCoordinator::erase(Groups::iterator group) {
  counters_.offsets.set(counters_.offsets.get() - group->second->offsets.count());
  groups_.erase(group);
  counters_.groups.set(groups_.size());
}

void GroupCoordinator::settled(std::string_view group_id) {
  auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  memberships_.settled(*found->second);
  found = groups_.find(group_id);
  if (found != groups_.end() && found->second->is_nothing()) erase(found);
  sweep_skipped(group_id);
}

void GroupCoordinator::put_offset(Group& group, std::string_view topic, PartitionId partition,
                                  CommittedOffset committed) {
  const std::size_t before = group.offsets.count();
  group.offsets.put(topic, partition, std::move(committed));
  counters_.offsets.add(group.offsets.count() - before);
}

void GroupCoordinator::remove_offset(Group& group, std::string_view topic, PartitionId partition) {
  const std::size_t before = group.offsets.count();
  group.offsets.remove(topic, partition);
  counters_.offsets.set(counters_.offsets.get() - (before - group.offsets.count()));
}

bool GroupCoordinator::has_room_for(std::size_t offsets) {
  const std::uint64_t now = counters_.offsets.get();
  const std::uint64_t most = settings().max_offsets;
  if (offsets == 0 || (now <= most && offsets <= most - now)) return true;
  counters_.refused_offsets.add();
  return false;
}

// ---- Logs --------------------------------------------------------------------------------------

GroupLog& GroupCoordinator::log_of(broker::Partition& partition) {
  auto& log = logs_[partition.id];
  if (log == nullptr) log = std::make_unique<GroupLog>(*this, partition);
  return *log;
}

void GroupCoordinator::replay(PartitionId partition, GroupRecord record) {
  if (record.kind == GroupRecord::Kind::kOther) return;
  Group* group = find(record.group);
  const bool removes = !record.offset && !record.metadata;
  if (group == nullptr) {
    if (removes) return;
    group = &make(record.group, partition);
  }
  if (record.kind == GroupRecord::Kind::kGroup) {
    group->stored = std::move(record.metadata);
  } else if (record.offset) {
    put_offset(*group, record.topic, record.partition, std::move(*record.offset));
  } else {
    remove_offset(*group, record.topic, record.partition);
  }
  if (removes) settled(record.group);
}

void GroupCoordinator::loaded(const GroupLog& log) {
  for (const auto& [id, group] : groups_) {
    if (group->partition == log.id()) memberships_.loaded(*group);
  }
  sweep();
}

void GroupCoordinator::on_gone(broker::TopicWatcher& watcher, broker::Topic& topic) {
  GroupCoordinator& self = *static_cast<Watcher&>(watcher).owner;
  if (topic.name == kOffsetsTopic) return self.leave_all();
  self.sweep();
}

// The topic is deleted: there are no groups any more.
void GroupCoordinator::leave_all() {
  while (Call* call = waiting_.pop_front()) call->refuse(ErrorCode::kNotCoordinator);
  for (auto& [id, log] : logs_) {
    if (log->state() == GroupLog::State::kLoading) {
      counters_.loading.set(counters_.loading.get() - 1);
    }
    log->leave();
    gone_.push_back(std::move(log));
  }
  logs_.clear();
  memberships_.leave_all();
  groups_.clear();
  counters_.groups.set(0);
  counters_.offsets.set(0);
  collect_gone();
}

void GroupCoordinator::collect_gone() {
  std::erase_if(gone_, [](const auto& log) { return log->idle(); });
}

// ---- Storing -----------------------------------------------------------------------------------

std::unique_ptr<GroupBatch> GroupCoordinator::take_batch(std::size_t max_batch_bytes) {
  std::unique_ptr<GroupBatch> batch;
  if (batches_.empty()) {
    batch = std::make_unique<GroupBatch>(max_batch_bytes);
  } else {
    batch = std::move(batches_.back());
    batches_.pop_back();
  }
  batch->begin(shard().wall_now(), max_batch_bytes);
  return batch;
}

void GroupCoordinator::give_back(std::unique_ptr<GroupBatch> batch) {
  if (batches_.size() < kKeptBatches && batch->size_bytes() <= kKeptBatchBytes) {
    batches_.push_back(std::move(batch));
  }
}

std::unique_ptr<GroupBatch> GroupCoordinator::new_batch(const Group& group) {
  return take_batch(logs_.at(group.partition)->max_batch_bytes());
}

ErrorCode GroupCoordinator::check_store(const Group& group) {
  const auto found = logs_.find(group.partition);
  return found == logs_.end() ? ErrorCode::kNotCoordinator : found->second->check_store(group);
}

void GroupCoordinator::store(Group& group, std::unique_ptr<GroupBatch> batch, Stored done) {
  logs_.at(group.partition)->store(group, std::move(batch), std::move(done));
}

void GroupCoordinator::store_metadata(Group& group, GroupMetadata metadata, Stored done) {
  if (const ErrorCode error = check_store(group); error != ErrorCode::kNone) return done(error);
  auto batch = new_batch(group);
  if (!batch->add_group(group.id, metadata)) return done(ErrorCode::kUnknownServerError);
  store(group, std::move(batch),
        [this, id = group.id, metadata = std::move(metadata),
         done = std::move(done)](ErrorCode error) mutable {
          Group* stored = error == ErrorCode::kNone ? find(id) : nullptr;
          if (stored != nullptr) stored->stored = std::move(metadata);
          done(error);
        });
}

void GroupCoordinator::remove(Group& group, Stored done) {
  if (const ErrorCode error = check_store(group); error != ErrorCode::kNone) return done(error);
  auto batch = new_batch(group);
  bool whole = true;
  std::vector<std::pair<std::string, PartitionId>> removed;
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    for (const auto& [partition, committed] : partitions) {
      whole = whole && batch->remove_offset(group.id, topic, partition);
      if (whole) removed.emplace_back(topic, partition);
    }
  }
  if (group.stored) whole = whole && batch->remove_group(group.id);
  if (batch->empty()) {
    give_back(std::move(batch));
    if (!whole) return done(ErrorCode::kUnknownServerError);
    settled(std::string(group.id));
    return done(ErrorCode::kNone);
  }
  store(group, std::move(batch),
        [this, id = group.id, removed = std::move(removed), whole,
         done = std::move(done)](ErrorCode error) mutable {
          if (Group* now = error == ErrorCode::kNone ? find(id) : nullptr) {
            for (const auto& [topic, partition] : removed) remove_offset(*now, topic, partition);
            if (!whole) return remove(*now, std::move(done));
            now->stored.reset();
          }
          done(error);
        });
}

}  // namespace duolog::groups

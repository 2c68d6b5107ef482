#include "engine/groups/group_coordinator.h"

#include <utility>

#include "engine/groups/group_coordinators.h"
#include "engine/groups/group_routes.h"

namespace duolog::groups {

using kafka::ErrorCode;

GroupCoordinator::GroupCoordinator(GroupCoordinators& all, broker::Broker& broker)
    : all_(all), broker_(broker) {}

GroupCoordinator::~GroupCoordinator() = default;

const GroupSettings& GroupCoordinator::settings() const { return all_.settings(); }

void GroupCoordinator::stop() {
  stopping_ = true;
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
  return stopping_ ? ErrorCode::kNotCoordinator : ErrorCode::kNone;
}

ErrorCode GroupCoordinator::ready_for(std::string_view group_id) const {
  const broker::Partition* partition = partition_of(group_id);
  if (stopping_ || partition == nullptr || partition->owner != broker_.shard().id()) {
    return ErrorCode::kNotCoordinator;
  }
  return ErrorCode::kNone;
}

}  // namespace duolog::groups

#include "engine/broker/partition_growth.h"

#include "engine/broker/cluster.h"
#include "storage/log_store.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;

}  // namespace

void PartitionGrowth::start(Cluster& cluster, const NewPartitions& wanted, Done done) {
  auto* growth = new PartitionGrowth(cluster, wanted.by, std::move(done));
  if (!growth->check(wanted)) return;
  if (wanted.validate_only) return growth->finish(ErrorCode::kNone);
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  cluster.broker(kController)
      .shard()
      .run_on_janitor(
          [growth, result] {
            *result = growth->cluster_.catalog_.add_partitions(growth->topic_->id, growth->count_);
          },
          [growth, outcome = std::move(outcome)] { growth->recorded(*outcome); });
}

// The texts are Kafka's. False: answered with what is wrong.
bool PartitionGrowth::check(const NewPartitions& wanted) {
  const Options& options = cluster_.options();
  const auto refuse = [this](ErrorCode error, std::string message) {
    finish(error, std::move(message));
    return false;
  };
  topic_ = cluster_.broker(kController).find(wanted.topic);
  if (!topic_) {
    return refuse(ErrorCode::kUnknownTopicOrPartition,
                  "This server does not host this topic-partition.");
  }
  if (topic_->name == kOffsetsTopic) {
    // Which partition a group belongs to depends on their number.
    return refuse(ErrorCode::kInvalidPartitions,
                  "The number of partitions of __consumer_offsets cannot change: groups would lose "
                  "what they have committed.");
  }
  const auto now = static_cast<std::int32_t>(topic_->partitions.size());
  count_ = wanted.count;
  if (count_ == now) {
    return refuse(ErrorCode::kInvalidPartitions,
                  "Topic already has " + std::to_string(now) + " partition(s).");
  }
  if (count_ < now) {
    return refuse(ErrorCode::kInvalidPartitions,
                  "The topic " + wanted.topic + " currently has " + std::to_string(now) +
                      " partition(s); " + std::to_string(count_) + " would not be an increase.");
  }
  const auto additional = static_cast<std::size_t>(count_ - now);
  if (wanted.assignments && *wanted.assignments != additional) {
    return refuse(ErrorCode::kInvalidReplicaAssignment,
                  "Attempted to add " + std::to_string(additional) +
                      " additional partition(s), but only " + std::to_string(*wanted.assignments) +
                      " assignment(s) were specified.");
  }
  if (!wanted.assignment_error.empty()) {
    return refuse(ErrorCode::kInvalidReplicaAssignment, wanted.assignment_error);
  }
  if (count_ > options.max_partitions_per_topic) {
    cluster_.count_refusal();
    return refuse(ErrorCode::kInvalidPartitions,
                  "Number of partitions must be from 1 to " +
                      std::to_string(options.max_partitions_per_topic));
  }
  if (!cluster_.has_room_for(additional)) {
    return refuse(ErrorCode::kPolicyViolation, cluster_.no_room_message());
  }
  return true;
}

void PartitionGrowth::recorded(const Result<void>& outcome) {
  if (!outcome) return finish(ErrorCode::kKafkaStorageError, outcome.error().message);
  more_ = cluster_.make_partitions(*topic_, count_);
  cluster_.on_every_shard(
      [this](Broker& broker) {
        for (const auto& partition : more_) broker.add_log(*partition);
      },
      [this] { publish(); });
}

void PartitionGrowth::publish() {
  const std::size_t before = topic_->partitions.size();
  auto old = topic_->partitions.grow(std::move(more_));
  cluster_.change_log_.grown(*topic_, before, by_);
  cluster_.broker(kController).store().retired().retire([old = std::move(old)] {});
  cluster_.on_every_shard([this](Broker& broker) { broker.grown(*topic_); },
                          [this] { finish(ErrorCode::kNone); });
}

void PartitionGrowth::finish(ErrorCode error, std::string message) {
  done_({error, std::move(message), topic_});
  Cluster& cluster = cluster_;
  delete this;
  cluster.next_change();
}

}  // namespace duolog::broker

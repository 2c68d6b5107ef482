#include "engine/broker/log_start_change.h"

#include <algorithm>
#include <utility>

#include "engine/broker/cluster.h"
#include "storage/log_store.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;

}  // namespace

LogStartChange::LogStartChange(Cluster& cluster, std::vector<LogStart> starts, std::string by,
                               Done done)
    : cluster_(cluster),
      by_(std::move(by)),
      done_(std::move(done)),
      starts_(std::move(starts)),
      partitions_(starts_.size()),
      moved_(starts_.size()) {}

void LogStartChange::start(Cluster& cluster, std::vector<LogStart> starts, std::string by,
                           Done done) {
  auto* change = new LogStartChange(cluster, std::move(starts), std::move(by), std::move(done));
  change->find_partitions();
  cluster.broker(kController)
      .shard()
      .run_on_janitor([change] { change->record(); }, [change] { change->apply(); });
}

// Changes run one at a time: what is there now stays until this one is over.
void LogStartChange::find_partitions() {
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    const Topic* topic = cluster_.broker(kController).find(starts_[i].topic);
    if (topic) partitions_[i] = topic->partition(starts_[i].partition);
    if (!partitions_[i]) {
      starts_[i].error = ErrorCode::kUnknownTopicOrPartition;
    } else if (partitions_[i]->offline()) {
      starts_[i].error = ErrorCode::kKafkaStorageError;
      partitions_[i] = nullptr;
    }
  }
}

// On a janitor.
void LogStartChange::record() {
  storage::Catalog& catalog = cluster_.catalog_;
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    LogStart& moved = starts_[i];
    if (!partitions_[i] || moved.start <= catalog.log_start(moved.topic, moved.partition)) continue;
    if (auto recorded = catalog.set_log_start(moved.topic, moved.partition, moved.start);
        !recorded) {
      moved.error = ErrorCode::kKafkaStorageError;
      partitions_[i] = nullptr;
    } else {
      moved_[i] = true;
    }
  }
}

void LogStartChange::apply() {
  cluster_.on_every_shard(
      [this](Broker& broker) {
        // Each shard touches only what is its own.
        for (std::size_t i = 0; i < starts_.size(); ++i) {
          const Partition* partition = partitions_[i];
          if (!partition || partition->owner != broker.shard().id()) continue;
          broker.store().move_start(*partition->log, starts_[i].start);
          starts_[i].start = partition->log->start_offset();
        }
      },
      [this] { finish(); });
}

void LogStartChange::finish() {
  for (std::size_t i = 0; i < starts_.size() && !by_.empty(); ++i) {
    if (!moved_[i]) continue;
    cluster_.change_log_.records_deleted(*partitions_[i], starts_[i].start, by_);
  }
  done_(std::move(starts_));
  Cluster& cluster = cluster_;
  delete this;
  cluster.next_change();
}

}  // namespace duolog::broker

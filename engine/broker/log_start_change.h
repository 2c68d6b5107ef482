// LogStartChange: the starts of logs move on, from the catalog to the owners of the logs.
//
// By DeleteRecords and by retention, for any number of partitions at once: their new starts are
// recorded one after the other in one job of a janitor, then each owner moves its logs, then it is
// answered. The Cluster's, on shard 0; it owns itself until it has answered and started the next
// change.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/broker/topic.h"
#include "net/kafka/errors.h"

namespace duolog::broker {

class Cluster;

// One log's new start, and what became of it.
struct LogStart {
  Uuid topic;
  PartitionId partition;
  Offset start;  // in: where it should be, at most the high watermark. Out: where it is
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
};

class LogStartChange {
 public:
  using Done = std::move_only_function<void(std::vector<LogStart>)>;
  // `by`: who asked for it, for the log; empty: it is not logged.
  static void start(Cluster& cluster, std::vector<LogStart> starts, std::string by, Done done);

 private:
  LogStartChange(Cluster& cluster, std::vector<LogStart> starts, std::string by, Done done);

  void find_partitions();
  void record();
  void apply();
  void finish();

  Cluster& cluster_;
  std::string by_;
  Done done_;
  std::vector<LogStart> starts_;
  std::vector<Partition*> partitions_;  // of each; null: it is answered with an error
  std::vector<bool> moved_;             // whether each was recorded as a new start
};

}  // namespace duolog::broker

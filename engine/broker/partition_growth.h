// PartitionGrowth: more partitions for a topic that exists, from the catalog to every shard.
//
//   catalog -> owners make their logs -> the longer list is published -> every shard's watchers
//   are told -> answer
//
// The Cluster's, on shard 0; it owns itself until it has answered and started the next change.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/broker/broker.h"
#include "engine/broker/topic.h"

namespace duolog::broker {

class Cluster;

class PartitionGrowth {
 public:
  using Done = Broker::TopicDone;
  static void start(Cluster& cluster, const NewPartitions& wanted, Done done);

 private:
  PartitionGrowth(Cluster& cluster, std::string by, Done done)
      : cluster_(cluster), by_(std::move(by)), done_(std::move(done)) {}

  [[nodiscard]] bool check(const NewPartitions& wanted);
  void recorded(const Result<void>& outcome);
  void publish();
  void finish(kafka::ErrorCode error, std::string message = {});

  Cluster& cluster_;
  std::string by_;  // as in NewTopic
  Done done_;
  Topic* topic_ = nullptr;
  std::int32_t count_ = 0;
  std::vector<std::unique_ptr<Partition>> more_;
};

}  // namespace duolog::broker

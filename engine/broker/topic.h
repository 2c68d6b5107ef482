// Topic and Partition: what every shard knows of them.
//
// Made by the Controller on shard 0, and immutable from when the first shard has them but for the
// waiters and the counters. Every shard may hold a pointer to either until its own Broker has told
// its TopicWatchers that the topic goes; the memory is freed after all shards have.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/broker/topic_config.h"
#include "engine/broker/waiters.h"
#include "storage/log.h"

namespace duolog::broker {

struct Topic;

struct Partition {
  Partition(Topic& the_topic, PartitionId the_id, ShardId the_owner, std::size_t shards)
      : topic(the_topic), id(the_id), owner(the_owner), waiters(*this, shards) {}

  Topic& topic;
  const PartitionId id;
  const ShardId owner;          // the only one that appends
  storage::Log* log = nullptr;  // set by the owner before any other shard has the topic
  Waiters waiters;
};

struct Topic {
  std::string name;
  Uuid id;
  TopicConfig config;
  std::vector<std::unique_ptr<Partition>> partitions;

  // Null when there is no such partition.
  [[nodiscard]] Partition* partition(PartitionId which) const {
    const auto index = static_cast<std::size_t>(which.value);
    return which.value >= 0 && index < partitions.size() ? partitions[index].get() : nullptr;
  }
  // Set on shard 0 when the deletion is durable: no append is accepted any more.
  std::atomic<bool> deleted{false};
};

// Kafka's rule: 1 to 249 of [a-zA-Z0-9._-], not "." or "..".
[[nodiscard]] bool is_valid_topic_name(std::string_view name);

}  // namespace duolog::broker

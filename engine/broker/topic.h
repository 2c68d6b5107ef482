// Topic and Partition: what every shard knows of them.
//
// Made by the Controller on shard 0, and immutable from when the first shard has them but for the
// waiters, the counters, its settings (published.h) and partitions that are added
// (partition_list.h). Every shard may hold a
// pointer to either until its own Broker has told its TopicWatchers that the topic goes; the memory
// is freed after all shards have.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/ids.h"
#include "engine/broker/partition_list.h"
#include "engine/broker/published.h"
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
  // It could not be recovered at start, and is served when a later one can: KAFKA_STORAGE_ERROR.
  // Any shard that has the topic.
  [[nodiscard]] bool offline() const { return log->offline; }
  Waiters waiters;
};

struct Topic {
  std::string name;
  Uuid id;
  Published<TopicConfig> config;
  PartitionList partitions;

  // Null when there is no such partition.
  [[nodiscard]] Partition* partition(PartitionId which) const {
    const auto index = static_cast<std::size_t>(which.value);
    return which.value >= 0 && index < partitions.size() ? partitions[index] : nullptr;
  }
  // Set on shard 0 when the deletion is durable: no append is accepted any more.
  std::atomic<bool> deleted{false};
};

// What clients are told of one that is offline.
[[nodiscard]] std::string offline_text(const Partition& partition);
// For what may go to any partition: this one, or the next one that is not offline, if there is one.
[[nodiscard]] PartitionId online_partition(const Topic& topic, std::int32_t wanted);

// The settings of the topic's logs. Retention never applies to an internal topic.
[[nodiscard]] storage::LogConfig log_config_of(const Topic& topic);

// Where consumer groups keep what they store.
inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";
// Whether it is one that Kafka keeps for itself: `__consumer_offsets` and its like.
[[nodiscard]] bool is_internal_topic(std::string_view name);

// Kafka's rule: 1 to 249 of [a-zA-Z0-9._-], not "." or "..".
[[nodiscard]] bool is_valid_topic_name(std::string_view name);

}  // namespace duolog::broker

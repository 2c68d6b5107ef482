// Options: what the broker takes from the configuration. Immutable once shards run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "engine/broker/topic_config.h"
#include "storage/options.h"

namespace duolog::broker {

// What the server's configuration says, by the keys of Kafka's brokers.
using BrokerSettings = std::map<std::string, std::string, std::less<>>;

struct Options {
  bool auto_create_topics = true;
  std::int32_t num_partitions = 1;
  std::int32_t offsets_topic_partitions = 50;  // offsets.topic.num.partitions
  std::int32_t max_partitions_per_topic = 10'000;
  std::size_t max_topics = 100'000;
  std::size_t max_partitions = 100'000;  // of all topics together
  // What brokers, groups and subscriptions to metrics were given: of how many, and how much of it.
  std::size_t max_config_resources = 10'000;
  std::size_t max_config_bytes = 16U << 20;
  std::uint64_t retention_check_interval_ms = 300'000;
  TopicConfig topic_defaults;
  BrokerSettings broker_settings;  // but for those that are topic_defaults
  storage::StoreOptions store;
  // The only broker of the cluster, as clients see it.
  std::int32_t node_id = 1;
  std::string advertised_host;  // empty: the address that the client reached
  std::uint16_t advertised_port = 0;
};

}  // namespace duolog::broker

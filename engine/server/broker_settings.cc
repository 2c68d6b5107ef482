#include "engine/server/broker_settings.h"

#include <string>

#include "engine/server/config_property.h"

namespace duolog::server {
namespace {

// What Kafka has a key for, and here is a limit or a fact that nobody sets.
struct Fact {
  std::string_view broker_key;
  std::string (*text)(const Config& config);
};

constexpr Fact kFacts[] = {
    {"broker.id", [](const Config& c) { return std::to_string(c.broker.node_id); }},
    {"default.replication.factor", [](const Config&) -> std::string { return "1"; }},
    {"delete.topic.enable", [](const Config&) -> std::string { return "true"; }},
    {"fetch.max.bytes", [](const Config& c) { return std::to_string(c.kafka.fetch_max_bytes); }},
    {"max.incremental.fetch.session.cache.slots",
     [](const Config& c) { return std::to_string(c.kafka.max_fetch_sessions); }},
    {"max.request.partition.size.limit",
     [](const Config& c) { return std::to_string(c.kafka.max_described_partitions); }},
    {"node.id", [](const Config& c) { return std::to_string(c.broker.node_id); }},
    {"process.roles", [](const Config&) -> std::string { return "broker"; }},
};

}  // namespace

broker::BrokerSettings broker_settings(const Config& config) {
  broker::BrokerSettings settings;
  for (const Property& property : properties()) {
    if (property.kafka.kind != KafkaKey::Kind::kAtStart) continue;
    settings.emplace(broker_key(property), kafka_value(property, config));
  }
  for (const Fact& fact : kFacts) settings.emplace(fact.broker_key, fact.text(config));
  return settings;
}

}  // namespace duolog::server

// Settings, partitions, DeleteRecords, and the cluster's description.
#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/broker/config/config_key.h"
#include "net/kafka/acls.h"
#include "net/kafka/cluster.h"
#include "net/kafka/configs.h"
#include "net/kafka/partitions.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::DescribeConfigsRequest;
using kafka::DescribeConfigsResponse;
using kafka::IncrementalAlterConfigsRequest;
using kafka::IncrementalAlterConfigsResponse;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kBrokerResource = 4;
enum : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

void describe(Differ& differ, std::int16_t version, std::int8_t type, std::string_view name,
              std::vector<std::string_view> keys, Differ::Allowed allowed = {"documentation"}) {
  DescribeConfigsRequest::Resource resource{
      .resource_type = type, .resource_name = name, .configuration_keys = std::span(keys)};
  differ.ask<DescribeConfigsResponse>(
      version, DescribeConfigsRequest{.resources = one(resource), .include_synonyms = true},
      allowed);
}

void alter(Differ& differ, std::int16_t version, std::int8_t type, std::string_view name,
           std::vector<IncrementalAlterConfigsRequest::Resource::Config> configs,
           bool validate_only = false, Differ::Allowed allowed = {}) {
  IncrementalAlterConfigsRequest::Resource resource{
      .resource_type = type, .resource_name = name, .configs = std::span(configs)};
  differ.ask<IncrementalAlterConfigsResponse>(
      version,
      IncrementalAlterConfigsRequest{.resources = one(resource), .validate_only = validate_only},
      allowed);
}

// Kafka's broker learns of a change only after it has been answered: asks until both say the same.
void describe_when_known(Differ& differ, std::int8_t type, std::string_view name,
                         std::string_view key) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    DescribeConfigsRequest::Resource resource{
        .resource_type = type, .resource_name = name, .configuration_keys = one(key)};
    const auto both = differ.ask<DescribeConfigsResponse>(
        4, DescribeConfigsRequest{.resources = one(resource)}, {"results"});
    const auto text = [](const DescribeConfigsResponse& response) -> std::string {
      if (response.results[0].configs.empty()) return "nothing";
      const auto& config = response.results[0].configs[0];
      return std::string(config.value.value_or("null")) + std::to_string(config.config_source);
    };
    if (text(both->ours.message) == text(both->theirs.message)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  describe(differ, 4, type, name, {key});
}

void topic_settings(Differ& differ) {
  create_topic(differ, "settings");
  const auto keys = [] {
    return std::vector<std::string_view>{"retention.ms", "cleanup.policy", "no.such.key"};
  };
  for (std::int16_t version = 1; version <= 4; ++version) {
    describe(differ, version, kTopicResource, "settings", keys());
    describe(differ, version, kTopicResource, "never-there", keys());
    describe(differ, version, kTopicResource, "bad/name", keys());
    describe(differ, version, kTopicResource, "", keys());
  }
  for (std::int16_t version = 0; version <= 1; ++version) {
    const auto on = [&](std::string_view key, std::int8_t operation, kafka::NullableString value,
                        bool validate_only = false) {
      differ.label(key);
      alter(differ, version, kTopicResource, "settings",
            {{.name = key, .config_operation = operation, .value = value}}, validate_only);
      describe_when_known(differ, kTopicResource, "settings", key);
    };
    on("retention.ms", kSet, "1000", true);
    on("retention.ms", kSet, "1000");
    on("retention.ms", kSet, "soon");
    on("retention.ms", kSet, std::nullopt);
    on("retention.ms", kAppend, "1");
    on("retention.ms", kDelete, std::nullopt);
    on("cleanup.policy", kAppend, "compact");
    on("cleanup.policy", kSubtract, "delete");
    on("cleanup.policy", kSet, "delete");
    on("no.such.key", kSet, "1");
    // Kafka answers UNKNOWN_SERVER_ERROR here.
    alter(differ, version, kTopicResource, "settings",
          {{.name = "segment.bytes", .config_operation = 9, .value = "1"}}, false, {"error_code"});
    differ.label("");
    alter(differ, version, kTopicResource, "", {{.name = "retention.ms", .value = "1"}});
    alter(differ, version, kTopicResource, "never-there", {{.name = "retention.ms", .value = "1"}});
    alter(differ, version, kTopicResource, "settings",
          {{.name = "retention.ms", .value = "1"}, {.name = "retention.ms", .value = "2"}});
    alter(differ, version, 77, "settings", {{.name = "retention.ms", .value = "1"}});
  }
}

// What depends on how each of the servers is set up. Kafka keeps min.insync.replicas as if a broker
// had been given it; listeners, max.connections, producer.id.expiration.ms and those of the cleaner
// cannot change here while the server runs.
constexpr std::string_view kOwn[] = {"advertised.listeners",
                                     "controller.listener.names",
                                     "controller.quorum.bootstrap.servers",
                                     "group.initial.rebalance.delay.ms",
                                     "listener.security.protocol.map",
                                     "listeners",
                                     "log.cleaner.backoff.ms",
                                     "log.cleaner.dedupe.buffer.size",
                                     "log.cleaner.enable",
                                     "log.cleaner.io.max.bytes.per.second",
                                     "log.dirs",
                                     "max.connections",
                                     "min.insync.replicas",
                                     "offsets.topic.replication.factor",
                                     "process.roles",
                                     "producer.id.expiration.ms",
                                     "share.coordinator.state.topic.min.isr",
                                     "share.coordinator.state.topic.replication.factor",
                                     "transaction.state.log.min.isr",
                                     "transaction.state.log.replication.factor"};

// Each by itself, for the order of a list is nobody's promise.
void every_key(Differ& differ) {
  create_topic(differ, "every-key");
  const auto ask_all = [&](broker::ConfigResource resource, std::string_view name) {
    for (const broker::ConfigKey* key : broker::config_keys(resource)) {
      if (key->name.starts_with("duolog.")) continue;
      differ.label(key->name);
      const bool own = std::ranges::find(kOwn, key->name) != std::end(kOwn);
      describe(differ, 4, static_cast<std::int8_t>(resource), name, {key->name},
               own ? Differ::Allowed{"documentation", ".value", "read_only", "source", "synonyms"}
                   : Differ::Allowed{"documentation"});
    }
  };
  ask_all(broker::ConfigResource::kTopic, "every-key");
  ask_all(broker::ConfigResource::kBroker, "1");
  ask_all(broker::ConfigResource::kGroup, "no-group");
  ask_all(broker::ConfigResource::kClientMetrics, "no-subscription");
}

// AlterConfigs: what it does not name is set no more.
void replaced_settings(Differ& differ) {
  using Resource = kafka::AlterConfigsRequest::Resource;
  create_topic(differ, "replaced");
  for (std::int16_t version = 0; version <= 2; ++version) {
    const auto on = [&](std::int8_t type, std::string_view name,
                        std::vector<Resource::Config> configs, bool validate_only = false) {
      Resource resource{
          .resource_type = type, .resource_name = name, .configs = std::span(configs)};
      differ.ask<kafka::AlterConfigsResponse>(
          version,
          kafka::AlterConfigsRequest{.resources = one(resource), .validate_only = validate_only});
      describe_when_known(differ, kTopicResource, "replaced", "retention.ms");
      describe_when_known(differ, kTopicResource, "replaced", "segment.ms");
    };
    on(kTopicResource, "replaced", {{"retention.ms", "1000"}, {"segment.ms", "2000"}}, true);
    on(kTopicResource, "replaced", {{"retention.ms", "1000"}, {"segment.ms", "2000"}});
    on(kTopicResource, "replaced", {{"retention.ms", "3000"}});
    on(kTopicResource, "replaced", {{"retention.ms", "soon"}});
    on(kTopicResource, "replaced", {{"retention.ms", std::nullopt}});
    on(kTopicResource, "replaced", {{"no.such.key", "1"}});
    on(kTopicResource, "replaced", {{"retention.ms", "1"}, {"retention.ms", "2"}});
    on(kTopicResource, "never-there", {{"retention.ms", "1"}});
    on(kTopicResource, "", {{"retention.ms", "1"}});
    on(77, "replaced", {{"retention.ms", "1"}});
    on(kTopicResource, "replaced", {});
  }
}

// Values at the edges of what each may be.
void checked_values(Differ& differ) {
  create_topic(differ, "checked");
  const std::pair<std::string_view, std::string_view> values[] = {
      {"retention.ms", "-1"},
      {"retention.ms", "-2"},
      {"retention.ms", " 7 "},
      {"retention.ms", "+7"},
      {"retention.ms", "007"},
      {"retention.ms", "9223372036854775807"},
      {"retention.ms", "9223372036854775808"},
      {"retention.ms", ""},
      {"retention.bytes", "-5"},
      {"segment.bytes", "1048575"},
      {"segment.bytes", "1048576"},
      {"segment.bytes", "2147483648"},
      {"max.message.bytes", "0"},
      {"max.message.bytes", "-1"},
      {"cleanup.policy", ""},
      {"cleanup.policy", "none"},
      {"cleanup.policy", "compact , delete"},
      {"cleanup.policy", "delete,delete"},
      {"cleanup.policy", "delete"},
      {"compression.type", "gzip"},
      {"compression.type", "GZIP"},
      {"compression.gzip.level", "0"},
      {"compression.gzip.level", "-1"},
      {"compression.gzip.level", "10"},
      {"message.timestamp.type", "LogAppendTime"},
      {"message.timestamp.type", "logappendtime"},
      {"preallocate", "TRUE"},
      {"preallocate", "yes"},
      {"min.cleanable.dirty.ratio", "0.25"},
      {"min.cleanable.dirty.ratio", "1.5"},
      {"max.compaction.lag.ms", "5"},
      {"min.compaction.lag.ms", "6"},
      {"remote.storage.enable", "true"},
      {"segment.jitter.ms", "10"},
      {"leader.replication.throttled.replicas", "0:1,1:1"},
      {"leader.replication.throttled.replicas", "*"},
      {"leader.replication.throttled.replicas", "zero"}};
  for (const auto& [key, value] : values) {
    differ.label(std::string(key) + "=" + std::string(value));
    alter(differ, 1, kTopicResource, "checked", {{.name = key, .value = value}});
    describe_when_known(differ, kTopicResource, "checked", key);
  }
}

void altered_brokers(Differ& differ) {
  create_topic(differ, "follows-its-broker");
  const auto on = [&](std::string_view broker, std::string_view key, std::int8_t operation,
                      kafka::NullableString value) {
    differ.label(std::string(key) + " of '" + std::string(broker) + "'");
    alter(differ, 1, kBrokerResource, broker,
          {{.name = key, .config_operation = operation, .value = value}});
    describe_when_known(differ, kBrokerResource, broker, key);
    describe_when_known(differ, kBrokerResource, "1", key);
    describe_when_known(differ, kTopicResource, "follows-its-broker", "retention.ms");
    describe_when_known(differ, kTopicResource, "follows-its-broker", "max.message.bytes");
  };
  on("", "log.retention.ms", kSet, "100000000");
  on("1", "log.retention.ms", kSet, "200000000");
  on("", "log.retention.ms", kDelete, std::nullopt);
  on("1", "log.retention.ms", kDelete, std::nullopt);
  on("1", "log.retention.ms", kSet, "soon");
  on("", "message.max.bytes", kSet, "2000000");
  on("", "message.max.bytes", kDelete, std::nullopt);
  on("1", "num.partitions", kSet, "2");
  on("9", "log.retention.ms", kSet, "1");
  on("one", "log.retention.ms", kSet, "1");
  on("", "ssl.keystore.location", kSet, "/keys");
  on("1", "log.cleaner.threads", kAppend, "1");
}

void other_resources(Differ& differ) {
  constexpr std::int8_t kGroup = 32;
  constexpr std::int8_t kClientMetrics = 16;
  const auto on = [&](std::int8_t type, std::string_view name, std::string_view key,
                      std::int8_t operation, kafka::NullableString value) {
    differ.label(key);
    alter(differ, 1, type, name, {{.name = key, .config_operation = operation, .value = value}});
    describe_when_known(differ, type, name, key);
  };
  on(kGroup, "a-group", "consumer.session.timeout.ms", kSet, "50000");
  on(kGroup, "a-group", "consumer.session.timeout.ms", kDelete, std::nullopt);
  on(kGroup, "a-group", "consumer.session.timeout.ms", kSet, "0");
  on(kGroup, "a-group", "no.such.key", kSet, "0");
  on(kGroup, "", "consumer.session.timeout.ms", kSet, "50000");
  // Good ones are taken by Kafka, and here refused: nobody would get the metrics.
  on(kClientMetrics, "a-subscription", "interval.ms", kSet, "1");
  on(kClientMetrics, "a-subscription", "no.such.key", kSet, "1");
  on(kClientMetrics, "", "interval.ms", kSet, "1000");
  on(kClientMetrics, "a-subscription", "interval.ms", kDelete, std::nullopt);
  on(kClientMetrics, "a-subscription", "metrics", kDelete, std::nullopt);
}

void broker_settings(Differ& differ) {
  for (std::int16_t version = 1; version <= 4; ++version) {
    describe(differ, version, kBrokerResource, "1", {"num.partitions", "no.such.key"});
    describe(differ, version, kBrokerResource, "9", {"num.partitions"});
    describe(differ, version, 8, "one", {"no.such.logger"});
    describe(differ, version, 8, "9", {"no.such.logger"});
    describe(differ, version, 8, "1", {"no.such.logger"});
    describe(differ, version, 8, "", {"no.such.logger"});
    describe(differ, version, 16, "", {"interval.ms"});
    describe(differ, version, 32, "", {"consumer.session.timeout.ms"});
    describe(differ, version, kBrokerResource, "", {"num.partitions"});
    describe(differ, version, kBrokerResource, "one", {"num.partitions"});
    describe(differ, version, 77, "1", {"num.partitions"});
  }
}

void grow(Differ& differ) {
  using Topic = kafka::CreatePartitionsRequest::Topic;
  create_topic(differ, "growing", 2);
  const auto ask = [&](std::int16_t version, std::vector<Topic> topics,
                       bool validate_only = false) {
    differ.ask<kafka::CreatePartitionsResponse>(
        version,
        kafka::CreatePartitionsRequest{
            .topics = std::span(topics), .timeout_ms = 30'000, .validate_only = validate_only});
  };
  const auto none = kafka::Array<Topic::Assignment>::null();
  std::int32_t count = 2;
  for (std::int16_t version = 0; version <= 3; ++version) {
    ask(version, {{.name = "growing", .count = count, .assignments = none}});
    ask(version, {{.name = "growing", .count = 1, .assignments = none}});
    ask(version, {{.name = "growing", .count = -1, .assignments = none}});
    ask(version, {{.name = "never-there", .count = 5, .assignments = none}});
    ask(version, {{.name = "growing", .count = 9, .assignments = none}}, true);
    ask(version, {{.name = "growing", .count = ++count, .assignments = none}});
    std::int32_t broker = 1;
    std::int32_t stranger = 9;
    std::vector<Topic::Assignment> good = {{one(broker)}};
    std::vector<Topic::Assignment> bad = {{one(stranger)}};
    std::vector<Topic::Assignment> many = {{one(broker)}, {one(broker)}};
    ask(version, {{.name = "growing", .count = count + 1, .assignments = std::span(bad)}});
    ask(version, {{.name = "growing", .count = count + 1, .assignments = std::span(many)}});
    ask(version, {{.name = "growing", .count = ++count, .assignments = std::span(good)}});
    ask(version, {{.name = "growing", .count = count + 1, .assignments = none},
                  {.name = "growing", .count = count + 2, .assignments = none}});
  }
}

void delete_records(Differ& differ) {
  for (std::int16_t version = 0; version <= 2; ++version) {
    const std::string name = "trimmed-" + std::to_string(version);
    create_topic(differ, name);
    for (int i = 0; i < 3; ++i) produce(differ, name, 0, batch_of({"a", "b"}));
    const auto ask = [&](std::string_view topic, std::int32_t partition, std::int64_t offset) {
      kafka::DeleteRecordsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                      .offset = Offset(offset)};
      kafka::DeleteRecordsRequest::Topic t{.name = topic, .partitions = one(p)};
      differ.ask<kafka::DeleteRecordsResponse>(
          version, kafka::DeleteRecordsRequest{.topics = one(t), .timeout_ms = 30'000});
    };
    ask(name, 0, 3);
    ask(name, 0, 1);
    ask(name, 0, 7);
    ask(name, 0, -2);
    ask(name, 5, 0);
    ask("never-there", 0, 0);
    ask(name, 0, -1);
  }
}

void cluster(Differ& differ) {
  for (std::int16_t version = 0; version <= 2; ++version) {
    differ.ask<kafka::DescribeClusterResponse>(version, kafka::DescribeClusterRequest{});
    differ.ask<kafka::DescribeClusterResponse>(
        version, kafka::DescribeClusterRequest{.include_cluster_authorized_operations = true});
    if (version == 0) continue;
    differ.ask<kafka::DescribeClusterResponse>(version,
                                               kafka::DescribeClusterRequest{.endpoint_type = 7});
  }
}

void pages_of_partitions(Differ& differ) {
  using kafka::DescribeTopicPartitionsRequest;
  create_topic(differ, "pages-a", 3);
  create_topic(differ, "pages-b", 3);
  const auto ask = [&](std::vector<DescribeTopicPartitionsRequest::Topic> topics,
                       std::int32_t limit, std::optional<kafka::PartitionCursor> cursor = {}) {
    differ.label(cursor ? "from " + std::string(cursor->topic_name) + "-" +
                              std::to_string(cursor->partition_index.value)
                        : "at most " + std::to_string(limit));
    differ.ask<kafka::DescribeTopicPartitionsResponse>(
        0,
        DescribeTopicPartitionsRequest{
            .topics = std::span(topics), .response_partition_limit = limit, .cursor = cursor},
        {"authorized_operations", "eligible_leader", "last_known"});
  };
  ask({{"pages-b"}, {"pages-a"}}, 2000);
  ask({{"pages-b"}, {"pages-a"}}, 4);
  ask({{"pages-b"}, {"pages-a"}}, 3);
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-a", PartitionId(1)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-b", PartitionId(0)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-aa", PartitionId(0)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-aa", PartitionId(7)});
  ask({{"pages-b"}}, 2, kafka::PartitionCursor{"pages-a", PartitionId(1)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-c", PartitionId(0)});
  ask({}, 2, kafka::PartitionCursor{"pages-aa", PartitionId(0)});
  ask({}, 2, kafka::PartitionCursor{"pages-aa", PartitionId(7)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-b", PartitionId(9)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-b", PartitionId(-1)});
  ask({{"pages-a"}, {"never-there"}, {"bad/name"}}, 2000);
  ask({{"pages-a"}}, 0);
}

void acls(Differ& differ) {
  for (std::int16_t version = 1; version <= 3; ++version) {
    differ.ask<kafka::DescribeAclsResponse>(version,
                                            kafka::DescribeAclsRequest{.resource_type_filter = 1,
                                                                       .pattern_type_filter = 1,
                                                                       .operation = 1,
                                                                       .permission_type = 1});
  }
}

}  // namespace

std::vector<Scenario> admin_scenarios() {
  using enum kafka::ApiKey;
  return {{"settings of topics", topic_settings, kIncrementalAlterConfigs},
          {"settings of brokers", broker_settings, kDescribeConfigs},
          {"every key", every_key, kDescribeConfigs},
          {"values of settings", checked_values, kIncrementalAlterConfigs},
          {"replaced settings", replaced_settings, kAlterConfigs},
          {"brokers that are altered", altered_brokers, kIncrementalAlterConfigs},
          {"settings of groups and metrics", other_resources, kIncrementalAlterConfigs},
          {"more partitions", grow, kCreatePartitions},
          {"fewer records", delete_records, kDeleteRecords},
          {"the cluster", cluster, kDescribeCluster},
          {"who is allowed what", acls, kDescribeAcls},
          {"pages of partitions", pages_of_partitions, kDescribeTopicPartitions}};
}

}  // namespace duolog::differential

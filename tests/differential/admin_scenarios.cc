// Settings, partitions, DeleteRecords, and the cluster's description.
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
           bool validate_only = false) {
  IncrementalAlterConfigsRequest::Resource resource{
      .resource_type = type, .resource_name = name, .configs = std::span(configs)};
  differ.ask<IncrementalAlterConfigsResponse>(
      version,
      IncrementalAlterConfigsRequest{.resources = one(resource), .validate_only = validate_only});
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
      describe(differ, 4, kTopicResource, "settings", {key});
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
    on("segment.bytes", 9, "1");
    differ.label("");
    alter(differ, version, kTopicResource, "never-there", {{.name = "retention.ms", .value = "1"}});
    alter(differ, version, kTopicResource, "settings",
          {{.name = "retention.ms", .value = "1"}, {.name = "retention.ms", .value = "2"}});
    alter(differ, version, 77, "settings", {{.name = "retention.ms", .value = "1"}});
  }
}

void broker_settings(Differ& differ) {
  for (std::int16_t version = 1; version <= 4; ++version) {
    describe(differ, version, kBrokerResource, "1", {"num.partitions", "no.such.key"});
    describe(differ, version, kBrokerResource, "9", {"num.partitions"});
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
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-b", PartitionId(9)});
  ask({{"pages-a"}, {"pages-b"}}, 2, kafka::PartitionCursor{"pages-b", PartitionId(-1)});
  ask({{"pages-a"}, {"never-there"}, {"bad/name"}}, 2000);
  ask({{"pages-a"}}, 0);
}

}  // namespace

std::vector<Scenario> admin_scenarios() {
  using enum kafka::ApiKey;
  return {{"settings of topics", topic_settings, kIncrementalAlterConfigs},
          {"settings of brokers", broker_settings, kDescribeConfigs},
          {"more partitions", grow, kCreatePartitions},
          {"fewer records", delete_records, kDeleteRecords},
          {"the cluster", cluster, kDescribeCluster},
          {"pages of partitions", pages_of_partitions, kDescribeTopicPartitions}};
}

}  // namespace duolog::differential

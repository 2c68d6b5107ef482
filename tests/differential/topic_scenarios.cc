// CreateTopics, DeleteTopics and Metadata.
#include "net/kafka/api_versions.h"
#include "net/kafka/metadata.h"
#include "net/kafka/topics.h"
#include "tests/differential/scenarios.h"

namespace duolog::differential {
namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::DeleteTopicsRequest;
using kafka::DeleteTopicsResponse;
using kafka::MetadataRequest;
using kafka::MetadataResponse;
using NewTopic = CreateTopicsRequest::Topic;

void create(Differ& differ, std::int16_t version, std::vector<NewTopic> topics,
            bool validate_only = false) {
  // The settings of a new topic have a scenario of their own. A topic that is only checked has no
  // id here.
  differ.ask<CreateTopicsResponse>(
      version, CreateTopicsRequest{.topics = std::span(topics), .validate_only = validate_only},
      {".configs", validate_only ? "topic_id" : ".configs"});
}

void creates_in_every_version(Differ& differ) {
  for (std::int16_t version = 2; version <= 7; ++version) {
    const std::string name = "create-" + std::to_string(version);
    create(differ, version, {{.name = name, .num_partitions = 3, .replication_factor = 1}}, true);
    create(differ, version, {{.name = name, .num_partitions = 3, .replication_factor = 1}});
    create(differ, version, {{.name = name, .num_partitions = 3, .replication_factor = 1}});
    create(differ, version, {{.name = name, .num_partitions = 3, .replication_factor = 1}}, true);
  }
}

void refuses_bad_topics(Differ& differ) {
  constexpr std::string_view kNames[] = {"", ".", "..", "a/b", "ok space"};
  for (const std::string_view name : kNames) {
    create(differ, 5, {{.name = name, .num_partitions = 1, .replication_factor = 1}});
  }
  const std::string longest(249, 'x');
  const std::string too_long(250, 'x');
  create(differ, 5, {{.name = longest, .num_partitions = 1, .replication_factor = 1}});
  create(differ, 5, {{.name = too_long, .num_partitions = 1, .replication_factor = 1}});
  create(differ, 5, {{.name = "zero", .num_partitions = 0, .replication_factor = 1}});
  create(differ, 5, {{.name = "minus", .num_partitions = -2, .replication_factor = 1}});
  create(differ, 5, {{.name = "many-copies", .num_partitions = 1, .replication_factor = 3}});
  create(differ, 5, {{.name = "no-copy", .num_partitions = 1, .replication_factor = 0}});
  create(differ, 5, {{.name = "defaults", .num_partitions = -1, .replication_factor = -1}});
  for (const std::string_view name : {"like.a_b", "like.a.b", "like_a_b", "like.a_b", "like-a-b"}) {
    create(differ, 5, {{.name = name, .num_partitions = 1, .replication_factor = 1}});
    create(differ, 5, {{.name = name, .num_partitions = 1, .replication_factor = 1}}, true);
  }
  create(differ, 5,
         {{.name = "twice", .num_partitions = 1, .replication_factor = 1},
          {.name = "twice", .num_partitions = 2, .replication_factor = 1}});
}

void checks_settings(Differ& differ) {
  const auto with = [&](std::string_view name, std::string_view key, kafka::NullableString value) {
    NewTopic::Config config{.name = key, .value = value};
    create(differ, 5,
           {{.name = name, .num_partitions = 1, .replication_factor = 1, .configs = one(config)}});
  };
  with("c-unknown", "no.such.key", "1");
  with("c-null", "segment.bytes", std::nullopt);
  with("c-word", "segment.bytes", "many");
  with("c-low", "segment.bytes", "1");
  with("c-good", "segment.bytes", "2097152");
  with("c-policy", "cleanup.policy", "neither");
}

void checks_assignments(Differ& differ) {
  std::int32_t broker = 1;
  std::int32_t stranger = 9;
  const auto with = [&](std::string_view name, std::vector<NewTopic::Assignment> assignments,
                        std::int32_t partitions = -1, std::int16_t copies = -1) {
    create(differ, 5,
           {{.name = name,
             .num_partitions = partitions,
             .replication_factor = copies,
             .assignments = std::span(assignments)}});
  };
  with("a-good", {{PartitionId(0), one(broker)}, {PartitionId(1), one(broker)}});
  with("a-gap", {{PartitionId(0), one(broker)}, {PartitionId(2), one(broker)}});
  with("a-twice", {{PartitionId(0), one(broker)}, {PartitionId(0), one(broker)}});
  with("a-stranger", {{PartitionId(0), one(stranger)}});
  with("a-nobody", {{PartitionId(0), {}}});
  with("a-both", {{PartitionId(0), one(broker)}}, 1, 1);
}

// One topic a request: the order of Kafka's answers is by chance.
void deletes_in_every_version(Differ& differ) {
  const auto by_name = [&](std::int16_t version, std::string_view name) {
    differ.ask<DeleteTopicsResponse>(
        version, DeleteTopicsRequest{.topic_names = one(name), .timeout_ms = 30'000});
  };
  for (std::int16_t version = 1; version <= 5; ++version) {
    const std::string name = "delete-" + std::to_string(version);
    create_topic(differ, name);
    by_name(version, name);
    by_name(version, name);
  }
  const auto by_topic = [&](DeleteTopicsRequest::Topic topic) {
    differ.ask<DeleteTopicsResponse>(
        6, DeleteTopicsRequest{.topics = one(topic), .timeout_ms = 30'000});
  };
  create_topic(differ, "delete-6");
  Uuid unknown;
  unknown.bytes[0] = 7;
  by_topic({.name = "delete-6"});
  by_topic({.name = "delete-6"});
  by_topic({.topic_id = unknown});
}

void describes_in_every_version(Differ& differ) {
  create_topic(differ, "described", 2);
  for (std::int16_t version = 0; version <= 13; ++version) {
    std::vector<MetadataRequest::Topic> topics = {
        {.name = "described"}, {.name = "never-there"}, {.name = "bad/name"}};
    differ.ask<MetadataResponse>(version,
                                 MetadataRequest{.topics = std::span(topics).first(1),
                                                 .include_cluster_authorized_operations = true,
                                                 .include_topic_authorized_operations = true},
                                 {"authorized_operations"});
    if (version < 4) continue;
    differ.ask<MetadataResponse>(version, MetadataRequest{.topics = std::span(topics).subspan(1),
                                                          .allow_auto_topic_creation = false});
    differ.ask<MetadataResponse>(version, MetadataRequest{.topics = {}});
  }
  Uuid unknown;
  unknown.bytes[0] = 7;
  std::vector<MetadataRequest::Topic> by_id = {{.topic_id = unknown, .name = std::nullopt}};
  for (std::int16_t version = 10; version <= 13; ++version) {
    // By id in a version that has only names, Kafka's answer leaves out the brokers as well.
    differ.ask<MetadataResponse>(
        version, MetadataRequest{.topics = std::span(by_id)},
        {version < 12 ? "brokers" : "cluster_id", version < 12 ? "controller_id" : "cluster_id"});
  }
}

void versions(Differ& differ) {
  for (std::int16_t version = 0; version <= 4; ++version) {
    // How the lists of APIs differ is checked by name; here, that both answer.
    differ.ask<kafka::ApiVersionsResponse>(
        version,
        kafka::ApiVersionsRequest{.client_software_name = "differ",
                                  .client_software_version = "1.0"},
        {"api_keys", "features", "zk_migration"});
  }
  differ.ask<kafka::ApiVersionsResponse>(
      3, kafka::ApiVersionsRequest{.client_software_name = "-", .client_software_version = "1"},
      {"features", "zk_migration"});
}

}  // namespace

std::vector<Scenario> topic_scenarios() {
  return {{"versions", versions},
          {"topics are created", creates_in_every_version},
          {"bad topics are refused", refuses_bad_topics},
          {"settings are checked", checks_settings},
          {"assignments are checked", checks_assignments},
          {"topics are deleted", deletes_in_every_version},
          {"topics are described", describes_in_every_version}};
}

}  // namespace duolog::differential

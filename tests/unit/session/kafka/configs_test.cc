// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, and what other settings do.
#include "net/kafka/configs.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/broker/config/config_key.h"
#include "net/kafka/partitions.h"
#include "storage/catalog.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using DescribeRequest = kafka::DescribeConfigsRequest;
using DescribeResponse = kafka::DescribeConfigsResponse;
using AlterRequest = kafka::IncrementalAlterConfigsRequest;

enum : std::int8_t { kTopic = 2, kBroker = 4, kLogger = 8, kClientMetrics = 16, kGroup = 32 };
enum : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
enum : std::int8_t {
  kFromTopic = 1,
  kFromBroker = 2,
  kFromEveryBroker = 3,
  kFromServer = 4,
  kFromDefault = 5
};

TestServerOptions three_shards() {
  TestServerOptions options;
  options.shards = 3;
  options.broker.num_partitions = 2;
  return options;
}

struct KafkaConfigsTest : testing::Test {
  KafkaConfigsTest() { EXPECT_EQ(client->create_topic("t", 4), ErrorCode::kNone); }

  void restart() {
    client.reset();
    server.restart();
    client.emplace(server.port());
  }
  std::unique_ptr<Answer<DescribeResponse>> describe(
      std::int8_t type, std::string_view name, std::optional<std::vector<std::string_view>> keys,
      std::int16_t version = 4) {
    DescribeRequest::Resource resource{.resource_type = type, .resource_name = name};
    resource.configuration_keys = keys ? kafka::Array<std::string_view>(std::span(*keys))
                                       : kafka::Array<std::string_view>::null();
    return client->call<DescribeResponse>(version,
                                          DescribeRequest{.resources = std::span(&resource, 1),
                                                          .include_synonyms = true,
                                                          .include_documentation = version >= 3});
  }
  // "value source", or the error's number.
  std::string value(std::int8_t type, std::string_view name, std::string_view key) {
    const auto answer = describe(type, name, std::vector{key});
    const auto& result = answer->message.results[0];
    if (result.error_code != ErrorCode::kNone) return kafka::name(result.error_code).data();
    if (result.configs.empty()) return "nothing";
    return std::string(result.configs[0].value.value_or("null")) + " " +
           std::to_string(result.configs[0].config_source);
  }
  ErrorCode alter(std::int8_t type, std::string_view name, std::string_view key,
                  kafka::NullableString to, std::int8_t operation = kSet,
                  bool validate_only = false) {
    AlterRequest::Resource::Config config{.name = key, .config_operation = operation, .value = to};
    AlterRequest::Resource resource{
        .resource_type = type, .resource_name = name, .configs = std::span(&config, 1)};
    const auto answer = client->call<kafka::IncrementalAlterConfigsResponse>(
        1, AlterRequest{.resources = std::span(&resource, 1), .validate_only = validate_only});
    return answer->message.responses[0].error_code;
  }
  ErrorCode replace(std::vector<kafka::AlterConfigsRequest::Resource::Config> configs) {
    kafka::AlterConfigsRequest::Resource resource{
        .resource_type = kTopic, .resource_name = "t", .configs = std::span(configs)};
    const auto answer = client->call<kafka::AlterConfigsResponse>(
        2, kafka::AlterConfigsRequest{.resources = std::span(&resource, 1)});
    return answer->message.responses[0].error_code;
  }

  TestServer server{three_shards()};
  std::optional<KafkaClient> client{server.port()};
};

TEST_F(KafkaConfigsTest, EveryVersionListsAllKeysOfATopic) {
  for (std::int16_t version = 1; version <= 4; ++version) {
    const auto answer = describe(kTopic, "t", std::nullopt, version);
    const auto& configs = answer->message.results[0].configs;
    const auto keys = broker::config_keys(broker::ConfigResource::kTopic);
    ASSERT_EQ(configs.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(configs[i].name, keys[i]->name);
      EXPECT_EQ(configs[i].value, keys[i]->default_value) << keys[i]->name;
      if (version < 3) continue;
      EXPECT_EQ(configs[i].config_type, static_cast<std::int8_t>(keys[i]->type));
      EXPECT_EQ(configs[i].documentation, keys[i]->documentation());
    }
  }
}

TEST_F(KafkaConfigsTest, ABrokerListsAllItsKeysAndShowsNoPassword) {
  const auto answer = describe(kBroker, "1", std::nullopt);
  EXPECT_EQ(answer->message.results[0].configs.size(),
            broker::config_keys(broker::ConfigResource::kBroker).size());
  EXPECT_EQ(value(kBroker, "1", "num.partitions"), "2 4");
  EXPECT_EQ(value(kBroker, "1", "log.retention.hours"), "168 5");
  EXPECT_EQ(alter(kBroker, "1", "ssl.key.password", "secret"), ErrorCode::kNone);
  EXPECT_EQ(value(kBroker, "1", "ssl.key.password"), "null 2");
}

TEST_F(KafkaConfigsTest, WhatIsNotThereIsSaid) {
  EXPECT_EQ(value(kTopic, "never-there", "retention.ms"), "UNKNOWN_TOPIC_OR_PARTITION");
  EXPECT_EQ(value(kTopic, "bad/name", "retention.ms"), "INVALID_TOPIC_EXCEPTION");
  EXPECT_EQ(value(kTopic, "t", "no.such.key"), "nothing");
  EXPECT_EQ(value(kBroker, "9", "num.partitions"), "INVALID_REQUEST");
  EXPECT_EQ(value(kBroker, "one", "num.partitions"), "INVALID_REQUEST");
  EXPECT_EQ(value(77, "t", "retention.ms"), "INVALID_REQUEST");
  EXPECT_EQ(alter(kTopic, "never-there", "retention.ms", "1"), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter(kTopic, "t", "no.such.key", "1"), ErrorCode::kInvalidConfig);
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", "soon"), ErrorCode::kInvalidConfig);
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", std::nullopt), ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", "1", 9), ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(kBroker, "1", "num.partitions", "3"), ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(kBroker, "", "ssl.keystore.location", "/k"), ErrorCode::kInvalidRequest);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "604800000 5");
}

TEST_F(KafkaConfigsTest, AChangedTopicStaysChangedUntilItIsTakenBack) {
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", "1000", kSet, true), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "604800000 5");
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", "1000"), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "t", "compression.type", "zstd"), ErrorCode::kNone);
  restart();
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "1000 1");
  EXPECT_EQ(value(kTopic, "t", "compression.type"), "zstd 1");
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", std::nullopt, kDelete), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "604800000 5");
}

TEST_F(KafkaConfigsTest, ListsGrowAndShrink) {
  EXPECT_EQ(alter(kTopic, "t", "cleanup.policy", "compact", kAppend), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "cleanup.policy"), "delete,compact 1");
  EXPECT_EQ(alter(kTopic, "t", "cleanup.policy", "delete", kSubtract), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "cleanup.policy"), "compact 1");
  EXPECT_EQ(alter(kTopic, "t", "retention.ms", "1", kAppend), ErrorCode::kInvalidConfig);
}

TEST_F(KafkaConfigsTest, AlterConfigsUnsetsWhatItDoesNotName) {
  EXPECT_EQ(replace({{"retention.ms", "1000"}, {"segment.ms", "2000"}}), ErrorCode::kNone);
  EXPECT_EQ(replace({{"segment.ms", "3000"}}), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "604800000 5");
  EXPECT_EQ(value(kTopic, "t", "segment.ms"), "3000 1");
  EXPECT_EQ(replace({{"segment.ms", "1"}, {"segment.ms", "2"}}), ErrorCode::kInvalidRequest);
}

TEST_F(KafkaConfigsTest, TopicsFollowTheirBrokerUnlessTheySayOtherwise) {
  EXPECT_EQ(client->create_topic("own", 1), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "own", "retention.ms", "5000"), ErrorCode::kNone);
  EXPECT_EQ(alter(kBroker, "", "log.retention.ms", "100"), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "100 3");
  EXPECT_EQ(alter(kBroker, "1", "log.retention.ms", "200"), ErrorCode::kNone);
  restart();
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "200 2");
  EXPECT_EQ(value(kTopic, "own", "retention.ms"), "5000 1");
  EXPECT_EQ(value(kBroker, "", "log.retention.ms"), "100 3");
  EXPECT_EQ(alter(kBroker, "1", "log.retention.ms", std::nullopt, kDelete), ErrorCode::kNone);
  EXPECT_EQ(value(kBroker, "1", "log.retention.ms"), "100 3");
}

TEST_F(KafkaConfigsTest, GroupsKeepTheirSettings) {
  EXPECT_EQ(alter(kGroup, "g", "consumer.session.timeout.ms", "50000"), ErrorCode::kNone);
  restart();
  EXPECT_EQ(value(kGroup, "g", "consumer.session.timeout.ms"), "50000 8");
  EXPECT_EQ(alter(kGroup, "g", "no.such.key", "1"), ErrorCode::kInvalidConfig);
}

TEST_F(KafkaConfigsTest, SubscriptionsToMetricsThatNobodyTakesAreRefused) {
  EXPECT_EQ(alter(kClientMetrics, "s", "interval.ms", "1000"), ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(kClientMetrics, "s", "metrics", "org.apache.", kAppend),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter(kClientMetrics, "s", "interval.ms", std::nullopt, kDelete), ErrorCode::kNone);
  EXPECT_EQ(alter(kClientMetrics, "", "interval.ms", std::nullopt, kDelete),
            ErrorCode::kInvalidRequest);
}

TEST_F(KafkaConfigsTest, TheLevelOfTheLogIsReadAndSet) {
  const std::string before = value(kLogger, "1", "root");
  EXPECT_EQ(alter(kLogger, "1", "root", "ERROR"), ErrorCode::kNone);
  EXPECT_EQ(value(kLogger, "1", "root"), "ERROR 6");
  EXPECT_EQ(alter(kLogger, "1", "root", "LOUD"), ErrorCode::kInvalidConfig);
  EXPECT_EQ(alter(kLogger, "1", "root", before.substr(0, before.find(' '))), ErrorCode::kNone);
}

TEST_F(KafkaConfigsTest, AChangedLimitGoesForTheNextBatchOfEveryPartition) {
  EXPECT_EQ(alter(kTopic, "t", "max.message.bytes", "100"), ErrorCode::kNone);
  for (std::int32_t partition = 0; partition < 4; ++partition) {
    const auto answer = client->produce("t", partition, batch_of({std::string(200, 'x')}));
    EXPECT_EQ(answer.error_code, ErrorCode::kMessageTooLarge);
  }
  EXPECT_EQ(alter(kTopic, "t", "max.message.bytes", "1000"), ErrorCode::kNone);
  EXPECT_EQ(client->produce("t", 0, batch_of({std::string(200, 'x')})).error_code,
            ErrorCode::kNone);
}

TEST_F(KafkaConfigsTest, ABrokersChangedLimitGoesForTopicsThatSayNothingElse) {
  EXPECT_EQ(client->create_topic("own", 1), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "own", "max.message.bytes", "1000"), ErrorCode::kNone);
  EXPECT_EQ(alter(kBroker, "", "message.max.bytes", "100"), ErrorCode::kNone);
  EXPECT_EQ(client->create_topic("later", 1), ErrorCode::kNone);
  const auto batch = batch_of({std::string(200, 'x')});
  EXPECT_EQ(client->produce("t", 0, batch).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(client->produce("later", 0, batch).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(client->produce("own", 0, batch).error_code, ErrorCode::kNone);
}

TEST_F(KafkaConfigsTest, ACompactedTopicKeepsItsRecordsAndWantsKeys) {
  EXPECT_EQ(client->produce("t", 0, batch_of({"a"})).error_code, ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "t", "cleanup.policy", "compact"), ErrorCode::kNone);
  EXPECT_EQ(client->produce("t", 0, batch_of({"a"})).error_code, ErrorCode::kInvalidRecord);
  kafka::DeleteRecordsRequest::Topic::Partition p{PartitionId(0), Offset(-1)};
  kafka::DeleteRecordsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
  const auto answer = client->call<kafka::DeleteRecordsResponse>(
      2, kafka::DeleteRecordsRequest{.topics = std::span(&t, 1)});
  EXPECT_EQ(answer->message.topics[0].partitions[0].error_code, ErrorCode::kPolicyViolation);
}

// A list of `count` replicas, the first one `first`: 8 bytes each.
std::string replicas_from(int first, int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += (i > 0 ? "," : "") + std::to_string(first + i) + ":1";
  return list;
}

TEST_F(KafkaConfigsTest, AListDoesNotGrowBeyondWhatAStringOfTheProtocolHolds) {
  constexpr std::string_view kKey = "leader.replication.throttled.replicas";
  EXPECT_EQ(alter(kTopic, "t", kKey, replicas_from(10'000, 4000)), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "t", kKey, replicas_from(20'000, 4000), kAppend),
            ErrorCode::kInvalidConfig);
  EXPECT_EQ(value(kTopic, "t", kKey), replicas_from(10'000, 4000) + " 1");
}

TEST_F(KafkaConfigsTest, ValuesOfAnOlderCatalogThatAreNoneAreListedAndHaveNoEffect) {
  const Uuid id = client->topic_id("t");
  client.reset();
  server.stop();
  {
    runtime::PosixFiles files;
    auto catalog = storage::Catalog::open(files, server.directory() + "/meta");
    ASSERT_TRUE(catalog.has_value());
    ASSERT_TRUE(catalog->set_configs(
        id, {{"leader.replication.throttled.replicas", std::string(40'000, 'x')},
             {"no.longer.known", "1"},
             {"retention.ms", "soon"},
             {"segment.ms", "2000"}}));
    ASSERT_TRUE(catalog->set_resource_configs(kBroker, "1", {{"message.max.bytes", "many"}}));
  }
  restart();
  EXPECT_EQ(value(kTopic, "t", "leader.replication.throttled.replicas"),
            std::string(32'767, 'x') + " 1");
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "soon 1");
  EXPECT_EQ(value(kTopic, "t", "segment.ms"), "2000 1");
  EXPECT_EQ(alter(kBroker, "", "log.retention.ms", "100"), ErrorCode::kNone);
  EXPECT_EQ(alter(kTopic, "t", "segment.ms", "3000"), ErrorCode::kInvalidConfig);
  EXPECT_EQ(replace({{"segment.ms", "3000"}}), ErrorCode::kNone);
  EXPECT_EQ(value(kTopic, "t", "retention.ms"), "100 3");
}

TEST_F(KafkaConfigsTest, ABrokersNumberMayBeWrittenInAnyWay) {
  EXPECT_EQ(alter(kBroker, "01", "log.retention.ms", "100"), ErrorCode::kNone);
  EXPECT_EQ(value(kBroker, "1", "log.retention.ms"), "100 2");
}

TEST_F(KafkaConfigsTest, ABrokersKeyWithoutAnEffectOnTopicsLeavesThemAlone) {
  const auto published = [this] {
    const broker::TopicConfig* config = nullptr;
    server.runtime().run_on_and_wait(ShardId(0), [&](runtime::Shard&) {
      config = &*server.cluster().broker(ShardId(0)).find("t")->config;
    });
    return config;
  };
  const auto* before = published();
  EXPECT_EQ(alter(kBroker, "1", "ssl.key.password", "secret"), ErrorCode::kNone);
  EXPECT_EQ(published(), before);
  EXPECT_EQ(alter(kBroker, "1", "log.retention.ms", "100"), ErrorCode::kNone);
  EXPECT_NE(published(), before);
}

TEST_F(KafkaConfigsTest, NoKeysAreAllKeys) {
  const auto answer = describe(kTopic, "t", std::vector<std::string_view>());
  EXPECT_EQ(answer->message.results[0].configs.size(),
            broker::config_keys(broker::ConfigResource::kTopic).size());
}

TEST_F(KafkaConfigsTest, AResourceThatIsAskedForTwiceIsAnsweredOnce) {
  std::vector<DescribeRequest::Resource> resources{
      {.resource_type = kBroker, .resource_name = "1"},
      {.resource_type = kTopic, .resource_name = "t"},
      {.resource_type = kBroker, .resource_name = "1"}};
  const auto answer =
      client->call<DescribeResponse>(4, DescribeRequest{.resources = std::span(resources)});
  ASSERT_EQ(answer->message.results.size(), 2U);
  EXPECT_EQ(answer->message.results[0].resource_name, "1");
  EXPECT_EQ(answer->message.results[1].resource_name, "t");
}

// Sets a group's setting.
ErrorCode set_group(KafkaClient& client, std::string_view group, std::string_view value) {
  AlterRequest::Resource::Config config{.name = "consumer.session.timeout.ms", .value = value};
  AlterRequest::Resource resource{
      .resource_type = kGroup, .resource_name = group, .configs = std::span(&config, 1)};
  const auto answer = client.call<kafka::IncrementalAlterConfigsResponse>(
      1, AlterRequest{.resources = std::span(&resource, 1)});
  return answer->message.responses[0].error_code;
}

TEST(KafkaConfigsLimitTest, GroupsWithSettingsAreLimitedInNumberAndBytes) {
  TestServerOptions options;
  options.broker.max_config_resources = 2;
  options.broker.max_config_bytes = 100;
  TestServer server(options);
  KafkaClient client(server.port());
  EXPECT_EQ(set_group(client, std::string(100, 'g'), "50000"), ErrorCode::kPolicyViolation);
  EXPECT_EQ(set_group(client, "a", "50000"), ErrorCode::kNone);
  EXPECT_EQ(set_group(client, "b", "50000"), ErrorCode::kNone);
  EXPECT_EQ(set_group(client, "c", "50000"), ErrorCode::kPolicyViolation);
  EXPECT_EQ(set_group(client, "b", "50001"), ErrorCode::kNone);
  EXPECT_EQ(server.cluster().counters().refused_limit.get(), 2U);
}

TEST(KafkaConfigsLimitTest, AnAnswerListsSettingsUpToALimit) {
  TestServerOptions options;
  options.kafka.max_listed_config_bytes = 10'000;
  TestServer server(options);
  KafkaClient client(server.port());
  std::vector<DescribeRequest::Resource> resources;
  for (const char* name : {"a", "b", "c", "d"}) {
    resources.push_back({.resource_type = kGroup, .resource_name = name});
  }
  const auto answer =
      client.call<DescribeResponse>(4, DescribeRequest{.resources = std::span(resources),
                                                       .include_synonyms = true,
                                                       .include_documentation = true});
  const auto& results = answer->message.results;
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(results[0].configs.size(), 17U);
  EXPECT_EQ(results[3].error_code, ErrorCode::kPolicyViolation);
  EXPECT_TRUE(results[3].configs.empty());
  EXPECT_GE(server.sum([](const KafkaCounters& c) -> auto& { return c.configs_refused; }), 1U);
}

TEST(KafkaConfigsLimitTest, TopicsBeyondTheLimitAreCreatedAndAnsweredWithoutTheirSettings) {
  TestServerOptions options;
  options.kafka.max_listed_config_bytes = 1000;
  TestServer server(options);
  KafkaClient client(server.port());
  std::vector<kafka::CreateTopicsRequest::Topic> topics{
      {.name = "a", .num_partitions = -1, .replication_factor = -1},
      {.name = "b", .num_partitions = -1, .replication_factor = -1}};
  const auto answer = client.call<kafka::CreateTopicsResponse>(
      7, kafka::CreateTopicsRequest{.topics = std::span(topics)});
  const auto& created = answer->message.topics;
  EXPECT_EQ(created[0].configs.size(), broker::config_keys(broker::ConfigResource::kTopic).size());
  EXPECT_EQ(created[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(created[1].topic_config_error_code, ErrorCode::kPolicyViolation);
  EXPECT_TRUE(created[1].configs.is_null());
  EXPECT_EQ(server.sum([](const KafkaCounters& c) -> auto& { return c.configs_refused; }), 1U);
}

}  // namespace
}  // namespace duolog::session

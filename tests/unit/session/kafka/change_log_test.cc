// Who has changed what, as the log tells it.
#include "engine/broker/change_log.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/log.h"
#include "net/kafka/configs.h"
#include "net/kafka/partitions.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using AlterRequest = kafka::IncrementalAlterConfigsRequest;
constexpr const char* kBy = " by client 'test' at 127\\.0\\.0\\.1:[0-9]+\n";

class KafkaChangeLogTest : public testing::Test {
 protected:
  // What is logged while `act` runs.
  template <class Act>
  static std::string logged(Act act) {
    runtime::flush_log();
    testing::internal::CaptureStderr();
    act();
    runtime::flush_log();
    return testing::internal::GetCapturedStderr();
  }

  void alter(std::string_view topic, std::string_view name, std::string_view value,
             bool validate_only = false) {
    AlterRequest::Resource::Config config{.name = name, .value = value};
    AlterRequest::Resource resource{
        .resource_type = 2, .resource_name = topic, .configs = std::span(&config, 1)};
    auto answer = client.call<kafka::IncrementalAlterConfigsResponse>(
        1, AlterRequest{.resources = std::span(&resource, 1), .validate_only = validate_only});
    ASSERT_EQ(answer->message.responses[0].error_code, ErrorCode::kNone);
  }
  void grow(std::string_view topic, std::int32_t count) {
    kafka::CreatePartitionsRequest::Topic wanted{
        .name = topic,
        .count = count,
        .assignments = kafka::Array<kafka::CreatePartitionsRequest::Topic::Assignment>::null()};
    auto answer = client.call<kafka::CreatePartitionsResponse>(
        3, kafka::CreatePartitionsRequest{.topics = std::span(&wanted, 1), .timeout_ms = 30'000});
    ASSERT_EQ(answer->message.results[0].error_code, ErrorCode::kNone);
  }
  void delete_records(std::string_view topic, std::int64_t before) {
    kafka::DeleteRecordsRequest::Topic::Partition partition{PartitionId(0), Offset(before)};
    kafka::DeleteRecordsRequest::Topic wanted{.name = topic,
                                              .partitions = std::span(&partition, 1)};
    auto answer = client.call<kafka::DeleteRecordsResponse>(
        2, kafka::DeleteRecordsRequest{.topics = std::span(&wanted, 1), .timeout_ms = 30'000});
    ASSERT_EQ(answer->message.topics[0].partitions[0].error_code, ErrorCode::kNone);
  }

  TestServer server;
  KafkaClient client{server.port()};
};

TEST_F(KafkaChangeLogTest, EveryChangeOfATopicIsALineWithWhoAskedForIt) {
  EXPECT_THAT(logged([&] { (void)client.create_topic("t", 2); }),
              ContainsRegex(std::string("info topic 't' created with 2 partitions") + kBy));
  EXPECT_THAT(logged([&] { grow("t", 5); }),
              ContainsRegex(std::string("topic 't' has 5 partitions instead of 2: changed") + kBy));
  EXPECT_THAT(
      logged([&] { alter("t", "retention.ms", "1000"); }),
      ContainsRegex(std::string("settings of topic 't' changed: retention.ms=1000,") + kBy));
  EXPECT_THAT(logged([&] { (void)client.delete_topic("t"); }),
              ContainsRegex(std::string("topic 't' deleted") + kBy));
}

TEST_F(KafkaChangeLogTest, DeletedRecordsAreALineForEachPartitionThatMoved) {
  (void)client.create_topic("t", 1);
  (void)client.produce("t", 0, batch_of({"a", "b", "c"}));
  EXPECT_THAT(
      logged([&] { delete_records("t", 2); }),
      ContainsRegex(std::string("topic 't', partition 0: records before offset 2 deleted") + kBy));
  EXPECT_EQ(logged([&] { delete_records("t", 1); }), "");
}

TEST_F(KafkaChangeLogTest, ATopicMadeBecauseItWasNamedIsALine) {
  kafka::MetadataRequest::Topic topic{.name = "named"};
  EXPECT_THAT(logged([&] {
                (void)client.call<kafka::MetadataResponse>(
                    9, kafka::MetadataRequest{.topics = std::span(&topic, 1),
                                              .allow_auto_topic_creation = true});
              }),
              ContainsRegex(std::string("topic 'named' created with 1 partition") + kBy));
}

TEST_F(KafkaChangeLogTest, WhatChangesNothingIsNotLogged) {
  (void)client.create_topic("t", 1);
  EXPECT_EQ(logged([&] { (void)client.create_topic("t", 1); }), "");
  EXPECT_EQ(logged([&] { (void)client.delete_topic("u"); }), "");
  EXPECT_EQ(logged([&] { alter("t", "retention.ms", "1000", true); }), "");
}

TEST(ChangeLogTest, ALineIsOneLineAndOfLimitedLength) {
  broker::ChangeLog log;
  broker::NewConfigs wanted{.name = "t", .by = "a\nforged line"};
  wanted.settings.push_back({.name = "cleanup.policy", .value = std::string(1'000'000, 'y')});
  testing::internal::CaptureStderr();
  log.altered(wanted);
  runtime::flush_log();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_LT(text.size(), 2 * broker::ChangeLog::kMaxLineBytes);
  EXPECT_THAT(text, HasSubstr(" by a?forged line\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST(ChangeLogTest, ASecretIsNotLogged) {
  broker::ChangeLog log;
  broker::NewConfigs wanted{.resource = broker::ConfigResource::kBroker, .name = "1"};
  wanted.settings.push_back({.name = "sasl.jaas.config", .value = "secret"});
  wanted.settings.push_back({.name = "listener.name.a.ssl.keystore.password", .value = "secret"});
  testing::internal::CaptureStderr();
  log.altered(wanted);
  runtime::flush_log();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("sasl.jaas.config=(hidden)"));
  EXPECT_THAT(text, HasSubstr("listener.name.a.ssl.keystore.password=(hidden)"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

TEST(ChangeLogTest, AFloodOfChangesIsCountedInsteadOfLogged) {
  broker::ChangeLog log;
  broker::Topic topic;
  topic.name = "t";
  testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) log.deleted(topic, "somebody");
  runtime::flush_log();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(text, '\n'), broker::ChangeLog::kBurst);
}

}  // namespace
}  // namespace duolog::session

// CreateTopics, DeleteTopics and Metadata: what is refused, and how.
#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::DeleteTopicsRequest;
using kafka::DeleteTopicsResponse;
using kafka::ErrorCode;
using kafka::MetadataRequest;

TestServerOptions three_partitions() {
  TestServerOptions options;
  options.broker.num_partitions = 3;
  return options;
}

struct KafkaTopicsTest : testing::Test {
  CreateTopicsResponse::Topic create(CreateTopicsRequest::Topic topic, bool validate_only = false) {
    answer_ = client.call<CreateTopicsResponse>(
        7, CreateTopicsRequest{.topics = std::span(&topic, 1), .validate_only = validate_only});
    return answer_->message.topics[0];
  }
  ErrorCode remove(DeleteTopicsRequest::Topic topic) {
    const auto answer =
        client.call<DeleteTopicsResponse>(6, DeleteTopicsRequest{.topics = std::span(&topic, 1)});
    return answer->message.responses[0].error_code;
  }

  TestServer server{three_partitions()};
  KafkaClient client{server.port()};
  std::unique_ptr<Answer<CreateTopicsResponse>> answer_;  // `create`'s strings point into it
};

TEST_F(KafkaTopicsTest, MinusOneIsTheServersDefault) {
  const auto topic = create({.name = "t", .num_partitions = -1, .replication_factor = -1});
  EXPECT_EQ(topic.error_code, ErrorCode::kNone);
  EXPECT_EQ(topic.num_partitions, 3);
  EXPECT_EQ(topic.replication_factor, 1);
  EXPECT_EQ(topic.topic_id, client.topic_id("t"));
}

TEST_F(KafkaTopicsTest, ThereIsOneBrokerToReplicateTo) {
  EXPECT_EQ(create({.name = "t", .num_partitions = 1, .replication_factor = 3}).error_code,
            ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(create({.name = "t", .num_partitions = 1, .replication_factor = 0}).error_code,
            ErrorCode::kInvalidReplicationFactor);
}

TEST_F(KafkaTopicsTest, ZeroPartitionsAreInvalid) {
  EXPECT_EQ(create({.name = "t", .num_partitions = 0, .replication_factor = 1}).error_code,
            ErrorCode::kInvalidPartitions);
}

TEST_F(KafkaTopicsTest, NamesThatDifferInDotsAndUnderscoresAloneCollide) {
  const auto of = [](std::string_view name) {
    return CreateTopicsRequest::Topic{.name = name, .num_partitions = 1, .replication_factor = 1};
  };
  EXPECT_EQ(create(of("topic.a_b")).error_code, ErrorCode::kNone);
  for (const std::string_view name : {"topic.a.b", "topic_a_b", "topic_a.b"}) {
    const auto refused = create(of(name));
    EXPECT_EQ(refused.error_code, ErrorCode::kInvalidTopicException) << name;
    EXPECT_EQ(refused.error_message.value_or(""),
              "Topic '" + std::string(name) + "' collides with existing topic: topic.a_b");
  }
  EXPECT_EQ(create(of("topic.a.b"), true).error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(create(of("topic.a_b")).error_code, ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(create(of("topic-a-b")).error_code, ErrorCode::kNone);
  EXPECT_EQ(create(of("topic.ab")).error_code, ErrorCode::kNone);
  EXPECT_EQ(remove({.name = "topic.a_b"}), ErrorCode::kNone);
  EXPECT_EQ(create(of("topic.a.b")).error_code, ErrorCode::kNone);
  EXPECT_EQ(create(of("topic.a_b")).error_code, ErrorCode::kInvalidTopicException);
}

TEST_F(KafkaTopicsTest, NamesThatCollideAreKnownAfterARestart) {
  EXPECT_EQ(client.create_topic("a.b", 1), ErrorCode::kNone);
  server.restart();
  KafkaClient later(server.port());
  EXPECT_EQ(later.create_topic("a_b", 1), ErrorCode::kInvalidTopicException);
}

TEST_F(KafkaTopicsTest, NamesFollowKafkasRule) {
  for (const std::string_view name : {"", ".", "..", "a b", "a/b", "\xc3\xa9"}) {
    EXPECT_EQ(create({.name = name, .num_partitions = 1, .replication_factor = 1}).error_code,
              ErrorCode::kInvalidTopicException)
        << name;
  }
  const std::string longest(249, 'n');
  EXPECT_EQ(create({.name = longest, .num_partitions = 1, .replication_factor = 1}).error_code,
            ErrorCode::kNone);
  const std::string longer(250, 'n');
  EXPECT_EQ(create({.name = longer, .num_partitions = 1, .replication_factor = 1}).error_code,
            ErrorCode::kInvalidTopicException);
}

TEST_F(KafkaTopicsTest, ATopicThatIsThereAlreadyIsSaidToBe) {
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kTopicAlreadyExists);
}

TEST_F(KafkaTopicsTest, ATopicNamedTwiceInARequestIsCreatedByNeither) {
  std::vector topics{
      CreateTopicsRequest::Topic{.name = "a", .num_partitions = 1, .replication_factor = 1},
      CreateTopicsRequest::Topic{.name = "a", .num_partitions = 1, .replication_factor = 1}};
  const auto answer =
      client.call<CreateTopicsResponse>(7, CreateTopicsRequest{.topics = std::span(topics)});
  for (const auto& topic : answer->message.topics) {
    EXPECT_EQ(topic.error_code, ErrorCode::kInvalidRequest);
  }
  EXPECT_EQ(client.create_topic("a", 1), ErrorCode::kNone);
}

TEST_F(KafkaTopicsTest, ValidationAnswersAndCreatesNothing) {
  EXPECT_EQ(create({.name = "t", .num_partitions = 1, .replication_factor = 1}, true).error_code,
            ErrorCode::kNone);
  EXPECT_EQ(client.metadata({.name = "t"})->message.topics[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaTopicsTest, APartitionCountAndAnAssignmentContradictEachOther) {
  std::int32_t node = 1;
  CreateTopicsRequest::Topic::Assignment assignment{.broker_ids = std::span(&node, 1)};
  EXPECT_EQ(create({.name = "t",
                    .num_partitions = 1,
                    .replication_factor = 1,
                    .assignments = std::span(&assignment, 1)})
                .error_code,
            ErrorCode::kInvalidRequest);
}

TEST_F(KafkaTopicsTest, AnUnknownSettingIsAnInvalidConfiguration) {
  CreateTopicsRequest::Topic::Config config{.name = "no.such.thing", .value = "1"};
  EXPECT_EQ(create({.name = "t",
                    .num_partitions = 1,
                    .replication_factor = 1,
                    .configs = std::span(&config, 1)})
                .error_code,
            ErrorCode::kInvalidConfig);
}

TEST_F(KafkaTopicsTest, DeletingWhatIsNotThereIsUnknownByNameAndById) {
  Uuid unknown;
  unknown.bytes[0] = 9;
  EXPECT_EQ(remove({.name = "nowhere"}), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(remove({.name = std::nullopt, .topic_id = unknown}), ErrorCode::kUnknownTopicId);
}

TEST_F(KafkaTopicsTest, ATopicIsDeletedByItsId) {
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  EXPECT_EQ(remove({.name = std::nullopt, .topic_id = client.topic_id("t")}), ErrorCode::kNone);
  EXPECT_EQ(client.metadata({.name = "t"})->message.topics[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaTopicsTest, MetadataFindsATopicByItsIdOfNow) {
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  const Uuid old_id = client.topic_id("t");
  EXPECT_EQ(client.metadata({.topic_id = old_id, .name = std::nullopt})->message.topics[0].name,
            "t");
  ASSERT_EQ(client.delete_topic("t"), ErrorCode::kNone);
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  EXPECT_EQ(
      client.metadata({.topic_id = old_id, .name = std::nullopt})->message.topics[0].error_code,
      ErrorCode::kUnknownTopicId);
  EXPECT_NE(client.topic_id("t"), old_id);
}

TEST_F(KafkaTopicsTest, BeforeVersionTwelveMetadataNeedsAName) {
  const auto answer = client.metadata({.name = std::nullopt}, 11);
  EXPECT_EQ(answer->message.topics[0].error_code, ErrorCode::kInvalidRequest);
}

TEST_F(KafkaTopicsTest, NullAsksForAllTopicsAndAnEmptyListForNone) {
  ASSERT_EQ(client.create_topic("a", 1), ErrorCode::kNone);
  ASSERT_EQ(client.create_topic("b", 1), ErrorCode::kNone);
  const auto all = client.call<kafka::MetadataResponse>(
      12, MetadataRequest{.topics = kafka::Array<MetadataRequest::Topic>::null()});
  EXPECT_EQ(all->message.topics.size(), 2U);
  EXPECT_FALSE(all->message.topics.is_null());
  const auto none = client.call<kafka::MetadataResponse>(12, MetadataRequest{});
  EXPECT_EQ(none->message.topics.size(), 0U);
  EXPECT_EQ(none->message.brokers.size(), 1U);
  EXPECT_EQ(none->message.cluster_id->size(), 22U);
  EXPECT_EQ(none->message.controller_id, none->message.brokers[0].node_id);
}

TEST_F(KafkaTopicsTest, MetadataDoesNotCreateWhatMayNotBeCreated) {
  EXPECT_EQ(client.metadata({.name = "t"})->message.topics[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(client.metadata({.name = "a b"})->message.topics[0].error_code,
            ErrorCode::kInvalidTopicException);
}

}  // namespace
}  // namespace duolog::session

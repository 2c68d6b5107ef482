#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/metadata.h"
#include "net/kafka/partitions.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using TopicRequest = kafka::CreatePartitionsRequest::Topic;

struct Outcome {
  ErrorCode error = ErrorCode::kNetworkException;
  std::string message;
};

class KafkaCreatePartitionsTest : public testing::TestWithParam<std::size_t> {
 protected:
  KafkaCreatePartitionsTest() { EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone); }

  std::vector<Outcome> grow(std::vector<TopicRequest> topics, bool validate_only = false,
                            std::int16_t version = 3) {
    auto answer = client.call<kafka::CreatePartitionsResponse>(
        version,
        kafka::CreatePartitionsRequest{
            .topics = std::span(topics), .timeout_ms = 30'000, .validate_only = validate_only});
    std::vector<Outcome> outcomes;
    if (!answer) return outcomes;
    for (const auto& result : answer->message.results) {
      outcomes.push_back({result.error_code, std::string(result.error_message.value_or(""))});
    }
    return outcomes;
  }
  Outcome grow_to(std::int32_t count, std::int16_t version = 3) {
    return grow({{.name = "t", .count = count, .assignments = kNone}}, false, version)[0];
  }
  Outcome assign(std::int32_t count, std::vector<std::vector<std::int32_t>> places) {
    std::vector<TopicRequest::Assignment> assignments;
    for (auto& place : places) assignments.push_back({.broker_ids = std::span(place)});
    return grow({{.name = "t", .count = count, .assignments = std::span(assignments)}})[0];
  }
  std::size_t partitions_of(KafkaClient& asking, std::string_view name) {
    kafka::MetadataRequest::Topic topic{.name = name};
    auto answer = asking.call<kafka::MetadataResponse>(
        9, kafka::MetadataRequest{.topics = std::span(&topic, 1)});
    return answer ? answer->message.topics[0].partitions.size() : 0;
  }

  static constexpr auto kNone = kafka::Array<TopicRequest::Assignment>::null();
  static TestServerOptions options() {
    TestServerOptions all;
    all.shards = GetParam();
    all.broker.max_partitions_per_topic = 12;
    return all;
  }
  TestServer server{options()};
  KafkaClient client{server.port()};
};
INSTANTIATE_TEST_SUITE_P(Shards, KafkaCreatePartitionsTest, testing::Values(1, 2));

TEST_P(KafkaCreatePartitionsTest, NewPartitionsAreThereForEveryConnectionOnceAnswered) {
  for (std::int16_t version = 0; version <= 3; ++version) {
    ASSERT_EQ(grow_to(3 + version, version).error, ErrorCode::kNone);
    for (int i = 0; i < 4; ++i) {
      KafkaClient other(server.port());
      EXPECT_EQ(partitions_of(other, "t"), 3U + static_cast<std::size_t>(version));
      const auto produced = other.produce("t", 2 + version, batch_of({"x"}));
      EXPECT_EQ(produced.error_code, ErrorCode::kNone);
      EXPECT_EQ(produced.base_offset, Offset(i));
    }
  }
  server.restart();
  KafkaClient again(server.port());
  EXPECT_EQ(partitions_of(again, "t"), 6U);
  auto answer = again.fetch({.topic = "t", .partitions = {KafkaClient::from(5, 0)}});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(records_in(answer->message.responses[0].partitions[0]).size(), 4U);
}

TEST_P(KafkaCreatePartitionsTest, CountsThatAreNoIncreaseAreRefusedWithKafkasWords) {
  EXPECT_EQ(grow_to(2).error, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow_to(2).message, "Topic already has 2 partition(s).");
  EXPECT_EQ(grow_to(1).error, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow_to(1).message,
            "The topic t currently has 2 partition(s); 1 would not be an increase.");
  EXPECT_EQ(grow_to(13).error, ErrorCode::kInvalidPartitions) << "beyond the limit of a topic";
  EXPECT_EQ(grow({{.name = "none", .count = 3, .assignments = kNone}})[0].error,
            ErrorCode::kUnknownTopicOrPartition);
  const auto twice = grow({{.name = "t", .count = 3, .assignments = kNone},
                           {.name = "t", .count = 4, .assignments = kNone}});
  ASSERT_EQ(twice.size(), 1U);
  EXPECT_EQ(twice[0].error, ErrorCode::kInvalidRequest);
  EXPECT_EQ(partitions_of(client, "t"), 2U);
}

TEST_P(KafkaCreatePartitionsTest, AssignmentsMustNameTheOneBrokerOnceForEachNewPartition) {
  EXPECT_EQ(assign(4, {{1}}).error, ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(assign(4, {{1}}).message,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.");
  EXPECT_EQ(assign(3, {{}}).error, ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(assign(3, {{7}}).error, ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(assign(3, {{1, 1}}).error, ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(assign(2, {{7}}).error, ErrorCode::kInvalidPartitions) << "the count comes first";
  EXPECT_EQ(partitions_of(client, "t"), 2U);
  EXPECT_EQ(assign(4, {{1}, {1}}).error, ErrorCode::kNone);
  EXPECT_EQ(partitions_of(client, "t"), 4U);
}

TEST_P(KafkaCreatePartitionsTest, ValidationOnlyChecksAndChangesNothing) {
  EXPECT_EQ(grow({{.name = "t", .count = 5, .assignments = kNone}}, true)[0].error,
            ErrorCode::kNone);
  EXPECT_EQ(grow({{.name = "t", .count = 1, .assignments = kNone}}, true)[0].error,
            ErrorCode::kInvalidPartitions);
  EXPECT_EQ(partitions_of(client, "t"), 2U);
}

}  // namespace
}  // namespace duolog::session

// DescribeCluster and the pages of DescribeTopicPartitions.
#include "net/kafka/cluster.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using PageRequest = kafka::DescribeTopicPartitionsRequest;
using PageResponse = kafka::DescribeTopicPartitionsResponse;

struct KafkaClusterTest : testing::Test {
  std::unique_ptr<Answer<kafka::DescribeClusterResponse>> describe(
      std::int16_t version, kafka::DescribeClusterRequest request) {
    return client.call<kafka::DescribeClusterResponse>(version, request);
  }
  // "a:0,1 b:0 then b-1", or an error's name instead of partitions.
  std::string page(std::vector<PageRequest::Topic> topics, std::int32_t limit,
                   std::optional<kafka::PartitionCursor> cursor = {}) {
    const auto answer = client.call<PageResponse>(
        0, PageRequest{
               .topics = std::span(topics), .response_partition_limit = limit, .cursor = cursor});
    std::string text;
    for (const auto& topic : answer->message.topics) {
      text += (text.empty() ? "" : " ") + std::string(*topic.name) + ":";
      if (topic.error_code != ErrorCode::kNone) text += kafka::name(topic.error_code);
      for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
        text += (i ? "," : "") + std::to_string(topic.partitions[i].partition_index.value);
      }
    }
    if (const auto& next = answer->message.next_cursor) {
      text += " then " + std::string(next->topic_name) + "-" +
              std::to_string(next->partition_index.value);
    }
    return text;
  }
  void create_two() {
    EXPECT_EQ(client.create_topic("b", 3), ErrorCode::kNone);
    EXPECT_EQ(client.create_topic("a", 3), ErrorCode::kNone);
  }

  TestServer server;
  KafkaClient client{server.port()};
};

TEST_F(KafkaClusterTest, TheOneBrokerIsDescribedInEveryVersion) {
  for (std::int16_t version = 0; version <= 2; ++version) {
    const auto answer = describe(version, {.include_cluster_authorized_operations = true});
    const auto& cluster = answer->message;
    EXPECT_EQ(cluster.error_code, ErrorCode::kNone);
    EXPECT_EQ(cluster.cluster_id, server.cluster().cluster_id());
    EXPECT_EQ(cluster.controller_id, 1);
    ASSERT_EQ(cluster.brokers.size(), 1U);
    EXPECT_EQ(cluster.brokers[0].broker_id, 1);
    EXPECT_EQ(cluster.brokers[0].port, server.port());
    // Create, alter, describe, cluster action, describe and alter configs, idempotent write.
    EXPECT_EQ(cluster.cluster_authorized_operations, 0b1'1111'1010'0000);
  }
}

TEST_F(KafkaClusterTest, OtherEndpointsThanBrokersAreRefused) {
  EXPECT_EQ(describe(1, {.endpoint_type = 2})->message.error_code,
            ErrorCode::kMismatchedEndpointType);
  EXPECT_EQ(describe(1, {.endpoint_type = 7})->message.error_code,
            ErrorCode::kUnsupportedEndpointType);
}

TEST_F(KafkaClusterTest, APageEndsAtItsLimitAndTheNextBeginsThere) {
  create_two();
  EXPECT_EQ(page({{"b"}, {"a"}}, 2000), "a:0,1,2 b:0,1,2");
  EXPECT_EQ(page({}, 2000), "a:0,1,2 b:0,1,2");
  EXPECT_EQ(page({{"b"}, {"a"}}, 4), "a:0,1,2 b:0 then b-1");
  EXPECT_EQ(page({{"b"}, {"a"}}, 3), "a:0,1,2 then b-0");
  EXPECT_EQ(page({{"b"}, {"a"}}, 2, {{"a", PartitionId(1)}}), "a:1,2 then b-0");
  EXPECT_EQ(page({{"b"}, {"a"}}, 9, {{"b", PartitionId(1)}}), "b:1,2");
  EXPECT_EQ(page({{"b"}, {"a"}}, 9, {{"b", PartitionId(9)}}), "b:");
  EXPECT_EQ(page({}, 9, {{"aa", PartitionId(2)}}), "b:0,1,2");
  EXPECT_EQ(page({{"a"}}, 0), "a:0 then a-1");
}

TEST_F(KafkaClusterTest, APageSaysWhichTopicsAreNotThere) {
  create_two();
  EXPECT_EQ(page({{"a"}, {"never"}, {"bad/name"}}, 9),
            "a:0,1,2 bad/name:INVALID_TOPIC_EXCEPTION never:UNKNOWN_TOPIC_OR_PARTITION");
}

TEST_F(KafkaClusterTest, ACursorThatCannotBeIsRefused) {
  create_two();
  EXPECT_EQ(page({{"a"}, {"b"}}, 9, {{"a", PartitionId(-1)}}),
            "a:INVALID_REQUEST b:INVALID_REQUEST");
  EXPECT_EQ(page({{"a"}, {"b"}}, 9, {{"aa", PartitionId(0)}}),
            "a:INVALID_REQUEST b:INVALID_REQUEST");
}

TEST_F(KafkaClusterTest, TheServersLimitGoesWhateverTheRequestSays) {
  EXPECT_EQ(client.create_topic("many", 2001), ErrorCode::kNone);
  EXPECT_TRUE(page({{"many"}}, 1'000'000).ends_with(",1999 then many-2000"));
}

}  // namespace
}  // namespace duolog::session

// CreatePartitions and DeleteRecords over real sockets, with partitions on several shards.
#include <gtest/gtest.h>

#include "net/kafka/partitions.h"
#include "tests/unit/session/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

struct KafkaPartitionsTest : testing::TestWithParam<std::size_t> {
  KafkaPartitionsTest() { EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone); }

  ErrorCode grow(std::int32_t count, bool validate_only = false, std::string_view name = "t") {
    using Topic = kafka::CreatePartitionsRequest::Topic;
    Topic topic{
        .name = name, .count = count, .assignments = kafka::Array<Topic::Assignment>::null()};
    auto answer = client.call<kafka::CreatePartitionsResponse>(
        3, kafka::CreatePartitionsRequest{.topics = std::span(&topic, 1),
                                          .validate_only = validate_only});
    return answer->message.results[0].error_code;
  }
  kafka::DeleteRecordsResponse::Topic::Partition remove(std::int32_t partition,
                                                        std::int64_t offset) {
    kafka::DeleteRecordsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                    .offset = Offset(offset)};
    kafka::DeleteRecordsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    auto answer = client.call<kafka::DeleteRecordsResponse>(
        2, kafka::DeleteRecordsRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0];
  }
  ErrorCode fetch_error(std::int32_t partition, std::int64_t offset) {
    auto answer =
        client.fetch({.topic = "t", .partitions = {KafkaClient::from(partition, offset)}});
    return answer->message.responses[0].partitions[0].error_code;
  }

  TestServer server{TestServerOptions{.shards = GetParam()}};
  KafkaClient client{server.port()};
};

TEST_P(KafkaPartitionsTest, AGrownTopicTakesRecordsInEveryPartition) {
  EXPECT_EQ(grow(5), ErrorCode::kNone);
  for (int p = 0; p < 5; ++p) {
    EXPECT_EQ(client.produce("t", p, batch_of({"a"})).error_code, ErrorCode::kNone) << p;
    EXPECT_EQ(fetch_error(p, 0), ErrorCode::kNone) << p;
  }
  EXPECT_EQ(client.produce("t", 5, batch_of({"a"})).error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_P(KafkaPartitionsTest, ATopicNeverShrinksAndIsNotGrownByACheck) {
  EXPECT_EQ(grow(2), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow(1), ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow(4, false, "never-there"), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(grow(4, true), ErrorCode::kNone);
  EXPECT_EQ(fetch_error(2, 0), ErrorCode::kUnknownTopicOrPartition);
}

TEST_P(KafkaPartitionsTest, DeletedRecordsAreOutOfRangeAndTheRestStays) {
  for (int p = 0; p < 2; ++p) {
    client.produce("t", p, batch_of({"a", "b", "c"}));
    client.produce("t", p, batch_of({"d"}));
    EXPECT_EQ(remove(p, 2).low_watermark, Offset(2));
    EXPECT_EQ(fetch_error(p, 1), ErrorCode::kOffsetOutOfRange);
    EXPECT_EQ(fetch_error(p, 2), ErrorCode::kNone);
    EXPECT_EQ(remove(p, 1).low_watermark, Offset(2));  // it has moved further already
    EXPECT_EQ(remove(p, 5).error_code, ErrorCode::kOffsetOutOfRange);
    EXPECT_EQ(remove(p, -1).low_watermark, Offset(4));
    EXPECT_EQ(fetch_error(p, 3), ErrorCode::kOffsetOutOfRange);
    EXPECT_EQ(client.produce("t", p, batch_of({"e"})).base_offset, Offset(4));
  }
  EXPECT_EQ(remove(7, 0).error_code, ErrorCode::kUnknownTopicOrPartition);
}

INSTANTIATE_TEST_SUITE_P(Shards, KafkaPartitionsTest, testing::Values(1, 2));

}  // namespace
}  // namespace duolog::session

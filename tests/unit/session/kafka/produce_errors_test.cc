// Each way in which a Produce request is refused, with the code that Kafka gives.
#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using Batch = std::vector<std::uint8_t>;
namespace at = storage::batch_at;

struct KafkaProduceErrorsTest : testing::Test {
  KafkaProduceErrorsTest() { EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone); }

  // The code for a batch; whatever it is, the log is as it was and takes the next good batch.
  ErrorCode code_of(const Batch& batch, std::int16_t version = 9) {
    const ErrorCode code = client.produce("t", 0, batch, -1, version).error_code;
    const auto good = client.produce("t", 0, batch_of({"good"}));
    EXPECT_EQ(good.error_code, ErrorCode::kNone);
    EXPECT_EQ(good.base_offset, Offset(good_ones++));
    return code;
  }
  template <class T>
  static Batch with(std::size_t position, T value, bool right_crc = true) {
    Batch batch = batch_of({"a", "b", "c"});
    store_be<T>(batch.data() + position, value);
    if (right_crc) storage::store_crc(batch);
    return batch;
  }

  TestServer server;
  KafkaClient client{server.port()};
  std::int64_t good_ones = 0;
};

TEST_F(KafkaProduceErrorsTest, AWrongChecksumIsACorruptMessage) {
  EXPECT_EQ(code_of(with<std::uint32_t>(at::kCrc, 1, false)), ErrorCode::kCorruptMessage);
}

TEST_F(KafkaProduceErrorsTest, MoreThanOneBatchInAPartitionIsAnInvalidRecord) {
  Batch twice = batch_of({"a"});
  const Batch other = batch_of({"b"});
  twice.insert(twice.end(), other.begin(), other.end());
  EXPECT_EQ(code_of(twice), ErrorCode::kInvalidRecord);
}

TEST_F(KafkaProduceErrorsTest, NoBatchAtAllIsAnInvalidRecord) {
  EXPECT_EQ(code_of({}), ErrorCode::kInvalidRecord);
}

TEST_F(KafkaProduceErrorsTest, AControlBatchIsNotAClientsToWrite) {
  EXPECT_EQ(code_of(with<std::int16_t>(at::kAttributes, storage::kControlBit)),
            ErrorCode::kInvalidRecord);
}

TEST_F(KafkaProduceErrorsTest, OffsetDeltasThatDoNotFitTheCountAreAnInvalidRecord) {
  EXPECT_EQ(code_of(with<std::int32_t>(at::kLastOffsetDelta, 7)), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code_of(with<std::int32_t>(at::kRecordCount, 2)), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code_of(with<std::int32_t>(at::kRecordCount, -1)), ErrorCode::kInvalidRecord);
}

TEST_F(KafkaProduceErrorsTest, ZstdNeedsVersionSeven) {
  const Batch batch = batch_of({"a"}, 1000, storage::Codec::kZstd);
  EXPECT_EQ(code_of(batch, 6), ErrorCode::kUnsupportedCompressionType);
  EXPECT_EQ(client.produce("t", 0, batch, -1, 7).error_code, ErrorCode::kNone);
}

TEST(KafkaProduceTooLargeTest, WhatTheTopicAllowsAndTheMemoryDoesNotIsTooLarge) {
  TestServerOptions options;
  options.broker.topic_defaults.max_message_bytes = 2'147'483'647;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("large", 1), ErrorCode::kNone);
  const Batch batch = batch_of({std::string(5U << 20, 'x')});
  EXPECT_EQ(client.produce("large", 0, batch).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(client.produce("large", 0, batch_of({"a"})).error_code, ErrorCode::kNone);
  EXPECT_EQ(server.counters().batches_too_large.get(), 1U);
}

TEST_F(KafkaProduceErrorsTest, AcksOfTwoAreInvalid) {
  EXPECT_EQ(client.produce("t", 0, batch_of({"a"}), 2).error_code, ErrorCode::kInvalidRequiredAcks);
}

TEST_F(KafkaProduceErrorsTest, AnUnknownTopicIsNotCreated) {
  EXPECT_EQ(client.produce("nowhere", 0, batch_of({"a"})).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(client.produce("nowhere", 0, batch_of({"a"})).error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaProduceErrorsTest, PartitionsThatAreNotThereAreUnknown) {
  EXPECT_EQ(client.produce("t", 1, batch_of({"a"})).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(client.produce("t", -1, batch_of({"a"})).error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaProduceErrorsTest, ATopicCreatedAgainIsUnknownByItsOldId) {
  const auto produce_by_id = [&](const Uuid& id) {
    const Batch batch = batch_of({"a"});
    kafka::ProduceRequest::Topic::Partition p{.records = kafka::Records(Bytes(batch))};
    kafka::ProduceRequest::Topic t{.topic_id = id, .partition_data = std::span(&p, 1)};
    const auto answer = client.call<kafka::ProduceResponse>(
        13, kafka::ProduceRequest{.acks = -1, .timeout_ms = 1, .topic_data = std::span(&t, 1)});
    EXPECT_EQ(answer->message.responses[0].topic_id, id);
    return answer->message.responses[0].partition_responses[0].error_code;
  };
  const Uuid old_id = client.topic_id("t");
  EXPECT_EQ(produce_by_id(old_id), ErrorCode::kNone);
  ASSERT_EQ(client.delete_topic("t"), ErrorCode::kNone);
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  EXPECT_EQ(produce_by_id(old_id), ErrorCode::kUnknownTopicId);
  EXPECT_EQ(produce_by_id(client.topic_id("t")), ErrorCode::kNone);
}

TEST_F(KafkaProduceErrorsTest, OnePartitionsErrorIsNotTheOthers) {
  const Batch good = batch_of({"a"});
  std::vector partitions{kafka::ProduceRequest::Topic::Partition{
                             .index = PartitionId(5), .records = kafka::Records(Bytes(good))},
                         kafka::ProduceRequest::Topic::Partition{
                             .index = PartitionId(0), .records = kafka::Records(Bytes(good))}};
  kafka::ProduceRequest::Topic topic{.name = "t", .partition_data = std::span(partitions)};
  const auto answer = client.call<kafka::ProduceResponse>(
      9, kafka::ProduceRequest{.acks = -1, .topic_data = std::span(&topic, 1)});
  const auto& responses = answer->message.responses[0].partition_responses;
  EXPECT_EQ(responses[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(responses[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(responses[1].base_offset, Offset(0));
  EXPECT_EQ(responses[1].log_start_offset, Offset(0));
}

}  // namespace
}  // namespace duolog::session

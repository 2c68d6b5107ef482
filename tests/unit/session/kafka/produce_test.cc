// What becomes of the timestamps that a producer sends.
#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
namespace at = storage::batch_at;

struct KafkaProduceTest : testing::Test {
  KafkaProduceTest() { EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone); }

  // The batch, with another maximum and other attributes besides, and the right CRC.
  static std::vector<std::uint8_t> with(std::vector<std::uint8_t> batch, std::int64_t max_timestamp,
                                        std::uint16_t attributes = 0) {
    store_be<std::int64_t>(batch.data() + at::kMaxTimestamp, max_timestamp);
    auto* position = batch.data() + at::kAttributes;
    store_be<std::uint16_t>(
        position, static_cast<std::uint16_t>(load_be<std::uint16_t>(position) | attributes));
    storage::store_crc(batch);
    return batch;
  }
  // The header of the batch that the log keeps of it.
  storage::BatchHeader kept(const std::vector<std::uint8_t>& batch) {
    EXPECT_EQ(client.produce("t", 0, batch).error_code, ErrorCode::kNone);
    const auto answer = client.fetch({.topic = "t", .partitions = {KafkaClient::from(0, 0)}});
    const Bytes stored = answer->message.responses[0].partitions[0].records.bytes();
    EXPECT_TRUE(storage::crc_matches(stored));
    return *storage::parse_header(stored);
  }

  TestServer server;
  KafkaClient client{server.port()};
};

TEST_F(KafkaProduceTest, AWrongLatestTimestampIsPutRight) {
  EXPECT_EQ(kept(with(batch_of({"a", "b"}, 1000), 77)).max_timestamp, Timestamp(1001));
}

TEST_F(KafkaProduceTest, AMissingLatestTimestampOfACompressedBatchIsFilledIn) {
  const auto batch = batch_of({"a", "b"}, 1000, storage::Codec::kZstd);
  EXPECT_EQ(kept(with(batch, -1)).max_timestamp, Timestamp(1001));
}

TEST_F(KafkaProduceTest, TheTypeOfTimestampIsNotTheProducersToChoose) {
  const auto header = kept(with(batch_of({"a", "b"}, 1000), 77, storage::kLogAppendTimeBit));
  EXPECT_EQ(header.timestamp_type(), storage::TimestampType::kCreateTime);
  EXPECT_EQ(header.max_timestamp, Timestamp(1001));
}

// ---- Acks --------------------------------------------------------------------------------------

// One node: there is nothing that a leader could have and another not.
TEST_F(KafkaProduceTest, AnAckNeverComesBeforeTheRecordCanBeRead) {
  for (std::int64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(client.produce("t", 0, batch_of({"a"}), 1).error_code, ErrorCode::kNone);
    kafka::ListOffsetsRequest::Topic::Partition p{.timestamp = kafka::kLatestOffset};
    kafka::ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    const auto answer = client.call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    ASSERT_EQ(answer->message.topics[0].partitions[0].offset, Offset(i + 1));
  }
}

}  // namespace
}  // namespace duolog::session

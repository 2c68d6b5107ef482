// What the settings of a topic do to the records that are produced to it.
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/configs.h"
#include "net/kafka/offsets.h"
#include "net/kafka/topics.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TestServerOptions two_shards() {
  TestServerOptions options;
  options.shards = 2;
  options.broker.store.delete_delay_ms = 0;
  options.broker.store.tail_budget_bytes = 32 * storage::kMiB;
  options.broker.retention_check_interval_ms = 5;
  options.broker.topic_defaults.log.retention_ms = -1;
  return options;
}

struct KafkaTopicSettingsTest : testing::Test {
  void create(std::string_view name, std::string_view key, std::string_view value) {
    kafka::CreateTopicsRequest::Topic::Config config{.name = key, .value = value};
    kafka::CreateTopicsRequest::Topic topic{.name = name,
                                            .num_partitions = 2,
                                            .replication_factor = 1,
                                            .configs = std::span(&config, 1)};
    const auto answer = client.call<kafka::CreateTopicsResponse>(
        5, kafka::CreateTopicsRequest{.topics = std::span(&topic, 1)});
    EXPECT_EQ(answer->message.topics[0].error_code, ErrorCode::kNone);
  }
  void set(std::string_view name, std::string_view key, std::string_view value) {
    using Request = kafka::IncrementalAlterConfigsRequest;
    Request::Resource::Config config{.name = key, .value = value};
    Request::Resource resource{
        .resource_type = 2, .resource_name = name, .configs = std::span(&config, 1)};
    const auto answer = client.call<kafka::IncrementalAlterConfigsResponse>(
        1, Request{.resources = std::span(&resource, 1)});
    EXPECT_EQ(answer->message.responses[0].error_code, ErrorCode::kNone);
  }
  kafka::ListOffsetsResponse::Topic::Partition offset_of(std::string_view topic,
                                                         Timestamp timestamp,
                                                         std::int32_t partition = 0) {
    kafka::ListOffsetsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                  .timestamp = timestamp};
    kafka::ListOffsetsRequest::Topic t{.name = topic, .partitions = std::span(&p, 1)};
    const auto answer = client.call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0];
  }

  TestServer server{two_shards()};
  KafkaClient client{server.port()};
};

TEST_F(KafkaTopicSettingsTest, WithLogAppendTimeTheBrokerStampsEveryBatch) {
  create("t", "message.timestamp.type", "LogAppendTime");
  for (std::int32_t partition = 0; partition < 2; ++partition) {
    const std::int64_t before = now_ms();
    const auto codec = partition == 0 ? storage::Codec::kNone : storage::Codec::kZstd;
    const auto answer = client.produce("t", partition, batch_of({"a", "b"}, 1000, codec));
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    const Timestamp stamped = answer.log_append_time_ms;
    EXPECT_GE(stamped.value + 1000, before);  // a shard's clock is read once a turn
    EXPECT_LE(stamped.value, now_ms());
    const auto fetched =
        client.fetch({.topic = "t", .partitions = {KafkaClient::from(partition, 0)}});
    const Bytes kept = fetched->message.responses[0].partitions[0].records.bytes();
    EXPECT_TRUE(storage::crc_matches(kept));
    const auto header = storage::parse_header(kept);
    EXPECT_EQ(header->timestamp_type(), storage::TimestampType::kLogAppendTime);
    EXPECT_EQ(header->max_timestamp, stamped);
    EXPECT_EQ(offset_of("t", stamped, partition).offset, Offset(0));
    EXPECT_EQ(offset_of("t", stamped + 1, partition).offset, Offset(-1));
  }
}

TEST_F(KafkaTopicSettingsTest, WithCreateTimeNoTimeIsAnswered) {
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  EXPECT_EQ(client.produce("t", 0, batch_of({"a"})).log_append_time_ms, Timestamp(-1));
}

TEST_F(KafkaTopicSettingsTest, TheFutureEndsInAnHourUnlessTheTopicSaysOtherwise) {
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  constexpr std::int64_t kMinute = 60'000;
  EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, now_ms() + 59 * kMinute)).error_code,
            ErrorCode::kNone);
  const auto batch = batch_of({"a"}, now_ms() + 61 * kMinute);
  EXPECT_EQ(client.produce("t", 0, batch).error_code, ErrorCode::kInvalidTimestamp);
  set("t", "message.timestamp.after.max.ms", "9223372036854775807");
  EXPECT_EQ(client.produce("t", 0, batch).error_code, ErrorCode::kNone);
}

TEST_F(KafkaTopicSettingsTest, ThePastEndsWhereTheTopicSaysAndTheRecordsBeyondAreNamed) {
  create("t", "message.timestamp.before.max.ms", "60000");
  EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, now_ms() - 1000)).error_code, ErrorCode::kNone);
  const auto limit = now_ms() - 60'000;
  for (const auto codec : {storage::Codec::kNone, storage::Codec::kGzip}) {
    client.send_produce("t", 0, batch_of({"a", "b"}, limit - 100'000, codec));
    const auto answer = client.receive<kafka::ProduceResponse>(9);
    const auto& partition = answer->message.responses[0].partition_responses[0];
    EXPECT_EQ(partition.error_code, ErrorCode::kInvalidTimestamp);
    ASSERT_EQ(partition.record_errors.size(), 2U);
    EXPECT_EQ(partition.record_errors[1].batch_index, 1);
  }
}

TEST_F(KafkaTopicSettingsTest, APastWithoutALimitStillEndsWhereTheDifferenceHasNoPlace) {
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  for (const auto codec : {storage::Codec::kNone, storage::Codec::kGzip}) {
    EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, kFirst, codec)).error_code,
              ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, kFirst + 1, codec)).error_code,
              ErrorCode::kInvalidTimestamp);
    EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, 2 * now_ms() + kFirst, codec)).error_code,
              ErrorCode::kNone);
    EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, -1, codec)).error_code, ErrorCode::kNone);
  }
  create("appended", "message.timestamp.type", "LogAppendTime");
  EXPECT_EQ(client.produce("appended", 0, batch_of({"a"}, kFirst)).error_code, ErrorCode::kNone);
}

TEST_F(KafkaTopicSettingsTest, OnlyARecordWithoutATimestampIsNearAnyClock) {
  create("t", "message.timestamp.before.max.ms", "60000");
  EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, -1)).error_code, ErrorCode::kNone);
  for (const std::int64_t time : {std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(client.produce("t", 0, batch_of({"a"}, time)).error_code,
              ErrorCode::kInvalidTimestamp)
        << time;
  }
}

TEST_F(KafkaTopicSettingsTest, ABatchThatInflatesToTooMuchIsTooLarge) {
  create("compacted", "cleanup.policy", "compact");
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  auto batch = batch_of({"a"}, now_ms(), storage::Codec::kZstd);
  Buffer bomb;
  const std::vector<std::uint8_t> zeros(storage::kMaxInflatedBytes + 1);
  ASSERT_TRUE(storage::compress(storage::Codec::kZstd, zeros, bomb));
  batch.resize(storage::kBatchHeaderBytes);
  batch.insert(batch.end(), bomb.begin(), bomb.end());
  store_be<std::int32_t>(batch.data() + storage::batch_at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  storage::store_crc(batch);
  EXPECT_EQ(client.produce("compacted", 0, batch).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(client.produce("t", 0, batch).error_code, ErrorCode::kMessageTooLarge);
}

TEST_F(KafkaTopicSettingsTest, ASegmentIsSealedWhenItsIndexIsFull) {
  EXPECT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  set("t", "segment.index.bytes", "24");  // three entries, one every 4 KiB
  for (int i = 0; i < 12; ++i) {
    const auto batch = batch_of({std::string(5'000, 'x')});
    EXPECT_EQ(client.produce("t", 0, batch).base_offset, Offset(i));
  }
  EXPECT_EQ(server.segment_files("t"), 3U);
}

TEST_F(KafkaTopicSettingsTest, AChangedSegmentSizeGoesForTheLogsOfEveryShard) {
  EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone);
  const auto fill = [&] {
    for (int i = 0; i < 4; ++i) {
      for (std::int32_t p = 0; p < 2; ++p) {
        const auto batch = batch_of({std::string(600'000, 'x')});
        EXPECT_EQ(client.produce("t", p, batch).error_code, ErrorCode::kNone);
      }
    }
  };
  fill();
  EXPECT_EQ(server.segment_files("t"), 2U);
  set("t", "segment.bytes", "1048576");
  fill();
  EXPECT_EQ(server.segment_files("t"), 2U + 8U);
}

TEST_F(KafkaTopicSettingsTest, AChangedRetentionGoesForRecordsThatAreThereAlready) {
  EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone);
  for (std::int32_t p = 0; p < 2; ++p) {
    EXPECT_EQ(client.produce("t", p, batch_of({"old"}, 1000)).error_code, ErrorCode::kNone);
  }
  set("t", "retention.ms", "1000");
  for (std::int32_t p = 0; p < 2; ++p) {
    EXPECT_TRUE(
        eventually([&] { return offset_of("t", kafka::kEarliestOffset, p).offset == Offset(1); }));
  }
}

}  // namespace
}  // namespace duolog::session

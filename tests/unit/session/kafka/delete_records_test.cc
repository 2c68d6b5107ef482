// DeleteRecords and retention, as clients see them.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/offsets.h"
#include "net/kafka/partitions.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using From = KafkaClient;
using Asked = kafka::DeleteRecordsRequest::Topic::Partition;
using Deleted = kafka::DeleteRecordsResponse::Topic::Partition;

TestServerOptions with_small_tail(std::size_t shards) {
  TestServerOptions options;
  options.shards = shards;
  options.broker.store.delete_delay_ms = 0;
  options.broker.store.tail_budget_bytes = 32 * storage::kMiB;
  options.broker.retention_check_interval_ms = 5;
  options.broker.topic_defaults.log.retention_ms = -1;
  return options;
}

std::vector<Deleted> delete_records(KafkaClient& client, std::string_view topic,
                                    std::vector<Asked> asked, std::int16_t version = 2) {
  kafka::DeleteRecordsRequest::Topic t{.name = topic, .partitions = std::span(asked)};
  auto answer = client.call<kafka::DeleteRecordsResponse>(
      version, kafka::DeleteRecordsRequest{.topics = std::span(&t, 1), .timeout_ms = 30'000});
  if (!answer) return {};
  const auto& partitions = answer->message.topics[0].partitions;
  return {partitions.begin(), partitions.end()};
}
Deleted delete_records(KafkaClient& client, std::string_view topic, std::int64_t offset) {
  return delete_records(client, topic, {{PartitionId(0), Offset(offset)}})[0];
}

Offset earliest(KafkaClient& client, std::string_view topic, std::int32_t partition = 0) {
  kafka::ListOffsetsRequest::Topic::Partition p{.partition_index = PartitionId(partition),
                                                .timestamp = kafka::kEarliestOffset};
  kafka::ListOffsetsRequest::Topic t{.name = topic, .partitions = std::span(&p, 1)};
  auto answer = client.call<kafka::ListOffsetsResponse>(
      8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
  return answer ? answer->message.topics[0].partitions[0].offset : Offset(-1);
}

void create(KafkaClient& client, std::string_view topic, std::int32_t partitions,
            std::vector<std::pair<std::string_view, std::string_view>> configs = {}) {
  std::vector<kafka::CreateTopicsRequest::Topic::Config> given;
  for (const auto& [name, value] : configs) given.push_back({.name = name, .value = value});
  kafka::CreateTopicsRequest::Topic t{.name = topic,
                                      .num_partitions = partitions,
                                      .replication_factor = 1,
                                      .configs = std::span(given)};
  auto answer = client.call<kafka::CreateTopicsResponse>(
      5, kafka::CreateTopicsRequest{.topics = std::span(&t, 1)});
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->message.topics[0].error_code, ErrorCode::kNone);
}

// What one Fetch of partition 0 says.
struct Fetched {
  ErrorCode error = ErrorCode::kNetworkException;
  std::vector<FetchedRecord> records;
};
Fetched fetch(KafkaClient& client, std::string_view topic, std::int64_t offset,
              std::int32_t partition = 0) {
  auto answer = client.fetch(
      {.topic = topic, .partitions = {From::from(partition, offset)}, .max_wait_ms = 30'000});
  if (!answer) return {};
  const auto& found = answer->message.responses[0].partitions[0];
  return {found.error_code, records_in(found)};
}

class KafkaDeleteRecordsTest : public testing::TestWithParam<std::size_t> {
 protected:
  TestServer server{with_small_tail(GetParam())};
  KafkaClient client{server.port()};
};
INSTANTIATE_TEST_SUITE_P(Shards, KafkaDeleteRecordsTest, testing::Values(1, 2));

TEST_P(KafkaDeleteRecordsTest, DeletesInPartitionsOfSeveralShardsAtOnceAndForGood) {
  create(client, "t", 4);
  for (int p = 0; p < 4; ++p) client.produce("t", p, batch_of({"a", "b", "c"}));
  const auto deleted = delete_records(client, "t",
                                      {{PartitionId(0), Offset(1)},
                                       {PartitionId(1), Offset(-1)},
                                       {PartitionId(2), Offset(3)},
                                       {PartitionId(3), Offset(4)},
                                       {PartitionId(9), Offset(0)}});
  ASSERT_EQ(deleted.size(), 5U);
  EXPECT_EQ(deleted[0].low_watermark, Offset(1));
  EXPECT_EQ(deleted[1].low_watermark, Offset(3));
  EXPECT_EQ(deleted[2].low_watermark, Offset(3));
  EXPECT_EQ(deleted[3].error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(deleted[3].low_watermark, Offset(-1));
  EXPECT_EQ(deleted[4].error_code, ErrorCode::kUnknownTopicOrPartition);
  for (int round = 0; round < 2; ++round) {
    KafkaClient reader(server.port());
    EXPECT_EQ(earliest(reader, "t", 0), Offset(1));
    EXPECT_EQ(earliest(reader, "t", 1), Offset(3));
    EXPECT_EQ(earliest(reader, "t", 3), Offset(0));
    server.restart();
  }
}

TEST_P(KafkaDeleteRecordsTest, FetchingBelowTheStartIsOutOfRange) {
  create(client, "t", 1);
  for (const char* value : {"0", "1", "2"}) client.produce("t", 0, batch_of({value}));
  for (std::int16_t version = 0; version <= 2; ++version) {
    const auto deleted =
        delete_records(client, "t", {{PartitionId(0), Offset(version)}}, version)[0];
    EXPECT_EQ(deleted.error_code, ErrorCode::kNone);
    EXPECT_EQ(deleted.low_watermark, Offset(version));
  }
  const Fetched below = fetch(client, "t", 1);
  EXPECT_EQ(below.error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(earliest(client, "t"), Offset(2));
  const Fetched at = fetch(client, "t", 2);
  EXPECT_EQ(at.error, ErrorCode::kNone);
  EXPECT_EQ(at.records, (std::vector<FetchedRecord>{{2, "2"}}));
  // Lower than the start: nothing to do, and that is no error.
  EXPECT_EQ(delete_records(client, "t", 0).error_code, ErrorCode::kNone);
  EXPECT_EQ(delete_records(client, "t", 0).low_watermark, Offset(2));
  EXPECT_EQ(delete_records(client, "t", -2).error_code, ErrorCode::kOffsetOutOfRange);
}

TEST_P(KafkaDeleteRecordsTest, RefusesInternalAndUnknownTopics) {
  create(client, "__consumer_offsets", 1);
  EXPECT_EQ(delete_records(client, "__consumer_offsets", 0).error_code,
            ErrorCode::kInvalidTopicException);
  EXPECT_EQ(delete_records(client, "none", 0).error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST(KafkaDeleteRecordsPolicyTest, RefusesWhereOnlyCompactionRemovesRecords) {
  TestServerOptions options = with_small_tail(1);
  options.broker.topic_defaults.log.cleanup_delete = false;
  TestServer server(options);
  KafkaClient client(server.port());
  create(client, "t", 1);
  client.produce("t", 0, batch_of({"x"}));
  const Deleted refused = delete_records(client, "t", -1);
  EXPECT_EQ(refused.error_code, ErrorCode::kPolicyViolation);
  EXPECT_EQ(refused.low_watermark, Offset(-1));
  EXPECT_EQ(fetch(client, "t", 0).records.size(), 1U);
}

TEST_P(KafkaDeleteRecordsTest, AResponseThatIsHalfSentIsFinishedThoughItsSegmentsGo) {
  constexpr std::size_t kEach = 500'000;
  constexpr int kCount = 24;
  for (const char* topic : {"t", "other"}) {
    create(client, topic, 1, {{"segment.bytes", "1048576"}});
    for (int i = 0; i < kCount; ++i) {
      client.produce(topic, 0, batch_of({std::string(kEach, static_cast<char>('a' + i))}));
    }
  }
  // Each fetch is answered with a segment; none of it is read, so that most of it stays unsent.
  KafkaClient slow(server.port(), 4096);
  std::vector<std::int64_t> asked;
  for (std::int64_t offset = 0; offset < kCount; offset += 2) asked.push_back(offset);
  for (const std::int64_t offset : asked) {
    slow.send_fetch({.topic = "t", .partitions = {From::from(0, offset, 4 << 20)}});
  }
  const auto fetch_requests = [](const KafkaCounters& counters) -> const runtime::Counter& {
    return counters.requests[kafka::api_index(static_cast<std::int16_t>(kafka::ApiKey::kFetch))];
  };
  ASSERT_TRUE(eventually([&] { return server.sum(fetch_requests) >= asked.size(); }));
  EXPECT_EQ(delete_records(client, "t", -1).low_watermark, Offset(kCount));
  EXPECT_EQ(delete_records(client, "other", -1).low_watermark, Offset(kCount));
  // Those of which nothing is being sent go, and so would the others by now.
  ASSERT_TRUE(eventually([&] { return server.segment_files("other") == 1; }));
  EXPECT_GT(server.segment_files("t"), 1U);
  for (const std::int64_t offset : asked) {
    auto answer = slow.receive<kafka::FetchResponse>(12);
    ASSERT_NE(answer, nullptr);
    const auto records = records_in(answer->message.responses[0].partitions[0]);
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records[0].offset, offset);
    EXPECT_EQ(records[0].value, std::string(kEach, static_cast<char>('a' + offset)));
  }
  // Released, they go.
  EXPECT_TRUE(eventually([&] { return server.segment_files("t") == 1; }));
}

// The length of its response has been promised, and the rest is not there any more.
TEST_P(KafkaDeleteRecordsTest, WhoIsHalfThroughADeletedTopicsRecordsIsClosed) {
  create(client, "t", 1);
  for (int i = 0; i < 24; ++i) client.produce("t", 0, batch_of({std::string(500'000, 'x')}));
  KafkaClient slow(server.port(), 4096);
  for (std::int64_t offset = 0; offset < 24; offset += 2) {
    slow.send_fetch({.topic = "t", .partitions = {From::from(0, offset, 4 << 20)}});
  }
  const auto sent = [](const KafkaCounters& counters) -> const runtime::Counter& {
    return counters.bytes_out;
  };
  ASSERT_TRUE(eventually([&] { return server.sum(sent) > 100'000; }));
  std::string_view name = "t";
  auto deleted = client.call<kafka::DeleteTopicsResponse>(
      5, kafka::DeleteTopicsRequest{.topic_names = std::span(&name, 1)});
  ASSERT_NE(deleted, nullptr);
  EXPECT_EQ(deleted->message.responses[0].error_code, ErrorCode::kNone);
  const auto closed = [](const KafkaCounters& counters) -> const runtime::Counter& {
    return counters.closed[static_cast<std::size_t>(KafkaClose::kTopicDeleted)];
  };
  EXPECT_TRUE(eventually([&] { return server.sum(closed) == 1; }));
}

TEST_P(KafkaDeleteRecordsTest, RetentionPassesByReadersOfEveryShardWithoutHarm) {
  create(client, "t", 2, {{"segment.bytes", "1048576"}, {"retention.bytes", "2000000"}});
  KafkaClient readers[] = {KafkaClient(server.port()), KafkaClient(server.port())};
  std::int64_t next[] = {0, 0};
  int overtaken = 0;
  const auto read = [&](int which) {
    const Fetched fetched = fetch(readers[which], "t", next[which], which);
    if (fetched.error == ErrorCode::kOffsetOutOfRange) {
      const Offset start = earliest(readers[which], "t", which);
      ASSERT_GT(start, Offset(next[which]));
      next[which] = start.value;
      ++overtaken;
      return;
    }
    ASSERT_EQ(fetched.error, ErrorCode::kNone);
    for (const FetchedRecord& record : fetched.records) {
      ASSERT_EQ(record.offset, next[which]);
      ASSERT_EQ(record.value, std::string(300'000, static_cast<char>('a' + record.offset % 26)));
      ++next[which];
    }
  };
  // The readers are slower than what is written: one fetch for every other record.
  for (int i = 0; i < 60; ++i) {
    const std::string value(300'000, static_cast<char>('a' + i % 26));
    for (int p = 0; p < 2; ++p) client.produce("t", p, batch_of({value}));
    if (i % 4 == 3) {
      for (int p = 0; p < 2; ++p) ASSERT_NO_FATAL_FAILURE(read(p));
    }
    if (i % 20 == 19) {
      for (int p = 0; p < 2; ++p) {
        ASSERT_TRUE(eventually([&] { return earliest(client, "t", p) > Offset(i - 12); }));
      }
    }
  }
  for (int p = 0; p < 2; ++p) {
    while (next[p] < 60) ASSERT_NO_FATAL_FAILURE(read(p));
  }
  EXPECT_GT(overtaken, 0);
  EXPECT_TRUE(eventually([&] { return server.segment_files("t") <= 8; }));
}

TEST_P(KafkaDeleteRecordsTest, RecordsOlderThanRetentionMsGoAndTheLogGoesOn) {
  create(client, "t", 1, {{"retention.ms", "3600000"}});
  for (int i = 0; i < 3; ++i) client.produce("t", 0, batch_of({"old"}, 1000));  // of 1970
  ASSERT_TRUE(eventually([&] { return earliest(client, "t") == Offset(3); }));
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  client.produce("t", 0, batch_of({"new"}, now.count()));
  EXPECT_EQ(fetch(client, "t", 0).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(fetch(client, "t", 3).records, (std::vector<FetchedRecord>{{3, "new"}}));
  server.restart();
  KafkaClient again(server.port());
  EXPECT_EQ(fetch(again, "t", 3).records, (std::vector<FetchedRecord>{{3, "new"}}));
}

}  // namespace
}  // namespace duolog::session

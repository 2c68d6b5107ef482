#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using From = KafkaClient;

struct KafkaFetchTest : testing::Test {
  KafkaFetchTest() { EXPECT_EQ(client.create_topic("t", 4), ErrorCode::kNone); }
  [[nodiscard]] std::uint64_t parked() const {
    return server.sum(
        [](const KafkaCounters& c) -> const runtime::Counter& { return c.parked_fetches; });
  }
  static const kafka::FetchResponse::Topic::Partition& only(
      const std::unique_ptr<Answer<kafka::FetchResponse>>& answer) {
    return answer->message.responses[0].partitions[0];
  }
  // ListOffsets of partition 0.
  kafka::ListOffsetsResponse::Topic::Partition offset_at(std::int64_t time) {
    kafka::ListOffsetsRequest::Topic::Partition p{.timestamp = Timestamp(time)};
    kafka::ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    auto answer = client.call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    return answer ? answer->message.topics[0].partitions[0]
                  : kafka::ListOffsetsResponse::Topic::Partition{};
  }

  TestServer server{TestServerOptions{.shards = 3}};
  KafkaClient client{server.port()};
};

TEST_F(KafkaFetchTest, AParkedFetchIsWokenByWhatIsProduced) {
  client.send_fetch({.topic = "t",
                     .partitions = {From::from(0, 0), From::from(1, 0), From::from(2, 0)},
                     .max_wait_ms = 50'000});
  ASSERT_TRUE(eventually([&] { return parked() == 1; }));
  EXPECT_TRUE(client.silent());
  KafkaClient producer(server.port());
  producer.produce("t", 1, batch_of({"woken"}));
  auto answer = client.receive<kafka::FetchResponse>(12);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(records_in(answer->message.responses[0].partitions[1]).size(), 1U);
  EXPECT_EQ(parked(), 0U);
}

TEST_F(KafkaFetchTest, AnswersEmptyWhenTheTimeIsOver) {
  auto answer = client.fetch({.topic = "t", .partitions = {From::from(0, 0)}, .max_wait_ms = 20});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(only(answer).error_code, ErrorCode::kNone);
  EXPECT_EQ(only(answer).records.size_bytes(), 0U);
}

TEST_F(KafkaFetchTest, TheFirstBatchIsWholeWhateverTheLimits) {
  client.produce("t", 0, batch_of({std::string(50'000, 'x')}));
  client.produce("t", 0, batch_of({"y"}));
  client.produce("t", 1, batch_of({"z"}));
  auto answer = client.fetch(
      {.topic = "t", .partitions = {From::from(0, 0, 1), From::from(1, 0, 1)}, .max_bytes = 1});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(records_in(only(answer)).size(), 1U);
  EXPECT_EQ(answer->message.responses[0].partitions[1].records.size_bytes(), 0U);
}

TEST_F(KafkaFetchTest, AnswersErrorsAtOnce) {
  auto answer = client.fetch({.topic = "t",
                              .partitions = {From::from(0, 0), From::from(1, 5), From::from(9, 0)},
                              .max_wait_ms = 50'000});
  ASSERT_NE(answer, nullptr);
  const auto& partitions = answer->message.responses[0].partitions;
  EXPECT_EQ(partitions[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(partitions[1].error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(partitions[1].log_start_offset, Offset(-1));
  EXPECT_EQ(partitions[1].high_watermark, Offset(-1));
  EXPECT_EQ(partitions[2].error_code, ErrorCode::kUnknownTopicOrPartition);
  auto session = client.fetch(
      {.topic = "t", .partitions = {From::from(0, 0)}, .session_id = 7, .session_epoch = 1});
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->message.error_code, ErrorCode::kFetchSessionIdNotFound);
}

TEST_F(KafkaFetchTest, ADeletionAnswersAParkedFetch) {
  client.send_fetch({.topic = "t", .partitions = {From::from(0, 0)}, .max_wait_ms = 50'000});
  ASSERT_TRUE(eventually([&] { return parked() == 1; }));
  KafkaClient admin(server.port());
  std::string_view name = "t";
  auto deleted = admin.call<kafka::DeleteTopicsResponse>(
      1, kafka::DeleteTopicsRequest{.topic_names = std::span(&name, 1)});
  ASSERT_NE(deleted, nullptr);
  EXPECT_EQ(deleted->message.responses[0].error_code, ErrorCode::kNone);
  auto answer = client.receive<kafka::FetchResponse>(12);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(only(answer).error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaFetchTest, FindsTheOffsetOfATimeInsideACompressedBatch) {
  client.produce("t", 0, batch_of({"a", "b", "c"}, 1000, storage::Codec::kZstd));
  client.produce("t", 0, batch_of({"d", "e"}, 2000));
  EXPECT_EQ(offset_at(1001).offset, Offset(1));
  EXPECT_EQ(offset_at(1001).timestamp, Timestamp(1001));
  EXPECT_EQ(offset_at(1500).offset, Offset(3));
  EXPECT_EQ(offset_at(3000).offset, Offset(-1));
  EXPECT_EQ(offset_at(-1).offset, Offset(5));
  EXPECT_EQ(offset_at(-2).offset, Offset(0));
  EXPECT_EQ(offset_at(-3).offset, Offset(4));
  EXPECT_EQ(offset_at(-4).offset, Offset(0));
}

TEST_F(KafkaFetchTest, AnswersAfterARestartFromTheFiles) {
  for (int i = 0; i < 64; ++i) client.produce("t", 0, batch_of({std::string(100'000, 'c')}));
  server.restart();
  KafkaClient again(server.port());
  std::int64_t next = 0;
  while (next < 64) {
    auto answer =
        again.fetch({.topic = "t", .partitions = {From::from(0, next)}, .max_wait_ms = 30'000});
    ASSERT_NE(answer, nullptr);
    for (const FetchedRecord& record : records_in(only(answer))) {
      ASSERT_EQ(record.offset, next++);
      ASSERT_EQ(record.value.size(), 100'000U);
    }
  }
}

TEST_F(KafkaFetchTest, OneDamagedBatchIsACorruptMessageAndTheOthersAreRead) {
  constexpr int kCount = 20;
  for (int i = 0; i < kCount; ++i) {
    client.produce("t", 0, batch_of({std::string(100'000, 'c')}, 1000 + i));
  }
  client.produce("t", 1, batch_of({"of another"}));
  server.restart();  // so that nothing of it is left in a journal
  server.stop();
  const std::string path = server.directory() + "/topics/t-0/00000000000000000000.log";
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(7 * 100'079 + 50'000);  // within the eighth, whatever a batch's overhead is
    file.put('!');
    ASSERT_TRUE(file.good());
  }
  server.restart();
  KafkaClient again(server.port());
  int good = 0;
  for (std::int64_t offset = kCount; offset-- > 0;) {
    auto answer = again.fetch(
        {.topic = "t", .partitions = {From::from(0, offset, 1)}, .max_wait_ms = 30'000});
    ASSERT_NE(answer, nullptr);
    if (offset == 7) {
      EXPECT_EQ(only(answer).error_code, ErrorCode::kCorruptMessage);
      continue;
    }
    ASSERT_EQ(only(answer).error_code, ErrorCode::kNone) << offset;
    const auto records = records_in(only(answer));
    good += records.size() == 1 && records[0].offset == offset;
  }
  EXPECT_EQ(good, kCount - 1);
  auto both = again.fetch({.topic = "t", .partitions = {From::from(0, 7), From::from(1, 0)}});
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(only(both).error_code, ErrorCode::kCorruptMessage);
  EXPECT_EQ(records_in(both->message.responses[0].partitions[1]).size(), 1U);
  // In one go up to it.
  auto answer = again.fetch({.topic = "t", .partitions = {From::from(0, 0)}});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(records_in(only(answer)).size(), 7U);
  const auto time_at = [&](std::int64_t time) {
    kafka::ListOffsetsRequest::Topic::Partition p{.timestamp = Timestamp(time)};
    kafka::ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    auto listed = again.call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    return listed->message.topics[0].partitions[0];
  };
  EXPECT_EQ(time_at(1006).offset, Offset(6));
  EXPECT_EQ(time_at(1007).error_code, ErrorCode::kNone);
  EXPECT_EQ(time_at(1007).offset, Offset(8));
  EXPECT_EQ(time_at(-3).offset, Offset(kCount - 1));
}

}  // namespace
}  // namespace duolog::session

// What producers have compressed is looked into before it is stored: at once what is small, on a
// worker what is large, each in its place.
#include <chrono>
#include <latch>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/session/kafka/requests/batch_records.h"
#include "net/kafka/offsets.h"
#include "net/kafka/topics.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using storage::Codec;
using Batch = std::vector<std::uint8_t>;
namespace at = storage::batch_at;

constexpr Codec kCompressing[] = {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::int64_t clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Compresses a little, and is large whatever it is compressed with.
std::string long_text(std::size_t size = 300'000) {
  std::mt19937 random(7);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 20);
  return text;
}

Batch large(Codec codec, std::string_view last = "last") {
  return batch_of({long_text(), std::string(last)}, clock_ms(), codec);
}

Batch huge(Codec codec) { return batch_of({std::string(8U << 20, 'x')}, clock_ms(), codec); }

Batch small(Codec codec = Codec::kZstd, std::string_view value = "small") {
  return batch_of({std::string(value)}, clock_ms(), codec);
}

template <class T>
Batch changed(Batch batch, std::size_t position, T value) {
  store_be<T>(batch.data() + position, value);
  storage::store_crc(batch);
  return batch;
}

Batch cut(Batch batch, std::size_t bytes) {
  batch.resize(batch.size() - bytes);
  store_be<std::int32_t>(batch.data() + at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - storage::kBatchLengthEnd));
  storage::store_crc(batch);
  return batch;
}

Batch garbage_behind_magic(Batch batch) {
  std::uint8_t noise = 1;
  for (std::size_t i = storage::kBatchHeaderBytes + 12; i < batch.size(); ++i) {
    batch[i] = noise = static_cast<std::uint8_t>(noise * 151 + 7);
  }
  storage::store_crc(batch);
  return batch;
}

// Two records with these times.
Batch at_times(std::int64_t first, std::int64_t second, Codec codec, const std::string& value) {
  storage::RecordBatchBuilder builder(64 << 20);
  for (const std::int64_t time : {first, second}) {
    EXPECT_TRUE(builder.add({.timestamp = Timestamp(time), .value = as_bytes(value)}));
  }
  const MutableBytes plain = builder.finish();
  Buffer packed;
  EXPECT_TRUE(storage::compress(codec, plain.subspan(storage::kBatchHeaderBytes), packed));
  Batch batch(plain.begin(), plain.begin() + storage::kBatchHeaderBytes);
  batch.insert(batch.end(), packed.begin(), packed.end());
  store_be<std::uint16_t>(batch.data() + at::kAttributes, static_cast<std::uint16_t>(codec));
  return cut(std::move(batch), 0);
}

struct KafkaLookInsideTest : testing::Test {
  KafkaLookInsideTest() { EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone); }

  kafka::ListOffsetsResponse::Topic::Partition offset_of(std::int64_t timestamp) {
    kafka::ListOffsetsRequest::Topic::Partition p{.timestamp = Timestamp(timestamp)};
    kafka::ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    const auto answer = client.call<kafka::ListOffsetsResponse>(
        8, kafka::ListOffsetsRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0];
  }
  Offset end() { return offset_of(kafka::kLatestOffset.value).offset; }

  TestServer server;
  KafkaClient client{server.port()};
};

struct KafkaCompressedBatchesTest : KafkaLookInsideTest, testing::WithParamInterface<Codec> {};

INSTANTIATE_TEST_SUITE_P(Codecs, KafkaCompressedBatchesTest, testing::ValuesIn(kCompressing));

TEST_P(KafkaCompressedBatchesTest, WhatCannotBeInflatedIsRefusedAndNotStored) {
  std::uint64_t damaged = 0;
  for (const Batch& good : {small(GetParam(), "some words, and some words"), large(GetParam())}) {
    for (const Batch& bad : {garbage_behind_magic(good), cut(good, 1), cut(good, 5),
                             cut(good, (good.size() - storage::kBatchHeaderBytes) / 2)}) {
      const ErrorCode code = client.produce("t", 0, bad).error_code;
      // Snappy may make something of any bytes, which are no records then.
      if (GetParam() == Codec::kSnappy && code == ErrorCode::kInvalidRecord) continue;
      EXPECT_EQ(code, ErrorCode::kUnknownServerError);
      ++damaged;
    }
  }
  EXPECT_EQ(server.counters().batches_damaged.get(), damaged);
  EXPECT_EQ(end(), Offset(0));
  EXPECT_EQ(client.produce("t", 0, small(GetParam())).base_offset, Offset(0));
}

TEST_P(KafkaCompressedBatchesTest, WhatIsWrongInsideIsAnInvalidRecord) {
  for (const Batch& good : {small(GetParam()), large(GetParam())}) {
    const auto count = load_be<std::int32_t>(good.data() + at::kRecordCount);
    for (const std::int32_t claimed : {count + 1, count - 1, 2'147'483'647}) {
      if (claimed == 0) continue;
      const Batch bad =
          changed<std::int32_t>(changed<std::int32_t>(good, at::kRecordCount, claimed),
                                at::kLastOffsetDelta, claimed - 1);
      EXPECT_EQ(client.produce("t", 0, bad).error_code, ErrorCode::kInvalidRecord) << claimed;
    }
  }
  EXPECT_EQ(end(), Offset(0));
}

TEST_P(KafkaCompressedBatchesTest, ARecordFarAheadUnderAHeaderThatSaysNowIsNamed) {
  const std::int64_t now = clock_ms();
  for (const std::string& value : {std::string("v"), long_text()}) {
    const Batch bad =
        changed<std::int64_t>(at_times(now, 1LL << 60, GetParam(), value), at::kMaxTimestamp, now);
    client.send_produce("t", 0, bad);
    const auto answer = client.receive<kafka::ProduceResponse>(9);
    const auto& refused = answer->message.responses[0].partition_responses[0];
    EXPECT_EQ(refused.error_code, ErrorCode::kInvalidTimestamp);
    ASSERT_EQ(refused.record_errors.size(), 1U);
    EXPECT_EQ(refused.record_errors[0].batch_index, 1);
    EXPECT_TRUE(refused.record_errors[0].batch_index_error_message->starts_with(
        "Timestamp 1152921504606846976 of message with offset 1 is out of range. The timestamp "
        "should be within ["));
  }
}

TEST_P(KafkaCompressedBatchesTest, TheHeadersMaximumBecomesThatOfTheRecords) {
  std::int64_t time = clock_ms() - 1000;
  std::int64_t offset = 1;
  for (const std::string& value : {std::string("v"), long_text()}) {
    for (const std::int64_t said : {time, time + 700, std::int64_t{-1}}) {
      const Batch batch = changed<std::int64_t>(at_times(time, time + 5, GetParam(), value),
                                                at::kMaxTimestamp, said);
      EXPECT_EQ(client.produce("t", 0, batch).error_code, ErrorCode::kNone);
      EXPECT_EQ(offset_of(time + 1).offset, Offset(offset));
      EXPECT_EQ(offset_of(time + 6).offset, Offset(-1));
      time += 20;
      offset += 2;
    }
  }
}

TEST_F(KafkaLookInsideTest, ARecordBeforeAnyClockIsRefusedThoughTheLatestIsNow) {
  const std::int64_t now = clock_ms();
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const Batch bad = at_times(now, std::numeric_limits<std::int64_t>::min() + now, codec, "v");
    EXPECT_EQ(client.produce("t", 0, bad).error_code, ErrorCode::kInvalidTimestamp);
  }
}

TEST_F(KafkaLookInsideTest, NoMoreRecordsAreNamedThanAnAnswerMayHold) {
  const std::vector<std::string> values(kMostBadRecords + 5, "v");
  const Batch bad = batch_of(values, clock_ms() + (1LL << 50), Codec::kZstd);
  client.send_produce("t", 0, bad);
  const auto answer = client.receive<kafka::ProduceResponse>(9);
  const auto& refused = answer->message.responses[0].partition_responses[0];
  EXPECT_EQ(refused.error_code, ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(refused.record_errors.size(), kMostBadRecords);
}

// A request may hold thousands of batches: its answer is no longer for that.
TEST_F(KafkaLookInsideTest, NoMoreRecordsAreNamedInAllBatchesOfARequest) {
  const std::vector<std::string> values(kMostBadRecords - 10, "v");
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const Batch bad = batch_of(values, clock_ms() + (1LL << 50), codec);
    std::vector partitions(5, kafka::ProduceRequest::Topic::Partition{
                                  .index = PartitionId(0), .records = kafka::Records(Bytes(bad))});
    kafka::ProduceRequest::Topic topic{.name = "t", .partition_data = std::span(partitions)};
    const auto answer = client.call<kafka::ProduceResponse>(
        9, kafka::ProduceRequest{.acks = -1, .topic_data = std::span(&topic, 1)});
    std::size_t named = 0;
    for (const auto& refused : answer->message.responses[0].partition_responses) {
      EXPECT_EQ(refused.error_code, ErrorCode::kInvalidTimestamp);
      named += refused.record_errors.size();
    }
    EXPECT_EQ(named, kMostBadRecords);
  }
}

TEST_F(KafkaLookInsideTest, WhatOnlySomeReadersCanReadIsRefused) {
  // A window of 256 MiB, with one raw block.
  const Batch plain = small(Codec::kNone);
  Batch batch = small(Codec::kZstd);
  batch.resize(storage::kBatchHeaderBytes);
  const std::size_t size = plain.size() - storage::kBatchHeaderBytes;
  for (const std::size_t byte :
       {std::size_t{0x28}, std::size_t{0xB5}, std::size_t{0x2F}, std::size_t{0xFD}, std::size_t{0},
        std::size_t{18 << 3}, 1 | (size << 3), std::size_t{0}, std::size_t{0}}) {
    batch.push_back(static_cast<std::uint8_t>(byte));
  }
  batch.insert(batch.end(), plain.begin() + storage::kBatchHeaderBytes, plain.end());
  EXPECT_EQ(client.produce("t", 0, cut(batch, 0)).error_code, ErrorCode::kUnknownServerError);
  batch[storage::kBatchHeaderBytes + 5] = 17 << 3;
  EXPECT_EQ(client.produce("t", 0, cut(batch, 0)).error_code, ErrorCode::kNone);

  Batch lz4 = small(Codec::kLz4);
  const Batch again = lz4;
  lz4.insert(lz4.end(), again.begin() + storage::kBatchHeaderBytes, again.end());
  EXPECT_EQ(client.produce("t", 0, cut(lz4, 0)).error_code, ErrorCode::kUnknownServerError);
}

// ---- On a worker --------------------------------------------------------------------------------

// Nothing is looked into by these threads until `release`.
class HeldWorkers {
 public:
  explicit HeldWorkers(TestServer& server)
      : HeldWorkers(server.runtime().workers(), runtime::Settings{}.worker_threads) {}
  HeldWorkers(runtime::Janitor& workers, std::size_t count) {
    const auto threads = static_cast<std::ptrdiff_t>(count);
    std::latch held(threads);
    for (std::ptrdiff_t i = 0; i < threads; ++i) {
      workers.submit([&held, go = go_] {
        held.count_down();
        go->wait();
      });
    }
    held.wait();
  }
  ~HeldWorkers() { release(); }
  HeldWorkers(const HeldWorkers&) = delete;
  HeldWorkers& operator=(const HeldWorkers&) = delete;

  void release() {
    if (!released_) go_->count_down();
    released_ = true;
  }

 private:
  std::shared_ptr<std::latch> go_ = std::make_shared<std::latch>(1);
  bool released_ = false;
};

class KafkaCheckLineTest : public testing::TestWithParam<std::size_t> {
 protected:
  KafkaCheckLineTest() { EXPECT_EQ(client.create_topic("t", 2), ErrorCode::kNone); }

  static TestServerOptions options() {
    TestServerOptions options = with_shards(GetParam());
    options.broker.store.delete_delay_ms = 0;
    return options;
  }
  // Until so many batches are in lines.
  bool waiting(std::uint64_t count) {
    return eventually([&] {
      return server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
        return c.checks;
      }) == count;
    });
  }
  auto next_answer() {
    const auto answer = client.receive<kafka::ProduceResponse>(9);
    EXPECT_NE(answer, nullptr);
    return answer ? answer->message.responses[0].partition_responses[0]
                  : kafka::ProduceResponse::Topic::Partition{};
  }

  TestServer server{options()};
  KafkaClient client{server.port()};
};

INSTANTIATE_TEST_SUITE_P(Shards, KafkaCheckLineTest, testing::Values(1, 2));

TEST_P(KafkaCheckLineTest, NothingOfTheSameConnectionAndPartitionOvertakesALargeBatch) {
  HeldWorkers workers(server);
  client.send_produce("t", 0, large(Codec::kZstd));
  client.send_produce("t", 0, small(Codec::kZstd));
  client.send_produce("t", 0, small(Codec::kNone));
  client.send_produce("t", 0, large(Codec::kGzip));
  ASSERT_TRUE(waiting(4));
  EXPECT_TRUE(client.silent());
  // Another connection is not held, nor is another partition of this one.
  KafkaClient other(server.port());
  EXPECT_EQ(other.produce("t", 0, small()).base_offset, Offset(0));
  client.send_produce("t", 1, small());
  EXPECT_TRUE(eventually([&] {
    const auto read = other.fetch({.topic = "t", .partitions = {KafkaClient::from(1, 0)}});
    return read->message.responses[0].partitions[0].high_watermark == Offset(1);
  }));
  workers.release();
  for (const std::int64_t offset : {1, 3, 4, 5, 0}) {
    const auto answer = next_answer();
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    EXPECT_EQ(answer.base_offset, Offset(offset));
  }
  EXPECT_TRUE(waiting(0));
  EXPECT_EQ(
      server.sum([](const KafkaCounters& c) -> const runtime::Counter& { return c.checks_bytes; }),
      0U);
}

// A few KiB that inflate to tens of MiB, from many connections: they wait for each other, and
// nobody waits for them.
TEST_P(KafkaCheckLineTest, BatchesThatInflateToAThousandTimesTheirSizeHoldNoOthers) {
  HeldWorkers held(server.runtime().long_worker(), 1);
  const Batch bomb = huge(Codec::kZstd);
  std::vector<std::unique_ptr<KafkaClient>> bombers;
  for (std::uint64_t i = 0; i < 8; ++i) {
    bombers.push_back(std::make_unique<KafkaClient>(server.port()));
    bombers.back()->send_produce("t", 1, bomb);
  }
  ASSERT_TRUE(eventually([&] {
    return server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
      return c.batches_checked_long;
    }) == bombers.size();
  }));
  EXPECT_EQ(client.produce("t", 0, large(Codec::kZstd)).base_offset, Offset(0));
  for (auto& bomber : bombers) EXPECT_TRUE(bomber->silent());
  held.release();
  for (auto& bomber : bombers) {
    const auto answer = bomber->receive<kafka::ProduceResponse>(9);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.responses[0].partition_responses[0].error_code, ErrorCode::kNone);
  }
}

TEST_P(KafkaCheckLineTest, ARefusedBatchDoesNotHoldThoseBehindIt) {
  HeldWorkers workers(server);
  client.send_produce("t", 0, cut(large(Codec::kLz4), 7));
  client.send_produce("t", 0, small());
  ASSERT_TRUE(waiting(2));
  workers.release();
  EXPECT_EQ(next_answer().error_code, ErrorCode::kUnknownServerError);
  EXPECT_EQ(next_answer().base_offset, Offset(0));
}

TEST_P(KafkaCheckLineTest, WhatAConnectionHasSentBeforeItClosesIsAppended) {
  HeldWorkers workers(server);
  {
    KafkaClient gone(server.port());
    gone.send_produce("t", 0, large(Codec::kZstd));
    gone.send_produce("t", 0, small());
    ASSERT_TRUE(waiting(2));
  }
  workers.release();
  ASSERT_TRUE(waiting(0));
  EXPECT_TRUE(eventually([&] {
    const auto read = client.fetch({.topic = "t", .partitions = {KafkaClient::from(0, 0)}});
    return read->message.responses[0].partitions[0].high_watermark == Offset(3);
  }));
}

TEST_P(KafkaCheckLineTest, AResetConnectionStaysUntilItsBatchesAreBack) {
  HeldWorkers workers(server);
  {
    // The answer of the first cannot be sent: the connection is closed with the check under way.
    KafkaClient gone(server.port());
    gone.send_produce("t", 1, small());
    gone.send_produce("t", 0, large(Codec::kZstd));
    ASSERT_TRUE(waiting(1));
    gone.reset();
  }
  EXPECT_TRUE(eventually([&] {
    return server.closed(KafkaClose::kByPeer) + server.closed(KafkaClose::kSocketError) == 1;
  }));
  workers.release();
  ASSERT_TRUE(waiting(0));
  EXPECT_TRUE(eventually([&] {
    return server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
      return c.connections;
    }) == 1;
  }));
}

TEST_P(KafkaCheckLineTest, ATopicThatIsDeletedMeanwhileIsUnknown) {
  HeldWorkers workers(server);
  client.send_produce("t", 0, large(Codec::kZstd));
  client.send_produce("t", 0, small());
  client.send_produce("t", 1, large(Codec::kSnappy));
  ASSERT_TRUE(waiting(3));
  KafkaClient other(server.port());
  ASSERT_EQ(other.delete_topic("t"), ErrorCode::kNone);
  ASSERT_EQ(other.create_topic("t", 2), ErrorCode::kNone);
  ASSERT_TRUE(waiting(2));  // the small one has been handed back
  workers.release();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(next_answer().error_code, ErrorCode::kUnknownTopicOrPartition);
  }
  EXPECT_EQ(client.produce("t", 0, small()).base_offset, Offset(0));
}

TEST_P(KafkaCheckLineTest, AServerThatStopsWaitsForWhatIsAtAWorker) {
  HeldWorkers workers(server);
  client.send_produce("t", 0, large(Codec::kZstd));
  client.send_produce("t", 0, small());
  ASSERT_TRUE(waiting(2));
  std::thread stopping([&] { server.stop(); });
  workers.release();
  stopping.join();
  server.restart();
  // Whether they were answered before the log took no more, nobody knows; nothing is half there.
  KafkaClient again(server.port());
  const auto read = again.fetch({.topic = "t", .partitions = {KafkaClient::from(0, 0)}});
  const Offset end = read->message.responses[0].partitions[0].high_watermark;
  EXPECT_TRUE(end == Offset(0) || end == Offset(2) || end == Offset(3)) << end.value;
}

TEST_P(KafkaCheckLineTest, WithLogAppendTimeALargeBatchIsStampedToo) {
  kafka::CreateTopicsRequest::Topic::Config config{.name = "message.timestamp.type",
                                                   .value = "LogAppendTime"};
  kafka::CreateTopicsRequest::Topic topic{.name = "stamped",
                                          .num_partitions = 1,
                                          .replication_factor = 1,
                                          .configs = std::span(&config, 1)};
  (void)client.call<kafka::CreateTopicsResponse>(
      5, kafka::CreateTopicsRequest{.topics = std::span(&topic, 1)});
  const std::int64_t before = clock_ms();
  const auto answer = client.produce("stamped", 0, batch_of({long_text()}, 1000, Codec::kLz4));
  EXPECT_EQ(answer.error_code, ErrorCode::kNone);
  EXPECT_GE(answer.log_append_time_ms.value + 1000, before);
}

TEST_P(KafkaCheckLineTest, AShardLooksIntoOnlySoMuchWithinATurn) {
  constexpr std::int32_t kPartitions = 32;
  ASSERT_EQ(client.create_topic("many", kPartitions), ErrorCode::kNone);
  const Batch batch = batch_of({long_text(30'000)}, clock_ms(), Codec::kGzip);
  std::vector<kafka::ProduceRequest::Topic::Partition> partitions;
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    partitions.push_back({.index = PartitionId(p), .records = kafka::Records(Bytes(batch))});
  }
  kafka::ProduceRequest::Topic topic{.name = "many", .partition_data = std::span(partitions)};
  const auto answer = client.call<kafka::ProduceResponse>(
      9,
      kafka::ProduceRequest{.acks = -1, .timeout_ms = 30'000, .topic_data = std::span(&topic, 1)});
  for (const auto& partition : answer->message.responses[0].partition_responses) {
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.base_offset, Offset(0));
  }
  const auto by_worker = server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
    return c.batches_checked_by_worker;
  });
  EXPECT_EQ(by_worker, std::uint64_t{kPartitions} - (kTurnInflatedBytes / 30'000 + 1));
}

TEST(KafkaCheckBudgetTest, WhoHasBatchesAtWorkersIsNotReadWhileTheyAreTooMany) {
  TestServerOptions options;
  options.kafka.max_checked_bytes = 200'000;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  HeldWorkers workers(server);
  constexpr int kBatches = 8;
  for (int i = 0; i < kBatches; ++i) client.send_produce("t", 0, large(Codec::kZstd));
  ASSERT_TRUE(eventually([&] { return server.counters().stalled_checks.get() == 1; }));
  EXPECT_LT(server.counters().checks.get(), std::uint64_t{kBatches});
  KafkaClient other(server.port());
  EXPECT_EQ(other.produce("t", 0, small()).base_offset, Offset(0));
  workers.release();
  for (int i = 0; i < kBatches; ++i) {
    const auto answer = client.receive<kafka::ProduceResponse>(9);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.responses[0].partition_responses[0].base_offset, Offset(1 + 2 * i));
  }
  EXPECT_EQ(server.counters().checks_bytes.get(), 0U);
}

TEST(KafkaCheckBudgetTest, WhoseBatchesAreBackIsReadThoughThoseOfOthersAreTooMany) {
  TestServerOptions options;
  options.kafka.max_checked_bytes = 200'000;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 2), ErrorCode::kNone);
  HeldWorkers held(server.runtime().long_worker(), 1);
  const Batch bomb = huge(Codec::kZstd);
  std::vector<std::unique_ptr<KafkaClient>> bombers;
  for (std::uint64_t i = 0; i < 4; ++i) {
    bombers.push_back(std::make_unique<KafkaClient>(server.port()));
    bombers.back()->send_produce("t", 1, bomb);
  }
  const KafkaCounters& counters = server.counters();
  ASSERT_TRUE(eventually([&] { return counters.batches_checked_long.get() == bombers.size(); }));
  ASSERT_GT(counters.checks_bytes.get(), options.kafka.max_checked_bytes);
  const std::uint64_t stalled = counters.stalled_checks.get();
  {
    HeldWorkers workers(server);
    client.send_produce("t", 0, large(Codec::kZstd));
    client.send_produce("t", 0, large(Codec::kZstd));
    ASSERT_TRUE(eventually([&] { return counters.stalled_checks.get() == stalled + 1; }));
  }
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.receive<kafka::ProduceResponse>(9);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.responses[0].partition_responses[0].base_offset, Offset(2 * i));
  }
  for (auto& bomber : bombers) EXPECT_TRUE(bomber->silent());
}

TEST(KafkaInflatedLimitTest, WhatInflatesBeyondTheSettingIsTooLargeAndCounted) {
  TestServerOptions options;
  options.kafka.max_inflated_bytes = 1 << 20;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  for (const Codec codec : kCompressing) {
    const Batch bomb = batch_of({std::string(1 << 20, 'x')}, clock_ms(), codec);
    EXPECT_EQ(client.produce("t", 0, bomb).error_code, ErrorCode::kMessageTooLarge);
    const Batch fits = batch_of({std::string(1'000'000, 'x')}, clock_ms(), codec);
    EXPECT_EQ(client.produce("t", 0, fits).error_code, ErrorCode::kNone);
  }
  EXPECT_EQ(server.counters().batches_too_large.get(), 4U);
  EXPECT_EQ(server.counters().batches_inflated.get(), 4U);
}

}  // namespace
}  // namespace duolog::session

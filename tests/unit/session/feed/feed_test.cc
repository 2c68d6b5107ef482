// The plain feed, end to end over a loopback socket: records out.
#include <map>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

// Values that say which they are, of sizes from nothing much to a few KiB.
std::string numbered(int number) {
  return std::to_string(number) + ":" +
         std::string(static_cast<std::size_t>((number * 37) % 3000), 'v');
}

std::vector<std::optional<std::string>> numbered_run(int from, int count) {
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < count; ++i) values.emplace_back(numbered(from + i));
  return values;
}

TEST(FeedTest, PushesARecordThatIsAppendedAfterLatest) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("prices");
  ASSERT_EQ(fixture.append(first(topic), batch_of_values({"before"})), kafka::ErrorCode::kNone);
  FeedClient client(fixture, "/v1/topics/prices/ws?from=latest");
  ASSERT_TRUE(client.upgraded()) << client.response();
  ASSERT_EQ(fixture.append(first(topic), batch_of_values({"after"})), kafka::ErrorCode::kNone);
  EXPECT_EQ(client.message(), "after");
  client.close(1000);
  EXPECT_EQ(client.close_code(), 1000);
}

TEST(FeedTest, SendsTextWhereAValueIsUtf8AndBinaryElse) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"gr\xC3\xBC\xC3\x9F", "\xFF\xFE", "",
                                                      std::nullopt, std::string(70'000, 'x')}));
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest");
  auto event = client.next();
  EXPECT_EQ(event.opcode, ws::Opcode::kText);
  EXPECT_EQ(event.payload, "gr\xC3\xBC\xC3\x9F");
  event = client.next();
  EXPECT_EQ(event.opcode, ws::Opcode::kBinary);
  EXPECT_EQ(event.payload, "\xFF\xFE");
  event = client.next();
  EXPECT_EQ(event.opcode, ws::Opcode::kText);
  EXPECT_EQ(event.payload, "");
  // The null value is skipped.
  EXPECT_EQ(client.message(), std::string(70'000, 'x'));
}

TEST(FeedTest, SendsOnlyBinaryWhenAskedTo) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"text", "\xFF"}));
  FeedClient binary(fixture, "/v1/topics/t/ws?from=earliest&format=binary");
  FeedClient automatic(fixture, "/v1/topics/t/ws?from=earliest");
  EXPECT_EQ(binary.next().opcode, ws::Opcode::kBinary);
  EXPECT_EQ(binary.next().opcode, ws::Opcode::kBinary);
  EXPECT_EQ(automatic.next().opcode, ws::Opcode::kText);
  EXPECT_EQ(automatic.next().opcode, ws::Opcode::kBinary);
}

TEST(FeedTest, StartsAtARecordInTheMiddleOfABatchWithTombstones) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0", "1"}));
  (void)fixture.append(first(topic), batch_of_values({"2", std::nullopt, "4", "5"}));
  for (const auto& [offset, expected] :
       std::vector<std::pair<int, std::string>>{{0, "0"}, {1, "1"}, {2, "2"}, {3, "4"}, {5, "5"}}) {
    FeedClient client(fixture, "/v1/topics/t/ws?from=" + std::to_string(offset));
    EXPECT_EQ(client.message(), expected) << "from offset " << offset;
  }
}

TEST(FeedTest, ClosesWith4442WhenTheOffsetIsBeyondTheEnd) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0"}));
  FeedClient at_end(fixture, "/v1/topics/t/ws?from=1");
  FeedClient beyond(fixture, "/v1/topics/t/ws?from=2");
  EXPECT_EQ(beyond.close_code(), 4442);
  (void)fixture.append(first(topic), batch_of_values({"1"}));
  EXPECT_EQ(at_end.message(), "1");
}

class FeedCodecTest : public testing::TestWithParam<storage::Codec> {};

TEST_P(FeedCodecTest, PushesTheRecordsOfACompressedBatchInflatedOnceForAll) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values(numbered_run(0, 500), GetParam()));
  std::vector<std::unique_ptr<FeedClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<FeedClient>(fixture, "/v1/topics/t/ws?from=earliest"));
  }
  for (auto& client : clients) {
    for (int i = 0; i < 500; ++i) ASSERT_EQ(client->message(), numbered(i));
  }
  EXPECT_EQ(fixture.live_counters().batches_inflated.get(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Codecs, FeedCodecTest,
                         testing::Values(storage::Codec::kGzip, storage::Codec::kSnappy,
                                         storage::Codec::kLz4, storage::Codec::kZstd));

TEST(FeedTest, PassesOverABatchThatCannotBeReadAndTellsOfItOnce) {
  HttpPortSettings settings;
  settings.live.max_inflated_batch_bytes = 100'000;
  HttpFixture fixture(1, settings);
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"good"}));
  (void)fixture.append(first(topic),
                       batch_of_values({std::string(200'000, 'z')}, storage::Codec::kZstd));
  (void)fixture.append(first(topic), batch_of_values({"and on"}));
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest");
  FeedClient other(fixture, "/v1/topics/t/ws?from=earliest");
  for (FeedClient* each : {&client, &other}) {
    EXPECT_EQ(each->message(), "good");
    EXPECT_EQ(each->message(), "and on");
  }
  // The last of the log is passed over as well.
  (void)fixture.append(first(topic),
                       batch_of_values({std::string(300'000, 'z')}, storage::Codec::kGzip));
  (void)fixture.append(first(topic), batch_of_values({"behind it"}));
  EXPECT_EQ(client.message(), "behind it");
  EXPECT_EQ(other.message(), "behind it");
  EXPECT_EQ(fixture.live_counters().batches_damaged.get(), 2U);
  EXPECT_EQ(fixture.live_counters().batches_inflated.get(), 2U);
}

// Reads `count` numbered messages in small, random pieces.
void read_slowly(FeedClient& client, int from, int count, unsigned seed) {
  std::minstd_rand random(seed);
  for (int i = from; i < from + count; ++i) {
    ASSERT_EQ(client.message(1 + random() % 20'000), numbered(i)) << "message " << i;
  }
}

class FeedShardsTest : public testing::TestWithParam<std::size_t> {};

TEST_P(FeedShardsTest, DeliversAllInOrderAcrossSegmentsToSlowReadersOnEveryShard) {
  constexpr int kBatches = 60;
  constexpr int kEach = 25;
  HttpFixture fixture(GetParam());
  broker::Topic& topic = fixture.create("t", 1, {{"segment.bytes", "1048576"}});
  for (int i = 0; i < kBatches / 2; ++i) {
    ASSERT_EQ(fixture.append(first(topic), batch_of_values(numbered_run(i * kEach, kEach))),
              kafka::ErrorCode::kNone);
  }
  std::vector<std::thread> readers;
  for (std::size_t shard = 0; shard < GetParam(); ++shard) {
    readers.emplace_back([&fixture, shard] {
      FeedClient client(fixture, "/v1/topics/t/ws?from=earliest", shard, 4096);
      read_slowly(client, 0, kBatches * kEach, static_cast<unsigned>(shard) + 1);
    });
    readers.emplace_back([&fixture, shard] {
      FeedClient client(fixture, "/v1/topics/t/ws?from=333", shard, 4096);
      read_slowly(client, 333, kBatches * kEach - 333, static_cast<unsigned>(shard) + 7);
    });
  }
  for (int i = kBatches / 2; i < kBatches; ++i) {
    const auto codec = i % 3 == 0 ? storage::Codec::kLz4 : storage::Codec::kNone;
    ASSERT_EQ(fixture.append(first(topic), batch_of_values(numbered_run(i * kEach, kEach), codec)),
              kafka::ErrorCode::kNone);
  }
  for (auto& reader : readers) reader.join();
}

INSTANTIATE_TEST_SUITE_P(Shards, FeedShardsTest, testing::Values(1, 3));

TEST(FeedTest, ReadsFromDiskAfterARestart) {
  constexpr int kBatches = 40;
  HttpFixture fixture;
  {
    broker::Topic& topic = fixture.create("t", 1, {{"segment.bytes", "1048576"}});
    for (int i = 0; i < kBatches; ++i) {
      (void)fixture.append(first(topic), batch_of_values(numbered_run(i * 25, 25)));
    }
  }
  fixture.restart();
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest", 0, 4096);
  read_slowly(client, 0, kBatches * 25, 3);
  EXPECT_GT(fixture.live_counters().warm_ups.get(), 0U);
}

TEST(FeedTest, ReadsEveryPartitionEachInItsOrder) {
  HttpFixture fixture(3);
  broker::Topic& topic = fixture.create("t", 5);
  for (int i = 0; i < 100; ++i) {
    for (const auto& partition : topic.partitions) {
      (void)fixture.append(*partition, batch_of_values({std::to_string(partition->id.value) + "/" +
                                                        std::to_string(i)}));
    }
  }
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest", 1);
  std::map<char, int> next;
  for (int i = 0; i < 500; ++i) {
    const std::string message = client.message();
    ASSERT_EQ(std::stoi(message.substr(2)), next[message[0]]++);
  }
  EXPECT_EQ(next.size(), 5U);
}

// A send that begins with the rest of one partition's message and ends within another's; of which
// the kernel takes some.
TEST(FeedTest, ForgetsNoPartitionOfASlowReaderHoweverItsMessagesAreCut) {
  constexpr int kPartitions = 30;
  constexpr int kEach = 400;
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t", kPartitions);
  const auto append = [&](int from, int count) {
    for (const auto& partition : topic.partitions) {
      std::vector<std::optional<std::string>> values;
      for (int i = from; i < from + count; ++i) {
        values.emplace_back(std::to_string(partition->id.value) + "/" + std::to_string(i) + "/" +
                            std::string(static_cast<std::size_t>(280 + i * 7 % 100), 'v'));
      }
      ASSERT_EQ(fixture.append(*partition, batch_of_values(values)), kafka::ErrorCode::kNone);
    }
  };
  append(0, kEach);
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest", 0, 4096);
  std::map<std::string, int> next;
  std::minstd_rand random(5);
  const auto read = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const std::string message = client.message(1 + random() % 20'000);
      const std::size_t slash = message.find('/');
      ASSERT_EQ(std::stoi(message.substr(slash + 1)), next[message.substr(0, slash)]++);
    }
  };
  read(kPartitions * kEach);
  append(kEach, 1);
  read(kPartitions);
  EXPECT_EQ(next.size(), std::size_t{kPartitions});
}

TEST(FeedTest, AFeedOfTheWholeTopicReadsPartitionsThatAreAddedFromTheirFirstRecord) {
  HttpFixture fixture(3);
  broker::Topic& topic = fixture.create("t", 1);
  FeedClient whole(fixture, "/v1/topics/t/ws", 1);
  FeedClient one(fixture, "/v1/topics/t/ws?partition=0", 2);
  ASSERT_TRUE(whole.upgraded());
  ASSERT_TRUE(one.upgraded());
  fixture.add_partitions("t", 3);
  fixture.add_partitions("t", 5);
  std::vector<std::string> sent;
  for (const auto& partition : topic.partitions) {
    sent.push_back("partition " + std::to_string(partition->id.value));
    ASSERT_EQ(fixture.append(*partition, batch_of_values({sent.back()})), kafka::ErrorCode::kNone);
  }
  ASSERT_EQ(fixture.append(first(topic), batch_of_values({"last"})), kafka::ErrorCode::kNone);
  std::vector<std::string> received;
  for (std::size_t i = 0; i < 6; ++i) received.push_back(whole.message());
  sent.push_back("last");
  EXPECT_THAT(received, testing::UnorderedElementsAreArray(sent));
  EXPECT_EQ(one.message(), "partition 0");
  EXPECT_EQ(one.message(), "last");
}

TEST(FeedTest, AReaderThatStopsCostsNoMemoryAndHoldsUpNobody) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  FeedClient stopped(fixture, "/v1/topics/t/ws?from=earliest", 0, 4096);
  FeedClient reading(fixture, "/v1/topics/t/ws?from=earliest");
  ASSERT_TRUE(stopped.upgraded());
  const std::string value(10'000, 'r');
  for (int i = 0; i < 1'000; ++i) {  // 10 MB, of which the one that has stopped takes a little
    ASSERT_EQ(fixture.append(first(topic), batch_of_values({value})), kafka::ErrorCode::kNone);
    ASSERT_EQ(reading.message(), value);
  }
  EXPECT_GT(fixture.counters().short_sends.get(), 0U);
  // What the kernel took of the stopped one is bounded by its low-water mark and the peer's buffer.
  EXPECT_LT(fixture.ws_counters().bytes_pushed.get(), 10'100'000U + 400'000U);
  EXPECT_LT(fixture.live_counters().cache_bytes.get(), 2U << 20);
  // And it lost nothing.
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(stopped.message(), value);
}

TEST(FeedTest, FragmentsAValueOverTheLargestFrame) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  std::string large;
  for (int i = 0; large.size() < 900'000; ++i) large += std::to_string(i);
  (void)fixture.append(first(topic), batch_of_values({large, "small"}));
  FeedClient client(fixture, "/v1/topics/t/ws?from=earliest", 0, 4096);
  EXPECT_EQ(client.message(3'000), large);
  EXPECT_EQ(client.message(), "small");
}

TEST(FeedTest, DeletionClosesWith4404AndAFrameHalfSentIsFinishedFirst) {
  HttpFixture fixture(3);
  broker::Topic& topic = fixture.create("t", 2);
  const std::string value(200'000, 'd');
  (void)fixture.append(first(topic), batch_of_values({value, value, value}));
  FeedClient caught_up(fixture, "/v1/topics/t/ws", 1);
  FeedClient stopped(fixture, "/v1/topics/t/ws?from=earliest", 2, 4096);
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters(2).short_sends.get() > 0; }));
  const auto outcome = fixture.cluster().remove(topic.id, 1);
  ASSERT_EQ(outcome.error, kafka::ErrorCode::kNone);
  EXPECT_EQ(caught_up.close_code(), 4404);
  EXPECT_EQ(stopped.close_code(), 4404);  // every frame before it was whole, or this would be 1006
}

TEST(FeedTest, ASubscriberDoesNotGoOnIntoATopicCreatedAgain) {
  HttpFixture fixture;
  broker::Topic& old = fixture.create("t");
  FeedClient client(fixture, "/v1/topics/t/ws");
  (void)fixture.cluster().remove(old.id);
  broker::Topic& again = fixture.create("t");
  (void)fixture.append(first(again), batch_of_values({"new"}));
  EXPECT_EQ(client.next().close_code, 4404);
}

}  // namespace
}  // namespace duolog::session

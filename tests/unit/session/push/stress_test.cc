// duolog.v1.json with readers that fall behind: every byte of every message, whatever the kernel
// takes, and whatever happens to the log meanwhile.
#include <map>
#include <random>
#include <thread>

#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

// Values that say which they are, of sizes from a few bytes to several frames.
std::string numbered(int number, std::mt19937& random) {
  std::uniform_int_distribution<int> kind(0, 99);
  std::uniform_int_distribution<std::size_t> small(0, 300);
  std::uniform_int_distribution<std::size_t> large(20'000, 700'000);
  const std::size_t size = kind(random) == 0 ? large(random) : small(random);
  return std::to_string(number) + ":" + std::string(size, static_cast<char>('a' + number % 26));
}

TEST(PushStressTest, EveryRecordComesOnceInOrderHoweverLittleTheKernelTakes) {
  std::mt19937 random(7);
  HttpFixture fixture(2);
  broker::Topic& topic = fixture.create("t", 3);
  constexpr int kBatches = 120;
  std::map<int, std::vector<std::string>> expected;
  const auto fill = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const int partition = i % 3;
      std::vector<std::optional<std::string>> values;
      for (int n = 0; n < 1 + i % 9; ++n) {
        values.emplace_back(numbered(static_cast<int>(expected[partition].size()), random));
        expected[partition].push_back(*values.back());
      }
      const auto codec = i % 4 == 0 ? storage::Codec::kLz4 : storage::Codec::kNone;
      ASSERT_EQ(
          fixture.append(*topic.partition(PartitionId(partition)), batch_of_values(values, codec)),
          kafka::ErrorCode::kNone);
    }
  };
  fill(0, kBatches / 2);
  PushClient client(fixture, 0, 2048);
  (void)client.command("subscribe", {{"sid", 1}, {"topic", "t"}, {"from", "earliest"}});
  (void)client.command("subscribe",
                       {{"sid", 2}, {"topic", "t"}, {"from", "earliest"}, {"partitions", {1}}});
  fill(kBatches / 2, kBatches);
  std::map<std::pair<int, int>, std::vector<std::string>> got;
  std::map<std::pair<int, int>, std::int64_t> next;
  std::size_t left = expected[0].size() + 2 * expected[1].size() + expected[2].size();
  std::uniform_int_distribution<std::size_t> bite(1, 6000);
  while (left > 0) {
    const FeedClient::Event event = client.ws().next(bite(random));
    ASSERT_EQ(event.kind, ws::FrameEvent::Kind::kMessage) << event.close_code;
    const Json object = Json::parse(event.payload);
    if (!object.contains("records")) continue;
    const Json& records = object["records"];
    const std::pair<int, int> key = {records["sid"], records["partition"]};
    ASSERT_EQ(records["base"], std::to_string(next[key]));
    for (const Json& item : records["items"]) {
      ASSERT_EQ(item["o"], std::to_string(next[key]++));
      got[key].push_back(item["value"]);
      --left;
    }
    ASSERT_EQ(records["next"], std::to_string(next[key]));
  }
  EXPECT_EQ((got[{1, 0}]), expected[0]);
  EXPECT_EQ((got[{1, 1}]), expected[1]);
  EXPECT_EQ((got[{1, 2}]), expected[2]);
  EXPECT_EQ((got[{2, 1}]), expected[1]);
  EXPECT_GT(fixture.counters().short_sends.get(), 10U);
}

TEST(PushStressTest, AHalfSentMessageIsCompletedThoughRetentionTookItsBatch) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t", 1, {{"segment.bytes", "1048576"}});
  const std::string large(700'000, 'x');
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(fixture.append(first(topic), batch_of_values({large})), kafka::ErrorCode::kNone);
  }
  PushClient client(fixture, 0, 2048);
  (void)client.command("subscribe", {{"sid", 1}, {"topic", "t"}, {"from", "earliest"}});
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters().short_sends.get() > 0; }));
  const auto moved = fixture.cluster().move_log_starts({{topic.id, PartitionId(0), Offset(9)}});
  ASSERT_EQ(moved[0].start, Offset(9));
  (void)client.receive();  // subscribed
  const Json half = client.push();
  ASSERT_TRUE(half.contains("records")) << half.dump().substr(0, 200);
  EXPECT_EQ(half["records"]["items"][0]["value"].get<std::string>(), large);
  // Then it is told what it has missed, and goes on behind it.
  Json gap = client.push();
  while (gap.contains("records")) gap = client.push();
  EXPECT_EQ(gap["gap"]["to"], "9");
  EXPECT_EQ(client.push()["records"]["base"], "9");
}

TEST(PushStressTest, ATopicDeletedUnderAHalfSentMessageLeavesTheConnectionWhole) {
  HttpFixture fixture;
  broker::Topic& gone = fixture.create("gone");
  fixture.create("stays");
  const std::string large(900'000, 'x');
  ASSERT_EQ(fixture.append(first(gone), batch_of_values({large})), kafka::ErrorCode::kNone);
  PushClient client(fixture, 0, 2048);
  (void)client.command("subscribe", {{"sid", 1}, {"topic", "gone"}, {"from", "earliest"}});
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters().short_sends.get() > 0; }));
  (void)fixture.cluster().remove(gone.id);
  (void)client.receive();  // subscribed
  const Json half = client.receive();
  ASSERT_TRUE(half.contains("records"));
  EXPECT_EQ(half["records"]["items"][0]["value"].get<std::string>(), large);
  EXPECT_EQ(client.push()["unsub"]["sid"], 1);
  EXPECT_TRUE(client.subscribe(2, "stays").contains("subscribed"));
}

TEST(PushStressTest, SubscribingAndUnsubscribingDuringABroadcastLosesNothingOfTheOthers) {
  HttpFixture fixture(2);
  broker::Topic& topic = fixture.create("t", 2);
  PushClient steady(fixture, 0);
  (void)steady.subscribe(1, "t");
  std::atomic<bool> stop{false};
  std::thread restless([&] {
    PushClient client(fixture, 0);
    for (int i = 0; !stop; ++i) {
      (void)client.command("subscribe", {{"sid", i}, {"topic", "t"}, {"from", "-5"}});
      (void)client.command("unsubscribe", {{"sid", i}});
      // Read what has come, so that it goes on.
      for (int n = 0; n < 2; ++n) (void)client.receive();
    }
  });
  constexpr int kRecords = 2'000;
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(
        fixture.append(*topic.partition(PartitionId(i % 2)), batch_of_values({std::to_string(i)})),
        kafka::ErrorCode::kNone);
  }
  auto got = steady.values(kRecords);
  stop = true;
  restless.join();
  std::vector<std::string> expected;
  for (int i = 0; i < kRecords; ++i) expected.push_back(std::to_string(i));
  std::ranges::sort(got);
  std::ranges::sort(expected);
  EXPECT_EQ(got, expected);
}

TEST(PushStressTest, ConnectionsThatEndInEveryStateLeaveNothingBehind) {
  HttpFixture fixture(2);
  broker::Topic& topic = fixture.create("t", 2);
  for (int i = 0; i < 50; ++i) {
    (void)fixture.append(first(topic), batch_of_values({std::string(20'000, 'x')}));
  }
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    PushClient client(fixture, static_cast<std::size_t>(round % 2), 2048);
    (void)client.command("subscribe", {{"sid", 1}, {"topic", "t"}, {"from", "earliest"}});
    (void)client.command("publish", {{"topic", "t"}, {"records", {{{"value", "x"}}}}});
    (void)client.command("subscribe", {{"sid", 2}, {"topic", "t"}, {"from", {{"timestamp", 1}}}});
    (void)client.command(
        "publish", {{"topic", "new" + std::to_string(round)}, {"records", {{{"value", "x"}}}}});
    for (int n = static_cast<int>(random() % 4); n > 0; --n) (void)client.receive();
    if (random() % 2 == 0) {
      const linger reset{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(client.ws().http().descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
  }
  EXPECT_TRUE(HttpFixture::eventually([&] {
    return fixture.counters(0).connections_open.get() == 0 &&
           fixture.counters(1).connections_open.get() == 0;
  }));
  EXPECT_EQ(fixture.push_counters(0).subscriptions_open.get(), 0U);
  EXPECT_EQ(fixture.push_counters(1).subscriptions_open.get(), 0U);
}

}  // namespace
}  // namespace duolog::session

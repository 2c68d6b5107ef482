// duolog.v1.json with clients and producers that ask for more than their share.
#include <chrono>
#include <thread>

#include "engine/session/push/batch.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

bool has_input(PushClient& client) {
  pollfd entry{.fd = client.ws().descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

TEST(PushShareTest, ABatchThatClaimsMoreRecordsThanItHasTakesNoMemoryForThem) {
  std::vector<std::uint8_t> batch = batch_of_values({"one"}, storage::Codec::kLz4);
  constexpr std::int32_t kClaimed = 0x7FFF'FFFF;
  store_be<std::int32_t>(batch.data() + storage::batch_at::kRecordCount, kClaimed);
  store_be<std::int32_t>(batch.data() + storage::batch_at::kLastOffsetDelta, kClaimed - 1);
  storage::store_crc(batch);
  const auto header = storage::parse_header(batch);
  ASSERT_TRUE(header.has_value());
  PushBatch encoded;
  EncodeScratch scratch;
  const auto done = encoded.encode(*header, batch, PushBatch::Format::kJson, 64U << 20, scratch);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::kCorrupt);
  EXPECT_LT(encoded.memory_bytes(), 1U << 20);
}

// However slow the machine is, nothing comes in between.
HttpPortSettings patient() {
  HttpPortSettings settings;
  constexpr std::uint64_t kHourMs = 3'600'000;
  settings.push.heartbeat_ms = settings.push.hello_timeout_ms = kHourMs;
  WsSettings& websocket = settings.websocket;
  websocket.ping_after_ms = websocket.message_timeout_ms = kHourMs;
  websocket.write_timeout_ms = websocket.close_timeout_ms = kHourMs;
  return settings;
}

TEST(PushShareTest, AMessageOfExpensiveCommandsLeavesTurnsToOthers) {
  HttpFixture fixture(1, patient());
  fixture.create("wide", 5'000);
  PushClient hungry(fixture);
  PushClient other(fixture);
  constexpr int kCommands = 10'000;
  std::string many;
  for (int i = 0; i < kCommands; ++i) {
    many += R"({"id":)" + std::to_string(i) +
            R"(,"subscribe":{"sid":1,"topic":"wide","from":"5"}})" + "\n";
  }
  hungry.ws().send(ws::Opcode::kText, many);
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.push_counters().commands.get() > 0; }));
  EXPECT_TRUE(other.call("ping", Json::object()).contains("pong"));
  EXPECT_LT(fixture.push_counters().commands.get(), kCommands);
  for (int i = 0; i < kCommands; ++i) {
    const Json answer = hungry.receive();
    ASSERT_EQ(answer["id"], i);
    ASSERT_EQ(answer["error"]["code"], 107);
  }
}

TEST(PushShareTest, ASearchInManyPartitionsLeavesTurnsToOthers) {
  HttpFixture fixture;
  constexpr int kPartitions = 40;
  broker::Topic& topic = fixture.create("t", kPartitions);
  const auto batch = batch_of_values({std::string(32U << 20, '0'), "last"}, storage::Codec::kZstd);
  for (broker::Partition* partition : topic.partitions) {
    ASSERT_EQ(fixture.append(*partition, batch), kafka::ErrorCode::kNone);
  }
  PushClient hungry(fixture);
  PushClient other(fixture);
  const std::uint64_t before = fixture.push_counters().commands.get();
  const int id = hungry.command(
      "subscribe",
      {{"sid", 1}, {"topic", "t"}, {"from", {{"timestamp", 1}}}, {"credit", {{"records", 0}}}});
  ASSERT_TRUE(
      HttpFixture::eventually([&] { return fixture.push_counters().commands.get() > before; }));
  EXPECT_TRUE(other.call("ping", Json::object()).contains("pong"));
  EXPECT_FALSE(has_input(hungry));
  const Json subscribed = hungry.answer(id)["subscribed"];
  ASSERT_EQ(subscribed["positions"].size(), std::size_t{kPartitions});
  for (const Json& position : subscribed["positions"]) EXPECT_EQ(position["next"], "0");
}

TEST(PushShareTest, WhatCameBeforeACloseIsDoneThoughItTakesManyTurns) {
  HttpFixture fixture(1, patient());
  fixture.create("wide", 5'000);
  broker::Topic& topic = fixture.create("t");
  PushClient client(fixture);
  constexpr int kCommands = 2'000;
  std::string many;
  for (int i = 0; i < kCommands; ++i) {
    many += R"({"id":1,"subscribe":{"sid":1,"topic":"wide","from":"5"}})"
            "\n"
            R"({"id":2,"publish":{"topic":"t","records":[{"value":"x"}],"ack":"none"}})"
            "\n";
  }
  client.ws().send(ws::Opcode::kText, many);
  client.ws().close(1000);
  EXPECT_EQ(client.ws().close_code(), 1000);
  EXPECT_EQ(first(topic).log->high_watermark().offset, Offset(kCommands));
}

TEST(PushShareTest, WhatCameBeforeTheEndOfTheSocketIsDoneThoughItTakesManyTurns) {
  HttpFixture fixture;
  fixture.create("wide", 5'000);
  broker::Topic& topic = fixture.create("t");
  PushClient client(fixture);
  constexpr int kCommands = 2'000;
  std::string many;
  for (int i = 0; i < kCommands; ++i) {
    many += R"({"id":1,"subscribe":{"sid":1,"topic":"wide","from":"5"}})"
            "\n"
            R"({"id":2,"publish":{"topic":"t","records":[{"value":"x"}],"ack":"none"}})"
            "\n";
  }
  client.ws().send(ws::Opcode::kText, many);
  ::shutdown(client.ws().descriptor(), SHUT_WR);
  EXPECT_EQ(client.ws().close_code(), 1006);
  EXPECT_TRUE(HttpFixture::eventually(
      [&] { return first(topic).log->high_watermark().offset == Offset(kCommands); }));
}

TEST(PushShareTest, PublishesThatWaitForThoseBeforeThemAreAllAnswered) {
  HttpPortSettings settings;
  settings.live.max_unacked_bytes = 64U << 10;
  HttpFixture fixture(1, settings);
  broker::Topic& topic = fixture.create("t", 100);
  PushClient client(fixture);
  std::string many;
  constexpr int kCommands = 6'000;
  for (int i = 0; i < kCommands; ++i) {
    many += R"({"id":)" + std::to_string(i) +
            R"(,"publish":{"topic":"t","records":[{"partition":)" + std::to_string(i % 100) +
            R"(,"value":"x"}]}})" + "\n";
  }
  client.ws().send(ws::Opcode::kText, many);
  for (int i = 0; i < kCommands; ++i) {
    ASSERT_TRUE(client.receive().contains("published"));
  }
  std::int64_t written = 0;
  for (const broker::Partition* partition : topic.partitions) {
    written += partition->log->high_watermark().offset.value;
  }
  EXPECT_EQ(written, kCommands);
  EXPECT_GT(fixture.live_counters().publish_pauses.get(), 0U);
}

TEST(PushShareTest, WhatIsPublishedToANewTopicBeforeACloseIsWritten) {
  HttpFixture fixture;
  for (int round = 0; round < 20; ++round) {
    const std::string name = "new" + std::to_string(round);
    PushClient client(fixture);
    const Json publish = {{"id", 1},
                          {"publish", {{"topic", name}, {"records", {{{"value", "x"}}}}}}};
    client.ws().http().send(masked(ws::Opcode::kText, publish.dump()) +
                            masked(ws::Opcode::kClose, std::string("\x03\xE8", 2)));
    EXPECT_EQ(client.ws().close_code(), 1000);
    broker::Topic* topic = nullptr;
    fixture.cluster().runtime().run_on_and_wait(
        ShardId(0), [&](runtime::Shard&) { topic = fixture.port().live().broker().find(name); });
    ASSERT_NE(topic, nullptr);
    EXPECT_EQ(first(*topic).log->high_watermark().offset, Offset(1));
  }
}

TEST(PushShareTest, EncodingForOneReaderLeavesTurnsToOthers) {
  HttpPortSettings settings;
  settings.live.compress = true;
  HttpFixture fixture(1, settings);
  broker::Topic& topic = fixture.create("t");
  constexpr int kBatches = 50;
  const auto batch = batch_of_values(
      std::vector<std::optional<std::string>>(4, std::string(250'000, '0')), storage::Codec::kLz4);
  for (int i = 0; i < kBatches; ++i) {
    ASSERT_EQ(fixture.append(first(topic), batch), kafka::ErrorCode::kNone);
  }
  constexpr std::string_view kOffer =
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
      "client_no_context_takeover\r\n";
  for (const bool push : {true, false}) {
    const std::uint64_t before = fixture.live_counters().batches_encoded.get();
    PushClient other(fixture);
    FeedClient hungry(fixture, push ? "/v1/ws" : "/v1/topics/t/ws?from=earliest", 0, 0, {}, kOffer);
    ASSERT_TRUE(hungry.upgraded());
    if (push) {
      hungry.send(ws::Opcode::kText,
                  R"({"id":1,"subscribe":{"sid":1,"topic":"t","from":"earliest"}})");
    }
    ASSERT_TRUE(HttpFixture::eventually(
        [&] { return fixture.live_counters().batches_encoded.get() > before; }));
    EXPECT_TRUE(other.call("ping", Json::object()).contains("pong"));
    EXPECT_LT(fixture.live_counters().batches_encoded.get(), before + kBatches) << push;
    for (int got = 0; got < 4 * kBatches;) {
      const FeedClient::Event event = hungry.next();
      ASSERT_EQ(event.kind, ws::FrameEvent::Kind::kMessage);
      if (event.compressed) ++got;
    }
  }
}

}  // namespace
}  // namespace duolog::session

// Many who want something of one shard at once: each turn serves some of them, and all get served.
// With no time for a turn it serves one of each class, so that nothing here depends on a clock.
#include <sys/socket.h>

#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

constexpr std::uint32_t kNoTime = 0;

HttpPortSettings unhurried() {
  HttpPortSettings settings;
  settings.push.heartbeat_ms = settings.websocket.close_timeout_ms = 3'600'000;
  settings.push.hello_timeout_ms = 3'600'000;
  return settings;
}

const runtime::Counters& shard_of(HttpFixture& fixture) {
  return fixture.cluster().broker(0).shard().counters();
}

TEST(PushTurnsTest, CheapCommandsOfManyClientsAreRunOneATurnAndAllAreAnswered) {
  HttpFixture fixture(1, unhurried(), broker::TestCluster::small_options(), kNoTime);
  constexpr int kClients = 20;
  constexpr int kCommands = 200;
  std::vector<std::unique_ptr<PushClient>> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<PushClient>(fixture));
  std::string many;
  for (int i = 0; i < kCommands; ++i) {
    many += R"({"id":)" + std::to_string(i) + R"(,"ping":{}})" + "\n";
  }
  const std::uint64_t turns = shard_of(fixture).turns.get();
  for (auto& client : clients) client->ws().send(ws::Opcode::kText, many);
  for (auto& client : clients) {
    for (int i = 0; i < kCommands; ++i) ASSERT_EQ(client->receive()["id"], i);
  }
  // A turn may serve one that is prompt and one that has had its share.
  EXPECT_GE(shard_of(fixture).turns.get() - turns, std::uint64_t{kClients} * kCommands / 2);
}

TEST(PushTurnsTest, ABroadcastIsSpreadOverTurnsAndReachesEverySubscriber) {
  HttpFixture fixture(1, unhurried(), broker::TestCluster::small_options(), kNoTime);
  broker::Topic& topic = fixture.create("t");
  constexpr int kSubscribers = 150;  // more than are called at once
  std::vector<std::unique_ptr<PushClient>> clients;
  for (int i = 0; i < kSubscribers; ++i) {
    clients.push_back(std::make_unique<PushClient>(fixture));
    ASSERT_TRUE(clients.back()->subscribe(1, "t").contains("subscribed"));
  }
  const std::uint64_t turns = shard_of(fixture).turns.get();
  ASSERT_EQ(fixture.append(first(topic), batch_of_values({"news"})), kafka::ErrorCode::kNone);
  for (auto& client : clients) {
    const Json push = client->push();
    ASSERT_TRUE(push.contains("records")) << push;
  }
  EXPECT_GE(shard_of(fixture).turns.get() - turns, std::uint64_t{kSubscribers});
  EXPECT_GT(shard_of(fixture).turns_cut_short.get(), 0U);
}

TEST(PushTurnsTest, ReadersThatAreFarBehindAndOneThatPublishesAllGetOn) {
  HttpFixture fixture(1, unhurried(), broker::TestCluster::small_options(), kNoTime);
  broker::Topic& topic = fixture.create("t");
  constexpr int kBatches = 100;
  for (int i = 0; i < kBatches; ++i) {
    ASSERT_EQ(fixture.append(first(topic), batch_of_values({std::string(10'000, 'x')})),
              kafka::ErrorCode::kNone);
  }
  std::vector<std::unique_ptr<FeedClient>> feeds;
  for (int i = 0; i < 20; ++i) {
    feeds.push_back(std::make_unique<FeedClient>(fixture, "/v1/topics/t/ws?from=earliest"));
    ASSERT_TRUE(feeds.back()->upgraded());
  }
  PushClient other(fixture);
  const Json publish = {{"topic", "t"}, {"records", {{{"value", "x"}}}}};
  EXPECT_TRUE(other.call("publish", publish).contains("published"));
  for (auto& feed : feeds) {
    for (int i = 0; i < kBatches; ++i) {
      ASSERT_EQ(feed->next().kind, ws::FrameEvent::Kind::kMessage);
    }
  }
}

TEST(PushTurnsTest, WhatWasReceivedBeforeAResetIsStillPublished) {
  HttpFixture fixture(1, unhurried(), broker::TestCluster::small_options(), kNoTime);
  broker::Topic& topic = fixture.create("t");
  constexpr int kClients = 20;
  {
    std::vector<std::unique_ptr<PushClient>> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<PushClient>(fixture));
    const Json publish = {{"topic", "t"}, {"records", {{{"value", "x"}}}}};
    for (auto& client : clients) client->command("publish", publish);
    for (auto& client : clients) ::shutdown(client->ws().descriptor(), SHUT_WR);
    for (auto& client : clients) {
      (void)client->ws().close_code();
    }
  }
  EXPECT_TRUE(HttpFixture::eventually(
      [&] { return first(topic).log->high_watermark().offset == Offset(kClients); }));
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.counters().connections_open.get() == 0; }));
}

}  // namespace
}  // namespace duolog::session

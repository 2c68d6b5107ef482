// permessage-deflate on feeds and on /v1/ws, which is off unless the server is told.
#include "net/ws/deflate.h"

#include <random>

#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

constexpr std::string_view kOffer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

HttpPortSettings compressing() {
  HttpPortSettings settings;
  settings.live.compress = true;
  return settings;
}

// Offers permessage-deflate, inflates what is compressed, and counts it.
class DeflateClient {
 public:
  DeflateClient(HttpFixture& fixture, std::string_view target, int receive_bytes = 0,
                std::string_view offer = kOffer)
      : http_(fixture, 0, receive_bytes),
        parser_(
            {.role = ws::Role::kClient, .rsv1_negotiated = true, .max_message_bytes = 64U << 20}),
        inflater_({.client_no_context_takeover = true}) {
    http_.send(upgrade_request(target, offer));
    response_ = http_.response();
  }
  [[nodiscard]] const std::string& response() const { return response_; }
  void send(std::string_view text) { http_.send(masked(ws::Opcode::kText, text)); }
  std::string message(std::size_t most = 64U << 10) {
    for (;;) {
      MutableBytes input{reinterpret_cast<std::uint8_t*>(http_.input().data()),
                         http_.input().size()};
      const ws::FrameEvent event = parser_.next(input);
      std::string payload(as_text(event.payload));
      http_.input().erase(0, http_.input().size() - input.size());
      if (event.kind == ws::FrameEvent::Kind::kError) ADD_FAILURE() << event.error;
      if (event.kind == ws::FrameEvent::Kind::kNeedMore) {
        if (!http_.receive(most)) return "(ended)";
        continue;
      }
      if (event.kind != ws::FrameEvent::Kind::kMessage) continue;
      if (!event.compressed) return payload;
      ++compressed_;
      compressed_bytes_ += payload.size();
      Buffer inflated;
      EXPECT_TRUE(inflater_.inflate(as_bytes(payload), 64U << 20, inflated));
      return std::string(as_text(inflated));
    }
  }
  [[nodiscard]] int compressed() const { return compressed_; }
  [[nodiscard]] std::size_t compressed_bytes() const { return compressed_bytes_; }

 private:
  HttpClient http_;
  ws::FrameParser parser_;
  ws::Inflater inflater_;
  std::string response_;
  int compressed_ = 0;
  std::size_t compressed_bytes_ = 0;
};

TEST(FeedDeflateTest, IsDeclinedUnlessTheServerIsTold) {
  HttpFixture fixture;
  fixture.create("t");
  for (const char* target : {"/v1/topics/t/ws", "/v1/ws"}) {
    DeflateClient client(fixture, target);
    EXPECT_TRUE(client.response().starts_with("HTTP/1.1 101 "));
    EXPECT_EQ(client.response().find("Sec-WebSocket-Extensions"), std::string::npos);
  }
}

TEST(FeedDeflateTest, ASmallWindowIsDeclinedBecauseAllGetTheSameBytes) {
  HttpFixture fixture(1, compressing());
  fixture.create("t");
  DeflateClient client(
      fixture, "/v1/topics/t/ws", 0,
      "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n");
  EXPECT_EQ(client.response().find("Sec-WebSocket-Extensions"), std::string::npos);
}

TEST(FeedDeflateTest, AFeedCompressesWhatIsWorthIt) {
  HttpFixture fixture(1, compressing());
  broker::Topic& topic = fixture.create("t");
  const std::string large(300'000, 'x');
  (void)fixture.append(first(topic),
                       batch_of_values({"short", large, std::string(511, 'y'), "\xFF\xFE"}));
  DeflateClient client(fixture, "/v1/topics/t/ws?from=earliest");
  EXPECT_NE(client.response().find("permessage-deflate; server_no_context_takeover"),
            std::string::npos)
      << client.response();
  EXPECT_EQ(client.message(), "short");
  EXPECT_EQ(client.message(), large);
  EXPECT_EQ(client.message(), std::string(511, 'y'));
  EXPECT_EQ(client.message(), "\xFF\xFE");
  EXPECT_EQ(client.compressed(), 1);
  EXPECT_LT(client.compressed_bytes(), 3'000U);
  // Whoever offers nothing is sent the same, as it is.
  FeedClient plain(fixture, "/v1/topics/t/ws?from=earliest");
  EXPECT_EQ(plain.message(), "short");
  EXPECT_EQ(plain.message(), large);
}

TEST(FeedDeflateTest, APushIsCompressedOnceForAllWhoBeginAtTheSameRecord) {
  HttpFixture fixture(1, compressing());
  broker::Topic& topic = fixture.create("t");
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < 2'000; ++i)
    values.emplace_back("a value like the others, number " + std::to_string(i));
  (void)fixture.append(first(topic), batch_of_values(values));
  for (const int sid : {1, 4'000'000}) {
    DeflateClient client(fixture, "/v1/ws");
    client.send(Json{{"id", 1}, {"subscribe", {{"sid", sid}, {"topic", "t"}, {"from", "earliest"}}}}
                    .dump());
    EXPECT_TRUE(Json::parse(client.message()).contains("subscribed"));
    std::size_t seen = 0;
    while (seen < values.size()) {
      const Json records = Json::parse(client.message())["records"];
      ASSERT_EQ(records["sid"], sid);
      ASSERT_EQ(records["base"], std::to_string(seen));
      for (const Json& item : records["items"]) ASSERT_EQ(item["value"], *values[seen++]);
      ASSERT_EQ(records["next"], std::to_string(seen));
    }
    EXPECT_GT(client.compressed(), 1);
    EXPECT_LT(client.compressed_bytes(), 60'000U);
  }
  EXPECT_EQ(fixture.live_counters().batches_encoded.get(), 1U);
}

TEST(FeedDeflateTest, APartOfABatchOrOfACreditIsSentAsItIs) {
  HttpFixture fixture(1, compressing());
  broker::Topic& topic = fixture.create("t");
  const std::vector<std::optional<std::string>> values(20, std::string(100, 'v'));
  (void)fixture.append(first(topic), batch_of_values(values));
  DeflateClient client(fixture, "/v1/ws");
  client.send(R"({"id":1,"subscribe":{"sid":1,"topic":"t","from":"5"}})");
  (void)client.message();
  EXPECT_EQ(Json::parse(client.message())["records"]["items"].size(), 15U);
  client.send(
      R"({"id":2,"subscribe":{"sid":2,"topic":"t","from":"earliest","credit":{"records":7}}})");
  (void)client.message();
  EXPECT_EQ(Json::parse(client.message())["records"]["items"].size(), 7U);
  EXPECT_EQ(client.compressed(), 0);
}

TEST(FeedDeflateTest, CompressedMessagesAreWholeHoweverLittleTheKernelTakes) {
  HttpFixture fixture(1, compressing());
  broker::Topic& topic = fixture.create("t");
  std::mt19937 random(11);
  std::vector<std::string> expected;
  for (int batch = 0; batch < 30; ++batch) {
    std::vector<std::optional<std::string>> values;
    for (int i = 0; i < 40; ++i) {
      // Half of it random, so that it compresses, but not to nothing.
      std::string value(600 + random() % 30'000, 'a');
      for (std::size_t n = 0; n < value.size(); n += 2)
        value[n] = static_cast<char>('a' + random() % 26);
      values.emplace_back(value);
      expected.push_back(value);
    }
    ASSERT_EQ(fixture.append(first(topic), batch_of_values(values)), kafka::ErrorCode::kNone);
  }
  DeflateClient feed(fixture, "/v1/topics/t/ws?from=earliest", 2048);
  DeflateClient push(fixture, "/v1/ws", 2048);
  push.send(R"({"id":1,"subscribe":{"sid":1,"topic":"t","from":"earliest"}})");
  for (const std::string& value : expected) ASSERT_EQ(feed.message(1 + random() % 5000), value);
  EXPECT_EQ(feed.compressed(), static_cast<int>(expected.size()));
  (void)push.message();
  for (std::size_t seen = 0; seen < expected.size();) {
    const Json records = Json::parse(push.message(1 + random() % 5000))["records"];
    for (const Json& item : records["items"]) ASSERT_EQ(item["value"], expected[seen++]);
  }
  EXPECT_GT(push.compressed(), 30);
  EXPECT_GT(fixture.counters().short_sends.get(), 10U);
}

}  // namespace
}  // namespace duolog::session

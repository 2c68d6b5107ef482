// permessage-deflate on a connection: what comes is inflated, what goes out is compressed.
#include "engine/session/websocket/deflate.h"

#include "engine/session/websocket/echo_endpoint.h"
#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

using ws::Opcode;

// A client of /v1/echo that compresses.
class EchoClient {
 public:
  explicit EchoClient(HttpFixture& fixture, std::string_view offer = "permessage-deflate",
                      ws::DeflateParameters parameters = {})
      : client(fixture, "/v1/echo", 0, 0, {},
               "Sec-WebSocket-Extensions: " + std::string(offer) + "\r\n"),
        // Its own side is the server's of the classes.
        deflater_({.server_no_context_takeover = parameters.client_no_context_takeover,
                   .server_max_window_bits = parameters.client_max_window_bits}),
        inflater_({.client_no_context_takeover = parameters.server_no_context_takeover,
                   .client_max_window_bits = parameters.server_max_window_bits}) {}

  std::string packed(std::string_view message) {
    Buffer out;
    deflater_.deflate(as_bytes(message), out);
    return std::string(as_text(out));
  }
  void send(std::string_view message, Opcode opcode = Opcode::kText) {
    client.http().send(masked(opcode, packed(message), true, true));
  }
  std::string message() {
    const auto event = client.next();
    EXPECT_EQ(event.kind, ws::FrameEvent::Kind::kMessage) << event.close_code;
    EXPECT_TRUE(event.compressed);
    Buffer out;
    EXPECT_TRUE(inflater_.inflate(as_bytes(event.payload), 64U << 20, out).has_value());
    return std::string(as_text(out));
  }

  FeedClient client;

 private:
  ws::Deflater deflater_;
  ws::Inflater inflater_;
};

std::string extension_of(const std::string& response) {
  constexpr std::string_view kName = "Sec-WebSocket-Extensions: ";
  const auto at = response.find(kName);
  if (at == std::string::npos) return "";
  return response.substr(at + kName.size(), response.find("\r\n", at) - at - kName.size());
}

TEST(WsDeflateTest, CompressedMessagesComeBackCompressedInOneContext) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture);
  EXPECT_EQ(extension_of(client.client.response()), "permessage-deflate");
  const std::string text = "to be or not to be, that is the question";
  for (int i = 0; i < 3; ++i) {
    client.send(text);
    EXPECT_EQ(client.message(), text);
  }
  client.send("");
  EXPECT_EQ(client.message(), "");
  client.send("\xFF", Opcode::kBinary);
  EXPECT_EQ(client.message(), "\xFF");
  EXPECT_EQ(fixture.ws_counters().messages_inflated.get(), 5U);
  EXPECT_EQ(fixture.ws_counters().messages_deflated.get(), 5U);
}

TEST(WsDeflateTest, AMessageMayComeUncompressed) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture);
  client.client.send(Opcode::kText, "plain");
  EXPECT_EQ(client.message(), "plain");
}

TEST(WsDeflateTest, AnswersWhatCameBeforeADamagedMessageAndClosesWith1007) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture);
  client.client.http().send(masked(Opcode::kText, client.packed("good"), true, true) +
                            masked(Opcode::kText, "\x07", true, true));
  EXPECT_EQ(client.message(), "good");
  EXPECT_EQ(client.client.close_code(), 1007);
  EXPECT_EQ(fixture.ws_counters().inflate_failures.get(), 1U);
}

TEST(WsDeflateTest, TextIsCheckedOnceInflated) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture);
  client.send("gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(client.message(), "gr\xC3\xBC\xC3\x9F");
  client.send("gr\xFC\xDF");
  EXPECT_EQ(client.client.close_code(), 1007);
}

TEST(WsDeflateTest, ABombIsRefusedWhileInflatingAlsoInFragments) {
  HttpFixture fixture(1, with_echo());
  const std::string beyond(EchoEndpoint::kMaxMessageBytes + 1, 'b');
  EchoClient whole(fixture);
  whole.send(beyond);
  EXPECT_EQ(whole.client.close_code(), 1009);
  EchoClient cut(fixture);
  const std::string bomb = cut.packed(beyond);
  cut.client.http().send(masked(Opcode::kBinary, bomb.substr(0, 100), false, true) +
                         masked(Opcode::kContinuation, bomb.substr(100)));
  EXPECT_EQ(cut.client.close_code(), 1009);
  EchoClient within(fixture);
  within.send(beyond.substr(1));
  EXPECT_EQ(within.message(), beyond.substr(1));
  EXPECT_LE(fixture.port().ws().deflate_share().inflated.capacity(), WsDeflateShare::kKeptBytes);
  EXPECT_LE(fixture.port().ws().deflate_share().deflated.capacity(), WsDeflateShare::kKeptBytes);
}

TEST(WsDeflateTest, ASegmentOfBombsTakesManyShortTurns) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture, "permessage-deflate; client_no_context_takeover",
                    {.client_no_context_takeover = true});
  const std::string large(WsDeflateShare::kTurnBytes, '0');
  const std::string bomb = masked(Opcode::kBinary, client.packed(large), true, true);
  ASSERT_LT(bomb.size(), 6'000U);
  constexpr int kBombs = 64;
  std::string bombs;
  for (int i = 0; i < kBombs; ++i) bombs += bomb;
  client.client.http().send(bombs);
  for (int i = 0; i < kBombs; ++i) ASSERT_EQ(client.message(), large);
  EXPECT_GT(fixture.ws_counters().deflate_waits.get(), 0U);
}

TEST(WsDeflateTest, WhatOneTurnCanDoDoesNotWait) {
  HttpFixture fixture(1, with_echo());
  EchoClient client(fixture);
  const std::string text(WsDeflateShare::kTurnBytes / 8, 't');  // counts twice: there and back
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 3; ++i) client.send(text);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(client.message(), text);
  }
  EXPECT_EQ(fixture.ws_counters().deflate_waits.get(), 0U);
}

TEST(WsDeflateTest, ConnectionsWithoutContextShareTheirStreamsAlsoAfterAnError) {
  HttpFixture fixture(1, with_echo());
  const std::string offer =
      "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
  const ws::DeflateParameters none{.server_no_context_takeover = true,
                                   .client_no_context_takeover = true};
  EchoClient one(fixture, offer, none);
  EchoClient two(fixture, offer, none);
  EXPECT_EQ(fixture.ws_counters().deflate_contexts.get(), 0U);
  for (int i = 0; i < 3; ++i) {
    one.send("one one one one");
    two.send("two two two two");
    EXPECT_EQ(one.message(), "one one one one");
    EXPECT_EQ(two.message(), "two two two two");
  }
  one.client.http().send(masked(Opcode::kBinary, "\x07", true, true));
  EXPECT_EQ(one.client.close_code(), 1007);
  two.send("two");
  EXPECT_EQ(two.message(), "two");
}

TEST(WsDeflateTest, BeyondTheLimitOfContextsConnectionsGoWithoutThem) {
  HttpPortSettings settings = with_echo();
  settings.websocket.max_deflate_contexts = 1;
  HttpFixture fixture(1, settings);
  auto first = std::make_unique<EchoClient>(fixture);
  EXPECT_EQ(extension_of(first->client.response()), "permessage-deflate");
  EchoClient second(fixture, "permessage-deflate",
                    {.server_no_context_takeover = true, .client_no_context_takeover = true});
  EXPECT_EQ(extension_of(second.client.response()),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  for (int i = 0; i < 2; ++i) {
    second.send("again and again");
    EXPECT_EQ(second.message(), "again and again");
  }
  EXPECT_EQ(fixture.ws_counters().deflate_contexts_refused.get(), 1U);
  first.reset();
  ASSERT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().deflate_contexts.get() == 0; }));
  EchoClient third(fixture);
  EXPECT_EQ(extension_of(third.client.response()), "permessage-deflate");
}

TEST(WsDeflateTest, AFeedDeclinesTheOffer) {
  HttpFixture fixture(1, with_echo());
  fixture.create("t");
  FeedClient client(fixture, "/v1/topics/t/ws", 0, 0, {},
                    "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  ASSERT_TRUE(client.upgraded());
  EXPECT_EQ(extension_of(client.response()), "");
  client.http().send(masked(Opcode::kText, "x", true, true));
  EXPECT_EQ(client.close_code(), 1002);
}

}  // namespace
}  // namespace duolog::session

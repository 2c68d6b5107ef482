// /v1/echo: messages back as they came, in bounded memory; and every ping answered.
#include <thread>

#include "engine/session/websocket/echo_endpoint.h"
#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

using Kind = ws::FrameEvent::Kind;
using ws::Opcode;

constexpr std::string_view kEcho = "/v1/echo";

TEST(EchoTest, IsThereOnlyWhenAskedFor) {
  HttpFixture without;
  EXPECT_TRUE(FeedClient(without, kEcho).response().starts_with("HTTP/1.1 404 "));
  HttpFixture with(1, with_echo());
  EXPECT_TRUE(FeedClient(with, kEcho).upgraded());
  EXPECT_TRUE(FeedClient(with, "/v1/echoes").response().starts_with("HTTP/1.1 404 "));
}

TEST(EchoTest, CountsAmongTheWebSockets) {
  HttpPortSettings settings = with_echo();
  settings.websocket.max_websockets = 1;
  HttpFixture fixture(1, settings);
  FeedClient one(fixture, kEcho);
  EXPECT_EQ(fixture.ws_counters().echoes_open.get(), 1U);
  EXPECT_TRUE(FeedClient(fixture, kEcho).response().starts_with("HTTP/1.1 503 "));
}

TEST(EchoTest, SendsTextBackAsTextAndBinaryAsBinaryInOrder) {
  HttpFixture fixture(1, with_echo());
  FeedClient client(fixture, kEcho);
  std::string frames;
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 300'000U}) {
    frames += masked(Opcode::kText, std::string(size, 't'));
    frames += masked(Opcode::kBinary, std::string(size, '\xFF'));
  }
  std::thread sender([&] { client.http().send(frames); });
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 300'000U}) {
    const auto text = client.next();
    EXPECT_EQ(text.opcode, Opcode::kText);
    EXPECT_EQ(text.payload, std::string(size, 't'));
    const auto binary = client.next();
    EXPECT_EQ(binary.opcode, Opcode::kBinary);
    EXPECT_EQ(binary.payload, std::string(size, '\xFF'));
  }
  sender.join();
  EXPECT_EQ(fixture.ws_counters().messages_echoed.get(), 14U);
  client.close(1000);
  EXPECT_EQ(client.close_code(), 1000);
}

TEST(EchoTest, TakesSixteenMebibytesAndNotAByteMore) {
  HttpFixture fixture(1, with_echo());
  FeedClient client(fixture, kEcho);
  const std::string most(EchoEndpoint::kMaxMessageBytes, 'm');
  std::thread sender([&] {
    client.send(Opcode::kBinary, most);
    client.http().send(masked(Opcode::kBinary, most + "m").substr(0, 14));  // only its header
  });
  EXPECT_EQ(client.message(), most);
  EXPECT_EQ(client.close_code(), 1009);
  sender.join();
}

TEST(EchoTest, AnswersWhatCameBeforeABadFrameFirst) {
  HttpFixture fixture(1, with_echo());
  const std::string large(1'000'000, 'l');
  for (const auto& [bad, code] : std::vector<std::pair<std::string, int>>{
           {"\xFF\xFF", 1002}, {masked(Opcode::kText, "\xFF"), 1007}}) {
    FeedClient client(fixture, kEcho);
    std::thread sender([&client, &large, bytes = bad] {
      client.http().send(masked(Opcode::kText, "small") + masked(Opcode::kText, large) + bytes);
    });
    EXPECT_EQ(client.message(), "small");
    EXPECT_EQ(client.message(), large);
    EXPECT_EQ(client.close_code(), code);
    sender.join();
  }
}

TEST(EchoTest, APeerThatEndsBehindItsCloseFrameIsStillAnswered) {
  HttpFixture fixture(1, with_echo());
  FeedClient client(fixture, kEcho);
  client.http().send(masked(Opcode::kText, "last") + masked(Opcode::kClose, "\x03\xE8"));
  ::shutdown(client.http().descriptor(), SHUT_WR);
  EXPECT_EQ(client.message(), "last");
  EXPECT_EQ(client.close_code(), 1000);
}

// The frames that follow each other on the wire: "text", "more" (a continuation), "pong".
std::vector<std::string> frames_of(HttpClient& http, std::size_t bytes) {
  while (http.input().size() < bytes && http.receive()) {
  }
  const std::string& input = http.input();
  std::vector<std::string> kinds;
  for (std::size_t at = 0; at < input.size();) {
    const auto* header = reinterpret_cast<const std::uint8_t*>(input.data()) + at;
    const int opcode = header[0] & 0x0F;
    kinds.emplace_back(opcode == 10 ? "pong" : opcode == 0 ? "more" : "text");
    const std::uint8_t length7 = header[1];
    at += length7 == 127   ? 10 + load_be<std::uint64_t>(header + 2)
          : length7 == 126 ? 4U + load_be<std::uint16_t>(header + 2)
                           : 2U + length7;
  }
  return kinds;
}

TEST(EchoTest, APongPassesBetweenTheFramesOfALargeAnswer) {
  HttpFixture fixture(1, with_echo());
  FeedClient client(fixture, kEcho, 0, 4096);
  constexpr std::size_t kFrames = 8;
  client.send(Opcode::kText, std::string(kFrames * EchoEndpoint::kMaxFrameBytes, 'x'));
  // The answer is stuck in the kernel, and no more messages are taken.
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters().short_sends.get() > 0; }));
  client.send(Opcode::kPing, "now");
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.ws_counters().pongs_sent.get() > 0; }));
  const auto kinds = frames_of(client.http(), kFrames * (EchoEndpoint::kMaxFrameBytes + 10) + 5);
  ASSERT_EQ(kinds.size(), kFrames + 1);
  EXPECT_EQ(kinds.front(), "text");
  EXPECT_NE(kinds.back(), "pong");
}

// Sends as much as the server takes, and returns what of `bytes` it took.
std::size_t send_until_stuck(const FeedClient& client, std::string_view bytes) {
  std::size_t sent = 0;
  pollfd writable{.fd = client.descriptor(), .events = POLLOUT, .revents = 0};
  while (sent < bytes.size() && ::poll(&writable, 1, 1'000) == 1) {
    const ssize_t more = ::send(client.descriptor(), bytes.data() + sent, bytes.size() - sent,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (more > 0) sent += static_cast<std::size_t>(more);
  }
  return sent;
}

TEST(EchoTest, AClientThatDoesNotReadIsPausedInBoundedMemoryAndLosesNothing) {
  HttpFixture fixture(1, with_echo());
  FeedClient client(fixture, kEcho, 0, 4096);
  ASSERT_TRUE(client.upgraded());
  constexpr int kMessages = 6'000;
  const std::string payload(5'000, 'p');
  std::string frames;
  for (int i = 0; i < kMessages; ++i) frames += masked(Opcode::kText, std::to_string(i) + payload);
  const std::size_t sent = send_until_stuck(client, frames);
  ASSERT_LT(sent, frames.size());
  EXPECT_GT(fixture.ws_counters().echo_pauses.get(), 0U);
  // What has been echoed waits here, or in the kernel, which takes little of what is not read.
  EXPECT_LT(fixture.ws_counters().bytes_echoed.get(), EchoEndpoint::kMaxWaitingBytes + 500'000U);
  std::thread sender([&] { client.http().send(std::string_view(frames).substr(sent)); });
  for (int i = 0; i < kMessages; ++i) ASSERT_EQ(client.message(), std::to_string(i) + payload);
  sender.join();
}

TEST(EchoTest, AClientThatNeverReadsIsClosedWith4441) {
  HttpPortSettings settings = with_echo();
  settings.websocket.ping_after_ms = 100;
  settings.websocket.pong_within_ms = 100;
  settings.websocket.close_timeout_ms = 100;
  HttpFixture fixture(1, settings);
  HttpClient client(fixture, 0, 4096);
  client.send(upgrade_request(kEcho));
  (void)client.response();
  std::thread sender([&] {
    const std::string frame = masked(Opcode::kBinary, std::string(100'000, 'x'));
    for (int i = 0; i < 200; ++i) client.send(frame);  // fails once the connection is closed
  });
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().closes.of(4441).get() == 1; }));
  sender.join();
  EXPECT_GT(fixture.ws_counters().echo_pauses.get(), 0U);
}

// ---- Pings --------------------------------------------------------------------------------------

class PingTest : public testing::TestWithParam<std::string_view> {};

TEST_P(PingTest, EveryOneOfAFloodIsAnsweredInOrder) {
  HttpFixture fixture(1, with_echo());
  fixture.create("t");
  FeedClient client(fixture, GetParam());
  constexpr int kPings = 20'000;
  std::string flood;
  for (int i = 0; i < kPings; ++i) {
    const std::string dots(static_cast<std::size_t>(i % 120), '.');
    flood += masked(Opcode::kPing, std::to_string(i) + dots);
  }
  std::thread sender([&] { client.http().send(flood); });
  for (int i = 0; i < kPings; ++i) {
    const auto event = client.next();
    ASSERT_EQ(event.kind, Kind::kPong) << i;
    ASSERT_EQ(std::stoi(event.payload), i);
  }
  sender.join();
  EXPECT_EQ(fixture.ws_counters().pongs_sent.get(), static_cast<unsigned>(kPings));
  client.close(1000);
  EXPECT_EQ(client.close_code(), 1000);
}

TEST_P(PingTest, AFloodThatIsNotReadWaitsInBoundedMemory) {
  HttpPortSettings settings = with_echo();
  settings.websocket.ping_after_ms = settings.websocket.pong_within_ms =
      settings.websocket.close_timeout_ms = 100;
  HttpFixture fixture(1, settings);
  fixture.create("t");
  FeedClient client(fixture, GetParam(), 0, 4096);
  std::thread sender([&] {
    std::string flood;
    for (int i = 0; i < 1'000; ++i) flood += masked(Opcode::kPing, std::string(125, '.'));
    for (int i = 0; i < 500; ++i) client.http().send(flood);  // fails once it is closed
  });
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().closes.of(4441).get() == 1; }));
  sender.join();
  // All of them were in the kernel, or waited.
  EXPECT_LT(fixture.ws_counters().pongs_sent.get(), 50'000U);
}

INSTANTIATE_TEST_SUITE_P(Endpoints, PingTest, testing::Values(kEcho, "/v1/topics/t/ws", "/v1/ws"));

}  // namespace
}  // namespace duolog::session

// Half a message, in or out, has a limit in time and in memory.
#include <string>
#include <string_view>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

using ws::Opcode;

constexpr std::string_view kEchoPath = "/v1/echo";

// All but the last byte of a message.
std::string all_but_a_byte(std::size_t bytes) {
  std::string frame = masked(Opcode::kText, std::string(bytes, 'h'));
  frame.pop_back();
  return frame;
}

TEST(WsLimitsTest, AMessageThatDoesNotEndIsRefusedWith4408ThoughPingsAreAnswered) {
  HttpPortSettings settings = with_echo();
  settings.websocket.message_timeout_ms = 100;
  HttpFixture fixture(1, settings);
  FeedClient client(fixture, kEchoPath);
  // Fragments, so that there may be pings between them.
  client.http().send(masked(Opcode::kText, "begun", false));
  FeedClient::Event event;
  int pongs = -1;
  do {
    client.http().send(masked(Opcode::kPing, "here"));
    event = client.next();
  } while (++pongs < 1'000'000 && event.kind == ws::FrameEvent::Kind::kPong);
  EXPECT_GT(pongs, 0);
  EXPECT_EQ(event.close_code, 4408);
  EXPECT_EQ(fixture.ws_counters().message_timeouts.get(), 1U);
  EXPECT_EQ(fixture.ws_counters().half_message_bytes.get(), 0U);
}

TEST(WsLimitsTest, AMessageThatEndsIsNotInTheWayOfTheNext) {
  HttpPortSettings settings = with_echo();
  settings.websocket.message_timeout_ms = 60'000;
  HttpFixture fixture(1, settings);
  FeedClient client(fixture, kEchoPath);
  for (int i = 0; i < 3; ++i) {
    const std::string frame = masked(Opcode::kText, std::to_string(i) + std::string(20'000, 'x'));
    client.http().send(std::string_view(frame).substr(0, 15'000));
    ASSERT_TRUE(HttpFixture::eventually(
        [&] { return fixture.ws_counters().half_message_bytes.get() >= 10'000; }));
    client.http().send(std::string_view(frame).substr(15'000));
    ASSERT_EQ(client.message().substr(0, 1), std::to_string(i));
  }
  EXPECT_EQ(fixture.ws_counters().half_message_bytes.get(), 0U);
  client.http().send(std::string_view(masked(Opcode::kText, "rest")).substr(0, 7));
  ASSERT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().half_message_bytes.get() > 0; }));
  client.http().close();
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().half_message_bytes.get() == 0; }));
}

TEST(WsLimitsTest, WhoIsSilentWithHalfAMessageMakesRoomForWhoGoesOn) {
  HttpPortSettings settings = with_echo();
  settings.websocket.half_message_bytes = 300'000;
  HttpFixture fixture(1, settings);
  FeedClient silent(fixture, kEchoPath);
  silent.http().send(all_but_a_byte(200'000));
  ASSERT_TRUE(HttpFixture::eventually(
      [&] { return fixture.ws_counters().half_message_bytes.get() >= 200'000; }));
  FeedClient other(fixture, kEchoPath);
  const std::string message(200'000, 'o');
  other.http().send(masked(Opcode::kText, message));
  EXPECT_EQ(other.message(), message);
  EXPECT_EQ(silent.next().close_code, 4429);
  EXPECT_EQ(fixture.ws_counters().half_messages_refused.get(), 1U);
  EXPECT_EQ(fixture.ws_counters().half_message_bytes.get(), 0U);
}

TEST(WsLimitsTest, APeerThatSendsButTakesNothingIsClosed) {
  HttpPortSettings settings = with_echo();
  settings.websocket.write_timeout_ms = 200;
  HttpFixture fixture(1, settings);
  FeedClient client(fixture, kEchoPath, 0, 4096);
  const std::string frame = masked(Opcode::kBinary, std::string(500'000, 'x'));
  for (int i = 0; i < 20; ++i) client.http().send(frame);  // fails once the connection is closed
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.ws_counters().write_timeouts.get() == 1; }));
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.counters().connections_open.get() == 0; }));
}

}  // namespace
}  // namespace duolog::session

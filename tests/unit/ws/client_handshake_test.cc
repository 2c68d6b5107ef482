#include "net/ws/client_handshake.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http/request_parser.h"
#include "net/ws/handshake.h"

namespace duolog::ws {
namespace {

using ::testing::HasSubstr;

const ClientUpgrade kAsked{.host = "127.0.0.1:8080",
                           .target = "/v1/ws",
                           .key = "dGhlIHNhbXBsZSBub25jZQ==",
                           .subprotocol = "duolog.v1.json"};

std::string answer(std::string_view protocol = "duolog.v1.json") {
  return http::serialize(upgrade_response({.accept = accept_key(kAsked.key),
                                           .subprotocol = std::string(protocol),
                                           .bearer_token = {}}));
}

std::string replaced(std::string text, std::string_view part, std::string_view with) {
  return text.replace(text.find(part), part.size(), with);
}

TEST(ClientHandshakeTest, ServersAcceptWhatItAsksFor) {
  http::RequestParser parser;
  const std::string text = upgrade_request(kAsked);
  ASSERT_EQ(parser.feed(as_bytes(text)).status, http::RequestParser::Status::kComplete);
  const http::Request request = parser.take();
  constexpr std::string_view kSupported[] = {"duolog.v1.json"};
  const auto upgrade = check_upgrade(request, kSupported);
  ASSERT_TRUE(upgrade.has_value());
  EXPECT_EQ(upgrade->subprotocol, "duolog.v1.json");
  EXPECT_EQ(*request.field("Host"), "127.0.0.1:8080");
  EXPECT_EQ(http::serialize(upgrade_response(*upgrade)), answer());
}

TEST(ClientHandshakeTest, MakesTheKeyOfRfc6455) {
  constexpr std::string_view kNonce = "the sample nonce";
  std::array<std::uint8_t, 16> nonce;
  std::ranges::copy(kNonce, nonce.begin());
  EXPECT_EQ(make_key(nonce), kAsked.key);
}

TEST(ClientHandshakeTest, WaitsForTheWholeAnswerAndLeavesTheFramesBehindIt) {
  const std::string whole = answer();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(check_answer(whole.substr(0, size), kAsked), 0U) << size;
  }
  EXPECT_EQ(check_answer(whole + "\x81\x02hi", kAsked), whole.size());
}

TEST(ClientHandshakeTest, RefusesAnAnswerToAnotherKeyOrInAnotherProtocol) {
  for (const std::string& wrong :
       {replaced(answer(), accept_key(kAsked.key), accept_key("AAAAAAAAAAAAAAAAAAAAAA==")),
        replaced(answer(), "Upgrade: websocket", "Upgrade: h2c"), answer("duolog.v1.bin"),
        answer(""), replaced(answer(), "HTTP/1.1", "HTTP/1.0"), std::string("garbage\r\n\r\n"),
        std::string(kMaxAnswerBytes, 'x')}) {
    const auto checked = check_answer(wrong, kAsked);
    ASSERT_FALSE(checked.has_value()) << wrong;
    EXPECT_EQ(checked.error().code, Errc::kInvalid) << wrong;
  }
}

TEST(ClientHandshakeTest, GivesTheServersReasonForARefusal) {
  const std::string refusal = http::serialize(http::error_response(404, "no topic 'x'"));
  EXPECT_EQ(check_answer(refusal.substr(0, refusal.size() - 1), kAsked), 0U);
  const auto refused = check_answer(refusal, kAsked);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kNotFound);
  EXPECT_EQ(refused.error().message, "404 Not Found: no topic 'x'");
  const std::string busy = http::serialize(http::error_response(503, "too many"));
  EXPECT_EQ(check_answer(busy, kAsked).error().code, Errc::kBusy);
  const std::string bare = "HTTP/1.1 403 Forbidden\r\n\r\n";
  EXPECT_THAT(check_answer(bare, kAsked).error().message, HasSubstr("403"));
}

}  // namespace
}  // namespace duolog::ws

#include "net/ws/handshake.h"

#include <algorithm>
#include <cctype>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::ws {
namespace {

using ::testing::HasSubstr;
using Kind = SubprotocolChoice::Kind;

constexpr std::string_view kSupported[] = {"duolog.v1.json", "duolog.v1.bin"};

// The client's handshake of RFC 6455 section 1.3.
http::Request rfc_request() {
  http::Request request;
  request.method = "GET";
  request.target = *http::parse_target("/chat");
  request.fields = {
      {"Host", "server.example.com"},   {"Upgrade", "websocket"},
      {"Connection", "Upgrade"},        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
      {"Origin", "http://example.com"}, {"Sec-WebSocket-Version", "13"}};
  return request;
}

http::Request with(std::string name, std::string value) {
  http::Request request = rfc_request();
  for (http::Field& field : request.fields) {
    if (field.name == name) {
      field.value = value;
      return request;
    }
  }
  request.fields.push_back({std::move(name), std::move(value)});
  return request;
}

http::Request without(std::string_view name) {
  http::Request request = rfc_request();
  std::erase_if(request.fields, [&](const http::Field& field) { return field.name == name; });
  return request;
}

http::Request doubled(std::string_view name) {
  http::Request request = rfc_request();
  request.fields.push_back({std::string(name), *request.field(name)});
  return request;
}

// The status that answers the request: 101 or the refusal's.
int status_of(const http::Request& request) {
  const auto upgrade = check_upgrade(request, kSupported);
  if (upgrade) return 101;
  EXPECT_TRUE(upgrade.error().close);
  return upgrade.error().status;
}

TEST(HandshakeTest, ComputesTheAcceptKeyOfTheRfc) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(HandshakeTest, AnswersTheHandshakeOfTheRfc) {
  const auto upgrade = check_upgrade(with("Sec-WebSocket-Protocol", "chat, superchat"),
                                     std::initializer_list<std::string_view>{"chat"});
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(serialize(upgrade_response(*upgrade)),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: chat\r\n"
            "\r\n");
}

TEST(HandshakeTest, FindsFieldsAndTokensInWhateverCase) {
  http::Request request = rfc_request();
  for (http::Field& field : request.fields) {
    std::ranges::transform(field.name, field.name.begin(), [](char c) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    if (field.name == "UPGRADE") field.value = "WebSocket";
    if (field.name == "CONNECTION") field.value = "keep-alive, uPGRADE";
  }
  EXPECT_EQ(status_of(request), 101);
}

TEST(HandshakeTest, TakesTheTokensFromLists) {
  EXPECT_EQ(status_of(with("Upgrade", "h2c , websocket")), 101);
  EXPECT_EQ(status_of(with("Connection", "keep-alive,,\t Upgrade")), 101);
  http::Request request = with("Connection", "keep-alive");
  request.fields.push_back({"Connection", "Upgrade"});
  EXPECT_EQ(status_of(request), 101);
  EXPECT_EQ(status_of(with("Upgrade", "websockets")), 426);
  EXPECT_EQ(status_of(with("Connection", "Upgrade-Insecure")), 426);
}

TEST(HandshakeTest, RefusesAnyMethodButGet) {
  for (const char* method : {"POST", "HEAD", "get", "PUT"}) {
    http::Request request = rfc_request();
    request.method = method;
    EXPECT_EQ(status_of(request), 405) << method;
  }
}

TEST(HandshakeTest, RefusesHttp10) {
  http::Request request = rfc_request();
  request.version_minor = 0;
  EXPECT_EQ(status_of(request), 400);
}

TEST(HandshakeTest, TellsAPlainRequestToUpgrade) {
  for (const char* name : {"Upgrade", "Connection"}) {
    const auto refused = check_upgrade(without(name), kSupported);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 426);
    EXPECT_THAT(serialize(refused.error()), HasSubstr("\r\nUpgrade: websocket\r\n"));
    EXPECT_THAT(serialize(refused.error()),
                HasSubstr("\r\nConnection: Upgrade\r\nConnection: close\r\n"));
  }
}

TEST(HandshakeTest, RefusesAnotherVersionAndSaysWhichItSpeaks) {
  for (const char* version : {"8", "12", "14", "013", "13, 8", ""}) {
    const auto refused = check_upgrade(with("Sec-WebSocket-Version", version), kSupported);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 426) << version;
    EXPECT_THAT(serialize(refused.error()), HasSubstr("\r\nSec-WebSocket-Version: 13\r\n"));
  }
}

TEST(HandshakeTest, RefusesAMissingVersionOrKey) {
  EXPECT_EQ(status_of(without("Sec-WebSocket-Version")), 400);
  EXPECT_EQ(status_of(without("Sec-WebSocket-Key")), 400);
}

TEST(HandshakeTest, RefusesAKeyThatIsNot16BytesInBase64) {
  EXPECT_TRUE(is_valid_key("AQIDBAUGBwgJCgsMDQ4PEA=="));
  EXPECT_FALSE(is_valid_key(""));
  EXPECT_FALSE(is_valid_key("AQIDBAUGBwgJCgsMDQ4P"));      // 15 bytes
  EXPECT_FALSE(is_valid_key("AQIDBAUGBwgJCgsMDQ4PEBE="));  // 17 bytes
  EXPECT_FALSE(is_valid_key("AQIDBAUGBwgJCgsMDQ4P-A=="));  // base64url
  EXPECT_FALSE(is_valid_key("AQIDBAUGBwgJCgsMDQ4P===="));
  EXPECT_FALSE(is_valid_key("AQIDBAUGBwgJCgsMDQ4PEBESEw=="));  // 19 bytes
  EXPECT_EQ(status_of(with("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4P")), 400);
}

TEST(HandshakeTest, RefusesDoubledFields) {
  for (const char* name : {"Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    EXPECT_EQ(status_of(doubled(name)), 400) << name;
  }
}

TEST(HandshakeTest, RefusesABody) {
  http::Request request = with("Content-Length", "5");
  request.body = "hello";
  EXPECT_EQ(status_of(request), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding", "chunked")), 400);
  EXPECT_EQ(status_of(with("Content-Length", "0")), 101);
}

TEST(HandshakeTest, IgnoresOffersWhereTheEndpointHasNoSubprotocol) {
  const auto upgrade = check_upgrade(with("Sec-WebSocket-Protocol", "chat"), {});
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->subprotocol, "");
}

TEST(SubprotocolTest, ChoosesTheClientsFirstThatIsSupported) {
  const auto upgrade =
      check_upgrade(with("Sec-WebSocket-Protocol", "x, duolog.v1.bin, duolog.v1.json"), kSupported);
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->subprotocol, "duolog.v1.bin");
}

TEST(SubprotocolTest, JoinsTheOffersOfSeveralFields) {
  http::Request request = with("Sec-WebSocket-Protocol", "x");
  request.fields.push_back({"sec-websocket-protocol", "duolog.v1.json"});
  const auto upgrade = check_upgrade(request, kSupported);
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->subprotocol, "duolog.v1.json");
}

TEST(SubprotocolTest, EchoesNothingWhenNothingIsOffered) {
  EXPECT_EQ(choose_subprotocol({}, kSupported).kind, Kind::kNoneOffered);
  const auto upgrade = check_upgrade(rfc_request(), kSupported);
  ASSERT_TRUE(upgrade);
  EXPECT_THAT(serialize(upgrade_response(*upgrade)), Not(HasSubstr("Protocol:")));
}

TEST(SubprotocolTest, RefusesWhenNoOfferIsKnown) {
  const auto refused = check_upgrade(with("Sec-WebSocket-Protocol", "DUOLOG.V1.JSON"), kSupported);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 400);
  EXPECT_THAT(refused.error().body, HasSubstr("duolog.v1.json duolog.v1.bin"));
}

TEST(SubprotocolTest, RefusesWhatIsNoListOfDifferentTokens) {
  EXPECT_EQ(status_of(with("Sec-WebSocket-Protocol", "duolog.v1.json, duolog.v1.json")), 400);
  EXPECT_EQ(status_of(with("Sec-WebSocket-Protocol", "duolog.v1.json, a b")), 400);
  std::string many = "duolog.v1.json";
  for (int i = 0; i < 40; ++i) many += ", p" + std::to_string(i);
  EXPECT_EQ(status_of(with("Sec-WebSocket-Protocol", many)), 400);
}

TEST(SubprotocolTest, NeverEchoesABearerToken) {
  const auto upgrade =
      check_upgrade(with("Sec-WebSocket-Protocol", "bearer.secret, duolog.v1.json"), kSupported);
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->bearer_token, "secret");
  EXPECT_EQ(upgrade->subprotocol, "duolog.v1.json");
  EXPECT_THAT(serialize(upgrade_response(*upgrade)), Not(HasSubstr("secret")));

  const auto alone = check_upgrade(with("Sec-WebSocket-Protocol", "bearer.secret"), kSupported);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->subprotocol, "");
  const auto refused =
      check_upgrade(with("Sec-WebSocket-Protocol", "bearer.secret, x"), kSupported);
  ASSERT_FALSE(refused);
  EXPECT_THAT(serialize(refused.error()), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace duolog::ws

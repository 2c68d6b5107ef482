#include "net/ws/handshake.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "engine/base/check.h"

namespace duolog::ws {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kMaxOffers = 32;  // they are compared with each other
constexpr std::string_view kBearerPrefix = "bearer.";

std::unexpected<http::Response> refuse(int status, std::string_view message,
                                       std::vector<http::Field> fields = {}) {
  http::Response response = http::error_response(status, message);
  response.fields.insert(response.fields.end(), fields.begin(), fields.end());
  return std::unexpected(std::move(response));
}

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

bool has_body(const http::Request& request) {
  const std::string* length = request.field("Content-Length");
  return request.field("Transfer-Encoding") != nullptr || !request.body.empty() ||
         (length != nullptr && *length != "0");
}

}  // namespace

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key).append(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int digest_size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr) ==
        1);
  std::array<unsigned char, 64> encoded;
  const int encoded_size =
      EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest_size));
  return {encoded.begin(), encoded.begin() + encoded_size};
}

bool is_valid_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") &&
         std::ranges::all_of(key.substr(0, 22), is_base64);
}

SubprotocolChoice choose_subprotocol(std::span<const std::string_view> offered,
                                     std::span<const std::string_view> supported) {
  SubprotocolChoice choice;
  SubprotocolChoice malformed;
  malformed.kind = SubprotocolChoice::Kind::kMalformed;
  if (offered.size() > kMaxOffers) return malformed;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const auto before = offered.first(i);
    if (!http::is_token(offered[i]) || std::ranges::find(before, offered[i]) != before.end()) {
      return malformed;
    }
    if (offered[i].starts_with(kBearerPrefix)) {
      choice.bearer_token = offered[i].substr(kBearerPrefix.size());
      continue;
    }
    if (choice.kind == SubprotocolChoice::Kind::kChosen) continue;
    const auto found = std::ranges::find(supported, offered[i]);
    choice.kind = found == supported.end() ? SubprotocolChoice::Kind::kUnknown
                                           : SubprotocolChoice::Kind::kChosen;
    if (found != supported.end()) choice.name = *found;
  }
  return choice;
}

bool asks_for_websocket(const http::Request& request) {
  return http::list_contains(request, "Upgrade", "websocket");
}

std::expected<Upgrade, http::Response> check_upgrade(const http::Request& request,
                                                     std::span<const std::string_view> supported) {
  if (request.method != "GET") {
    return refuse(405, "a WebSocket is opened with GET", {{"Allow", "GET"}});
  }
  if (request.version_minor != 1) return refuse(400, "a WebSocket is opened with HTTP/1.1");
  if (!asks_for_websocket(request) || !http::list_contains(request, "Connection", "Upgrade")) {
    return refuse(426, "this is a WebSocket endpoint: Upgrade: websocket and Connection: Upgrade",
                  {{"Upgrade", "websocket"}});
  }
  for (const std::string_view name : {"Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    if (request.field_count(name) > 1) {
      return refuse(400, std::string(name) + " is given more than once");
    }
  }
  const std::string* version = request.field("Sec-WebSocket-Version");
  if (version == nullptr) return refuse(400, "Sec-WebSocket-Version is missing");
  if (*version != "13") {
    return refuse(426, "Sec-WebSocket-Version must be 13",
                  {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}});
  }
  const std::string* key = request.field("Sec-WebSocket-Key");
  if (key == nullptr || !is_valid_key(*key)) {
    return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  }
  if (has_body(request)) return refuse(400, "a WebSocket handshake has no body");

  Upgrade upgrade;
  upgrade.accept = accept_key(*key);
  const auto offered = http::list_elements(request, "Sec-WebSocket-Protocol");
  const SubprotocolChoice choice = choose_subprotocol(offered, supported);
  upgrade.bearer_token = choice.bearer_token;
  if (choice.kind == SubprotocolChoice::Kind::kMalformed) {
    return refuse(400, "Sec-WebSocket-Protocol is not a list of different tokens");
  }
  if (choice.kind == SubprotocolChoice::Kind::kUnknown && !supported.empty()) {
    std::string message = "unknown subprotocol; this endpoint speaks";
    for (const std::string_view name : supported) message.append(" ").append(name);
    return refuse(400, message);
  }
  upgrade.subprotocol = choice.name;
  return upgrade;
}

http::Response upgrade_response(const Upgrade& upgrade) {
  http::Response response{.status = 101,
                          .fields = {{"Upgrade", "websocket"},
                                     {"Connection", "Upgrade"},
                                     {"Sec-WebSocket-Accept", upgrade.accept}},
                          .body = {}};
  if (!upgrade.subprotocol.empty()) {
    response.fields.push_back({"Sec-WebSocket-Protocol", upgrade.subprotocol});
  }
  if (!upgrade.extensions.empty()) {
    response.fields.push_back({"Sec-WebSocket-Extensions", upgrade.extensions});
  }
  return response;
}

}  // namespace duolog::ws

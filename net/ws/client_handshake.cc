#include "net/ws/client_handshake.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <openssl/evp.h>

#include "engine/base/text.h"
#include "net/http/request.h"
#include "net/ws/handshake.h"

namespace duolog::ws {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeaderEnd = "\r\n\r\n";

// The value of a field, of those between the status line and the header's end.
std::optional<std::string_view> field(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(kLineEnd); at != header.npos;) {
    const std::size_t begin = at + kLineEnd.size();
    at = header.find(kLineEnd, begin);
    const std::string_view line = header.substr(begin, at == header.npos ? at : at - begin);
    const std::size_t colon = line.find(':');
    if (colon != line.npos && http::iequals(line.substr(0, colon), name)) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return std::nullopt;
}

// "HTTP/1.1 404 Not Found" -> 404; 0 when it is no status line.
int status_of(std::string_view header) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  int status = 0;
  if (header.starts_with(kVersion)) {
    std::from_chars(header.data() + kVersion.size(), header.data() + header.size(), status);
  }
  return status;
}

// Why a server refused: its error's body, which begins with the status and its phrase, is the text.
Result<std::size_t> refused(int status, std::string_view header, std::string_view body) {
  std::size_t length = 0;
  const std::string_view told = field(header, "Content-Length").value_or("0");
  std::from_chars(told.data(), told.data() + told.size(), length);
  if (body.size() < std::min(length, kMaxAnswerBytes - header.size())) return 0;
  std::string text(trimmed(body, " \t\r\n"));
  if (text.empty()) text = "HTTP status " + std::to_string(status);
  const bool later = status == 429 || status >= 500;
  return fail(status == 404 ? Errc::kNotFound
              : later       ? Errc::kBusy
                            : Errc::kUnsupported,
              std::move(text));
}

}  // namespace

std::string make_key(std::span<const std::uint8_t, 16> nonce) {
  std::array<unsigned char, 25> encoded;
  const int size = EVP_EncodeBlock(encoded.data(), nonce.data(), static_cast<int>(nonce.size()));
  return {encoded.begin(), encoded.begin() + size};
}

std::string upgrade_request(const ClientUpgrade& upgrade) {
  std::string text = "GET " + upgrade.target + " HTTP/1.1\r\nHost: " + upgrade.host +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                     "\r\nSec-WebSocket-Key: " +
                     upgrade.key + "\r\n";
  if (!upgrade.subprotocol.empty()) {
    text += "Sec-WebSocket-Protocol: " + upgrade.subprotocol + "\r\n";
  }
  return text += kLineEnd;
}

Result<std::size_t> check_answer(std::string_view received, const ClientUpgrade& upgrade) {
  const std::size_t end = received.find(kHeaderEnd);
  if (end == received.npos) {
    if (received.size() < kMaxAnswerBytes) return 0;
    return fail(Errc::kInvalid, "the answer has no end");
  }
  const std::string_view header = received.substr(0, end);
  const int status = status_of(header);
  if (status == 0) return fail(Errc::kInvalid, "the answer is not HTTP/1.1");
  const std::size_t size = end + kHeaderEnd.size();
  if (status != 101) return refused(status, header, received.substr(size));
  if (!http::iequals(field(header, "Upgrade").value_or(""), "websocket") ||
      field(header, "Sec-WebSocket-Accept").value_or("") != accept_key(upgrade.key)) {
    return fail(Errc::kInvalid, "the answer does not accept the WebSocket");
  }
  if (field(header, "Sec-WebSocket-Protocol").value_or("") != upgrade.subprotocol) {
    return fail(Errc::kInvalid, "the server does not speak " + upgrade.subprotocol);
  }
  return size;
}

}  // namespace duolog::ws

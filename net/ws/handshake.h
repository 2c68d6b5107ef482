// The upgrade from HTTP to WebSocket, server side (RFC 6455 section 4.2).
//
// Deciding and answering are two steps, because between them a session may still have to find out
// whether what the path names exists: check_upgrade(), then upgrade_response(). Pure functions.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::ws {

// Sec-WebSocket-Accept for a Sec-WebSocket-Key: base64(SHA-1(key + the RFC's GUID)); 28 characters.
[[nodiscard]] std::string accept_key(std::string_view key);

// True for the base64 form of 16 bytes: 22 characters of its alphabet and "==".
[[nodiscard]] bool is_valid_key(std::string_view key);

// What a client offered in Sec-WebSocket-Protocol, against what the endpoint speaks.
struct SubprotocolChoice {
  enum class Kind : std::uint8_t {
    kNoneOffered,  // the endpoint uses its default and echoes nothing
    kChosen,       // `name` is echoed
    kUnknown,      // offered, but none that the endpoint speaks: HTTP 400
    kMalformed,    // not a list of at most 32 different tokens: HTTP 400
  };
  Kind kind = Kind::kNoneOffered;
  std::string_view name;          // of kChosen: a view into `supported`
  std::string_view bearer_token;  // of "bearer.<token>", the way for browsers, which can set no
                                  // header; never echoed, never to be logged
};

// The client's first offer that is in `supported` wins. Subprotocol names are case-sensitive.
[[nodiscard]] SubprotocolChoice choose_subprotocol(std::span<const std::string_view> offered,
                                                   std::span<const std::string_view> supported);

// True when the request asks for this protocol at all (Upgrade holds "websocket"). What is not is
// plain HTTP on the same path; check_upgrade() refuses it with 426.
[[nodiscard]] bool asks_for_websocket(const http::Request& request);

struct Upgrade {
  std::string accept;        // the value of Sec-WebSocket-Accept
  std::string subprotocol;   // to be echoed; empty: none
  std::string extensions;    // agreed on, by the caller (deflate.h); empty: none
  std::string bearer_token;  // empty: none offered
};

// Checks the handshake: GET, HTTP/1.1, Upgrade and Connection, version 13, the key, no body,
// nothing doubled, a subprotocol out of `supported` (when empty, the endpoint has none, and offers
// are ignored, as RFC 6455 section 4.2.2 allows). Host and Origin are http::check_access()'s. The
// error is the response to send before closing.
[[nodiscard]] std::expected<Upgrade, http::Response> check_upgrade(
    const http::Request& request, std::span<const std::string_view> supported);

// The 101.
[[nodiscard]] http::Response upgrade_response(const Upgrade& upgrade);

}  // namespace duolog::ws

// The client's half of the upgrade from HTTP to WebSocket (RFC 6455 section 4.1).
//
// For the program's client commands, the load tool and tests. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace duolog::ws {

// The longest answer that is waited for.
inline constexpr std::size_t kMaxAnswerBytes = 16U << 10;

struct ClientUpgrade {
  std::string host;         // "127.0.0.1:8080", as it goes into Host
  std::string target;       // "/v1/ws"
  std::string key;          // from make_key
  std::string subprotocol;  // empty: none is offered
};

// Sec-WebSocket-Key of 16 bytes, which a client draws anew for each connection.
[[nodiscard]] std::string make_key(std::span<const std::uint8_t, 16> nonce);

// The request's bytes.
[[nodiscard]] std::string upgrade_request(const ClientUpgrade& upgrade);

// Looks at what has come in answer: how many bytes the 101 takes (frames follow it), or 0 while
// more is to come. An error says why there is no WebSocket: with the server's reason, kNotFound for
// a 404, kBusy for what may be tried again (429, 5xx), kUnsupported for another status; kInvalid
// for an answer that breaks the protocol.
[[nodiscard]] Result<std::size_t> check_answer(std::string_view received,
                                               const ClientUpgrade& upgrade);

}  // namespace duolog::ws

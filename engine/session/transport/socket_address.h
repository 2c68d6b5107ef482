// The two addresses of a connected socket, as text. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace duolog::session {

struct SocketAddress {
  std::string host;  // numeric; an IPv4 address in IPv6 clothes is written as IPv4. "?" if unknown
  std::uint16_t port = 0;
};

// getsockname(2): where the client reached this server.
[[nodiscard]] SocketAddress local_address_of(int descriptor);
// getpeername(2): the client.
[[nodiscard]] SocketAddress peer_address_of(int descriptor);
// The same for logs: "127.0.0.1:5130", "[::1]:5130".
[[nodiscard]] std::string peer_name_of(int descriptor);

}  // namespace duolog::session

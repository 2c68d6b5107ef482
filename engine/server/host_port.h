// HostPort: where to listen or connect, as "host:port"; an IPv6 host stands in brackets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace duolog::server {

struct HostPort {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Reads "127.0.0.1:9092", "localhost:0" or "[::1]:9092". kInvalid when host or port is missing or
// the port is not a number up to 65535; the message quotes `text`.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);

// The inverse of parse_host_port.
[[nodiscard]] std::string to_string(const HostPort& address);

}  // namespace duolog::server

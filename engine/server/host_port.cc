#include "engine/server/host_port.h"

#include <charconv>

namespace duolog::server {

namespace {

bool parse_port(std::string_view text, std::uint16_t& port) {
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && stopped == end;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const std::string quoted = "'" + std::string(text) + "'";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Errc::kInvalid, quoted + " has no port; write HOST:PORT, as in 127.0.0.1:9092");
  }
  HostPort address;
  if (!parse_port(text.substr(colon + 1), address.port)) {
    return fail(Errc::kInvalid, quoted + " does not end with a port from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return fail(Errc::kInvalid, quoted + " needs brackets around its IPv6 host, as in [::1]:9092");
  }
  if (host.empty()) {
    return fail(Errc::kInvalid, quoted + " has no host; 0.0.0.0 is every IPv4 address");
  }
  address.host = host;
  return address;
}

std::string to_string(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace duolog::server

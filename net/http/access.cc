#include "net/http/access.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

namespace duolog::http {
namespace {

struct Authority {
  std::string_view host;  // an IPv6 address without its brackets
  bool bracketed = false;
  std::optional<std::uint16_t> port;
};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_ipv6_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// host [":" port] and nothing else: no user information, no path, no escapes.
std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, end - 1);
    authority.bracketed = true;
    rest = text.substr(end + 1);
    if (!std::ranges::all_of(authority.host, is_ipv6_character)) return std::nullopt;
  } else {
    authority.host = text.substr(0, text.find(':'));
    rest = text.substr(authority.host.size());
    if (!std::ranges::all_of(authority.host, is_name_character)) return std::nullopt;
  }
  if (authority.host.empty()) return std::nullopt;
  if (rest.empty()) return authority;
  if (rest[0] != ':') return std::nullopt;
  authority.port = parse_port(rest.substr(1));
  if (!authority.port) return std::nullopt;
  return authority;
}

// An address in the bytes of its family, so that one address has one form.
struct Address {
  int family = 0;
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const Address&) const = default;
  [[nodiscard]] bool is_wildcard() const { return *this == Address{.family = family}; }
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string terminated(text);
  Address address;
  for (const int family : {AF_INET, AF_INET6}) {
    address.family = family;
    if (inet_pton(family, terminated.c_str(), address.bytes.data()) == 1) return address;
  }
  return std::nullopt;
}

bool address_allowed(const Address& address, const AccessPolicy& policy) {
  const auto listening = parse_address(policy.listen_address);
  return listening && (listening->is_wildcard() || *listening == address);
}

// Hosts are compared as addresses where both are, else as names without case.
bool same_host(const Authority& a, const Authority& b) {
  if (a.bracketed != b.bracketed) return false;
  if (a.bracketed) {
    const auto left = parse_address(a.host);
    return left && left == parse_address(b.host);
  }
  return iequals(a.host, b.host);
}

struct Origin {
  std::string_view scheme;
  Authority authority;
  std::uint16_t port = 0;
};

// scheme "://" host [":" port] (RFC 6454 section 6.2), of the schemes that a web page can have.
std::optional<Origin> parse_origin(std::string_view text) {
  Origin origin;
  for (const std::string_view scheme : {"http", "https"}) {
    if (text.size() > scheme.size() + 3 && iequals(text.substr(0, scheme.size()), scheme) &&
        text.substr(scheme.size(), 3) == "://") {
      origin.scheme = scheme;
    }
  }
  if (origin.scheme.empty()) return std::nullopt;
  const auto authority = parse_authority(text.substr(origin.scheme.size() + 3));
  if (!authority) return std::nullopt;
  origin.authority = *authority;
  origin.port = authority->port.value_or(origin.scheme == "https" ? 443 : 80);
  return origin;
}

}  // namespace

bool host_allowed(std::string_view host, const AccessPolicy& policy) {
  const auto authority = parse_authority(host);
  if (!authority) return false;
  if (const auto address = parse_address(authority->host)) {
    return (address->family == AF_INET6) == authority->bracketed &&
           address_allowed(*address, policy);
  }
  if (authority->bracketed) return false;
  return iequals(authority->host, "localhost") ||
         std::ranges::any_of(policy.host_names, [&](const std::string& name) {
           return iequals(authority->host, name);
         });
}

bool origin_allowed(std::string_view origin_text, std::string_view host,
                    const AccessPolicy& policy) {
  const auto origin = parse_origin(origin_text);
  if (!origin) return false;
  const std::string_view own_scheme = policy.tls ? "https" : "http";
  if (const auto own = parse_authority(host); own && origin->scheme == own_scheme) {
    const std::uint16_t own_port = own->port.value_or(policy.tls ? 443 : 80);
    if (same_host(origin->authority, *own) && origin->port == own_port) return true;
  }
  return std::ranges::any_of(policy.allowed_origins, [&](const std::string& text) {
    const auto allowed = parse_origin(text);
    return allowed && allowed->scheme == origin->scheme && allowed->port == origin->port &&
           same_host(allowed->authority, origin->authority);
  });
}

std::optional<Response> check_access(const Request& request, const AccessPolicy& policy) {
  const std::string* host = request.field("Host");
  if (host == nullptr) return error_response(400, "the Host header is missing");
  if (!host_allowed(*host, policy)) {
    return error_response(403, "this Host is not one of the server's names");
  }
  if (request.field_count("Origin") > 1) return error_response(400, "Origin is given twice");
  const std::string* origin = request.field("Origin");
  if (origin != nullptr && !origin_allowed(*origin, *host, policy)) {
    return error_response(403, "this Origin is not allowed");
  }
  return std::nullopt;
}

}  // namespace duolog::http

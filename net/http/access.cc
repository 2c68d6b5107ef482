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

constexpr std::string_view kAnyOrigin = "*";
constexpr std::string_view kNoOrigin = "null";

struct Origin {
  std::string_view scheme;
  Authority authority;     // its host may be empty, but for http and https: "file://"
  std::uint16_t port = 0;  // 0: the scheme has none that it means
};

bool is_scheme(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && is_letter(text[0]) && std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

// scheme "://" host [":" port] (RFC 6454 section 6.2).
std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || !is_scheme(text.substr(0, end))) return std::nullopt;
  Origin origin{.scheme = text.substr(0, end)};
  const std::string_view rest = text.substr(end + 3);
  const bool secure = iequals(origin.scheme, "https");
  const bool web = secure || iequals(origin.scheme, "http");
  if (rest.empty() && !web) return origin;
  const auto authority = parse_authority(rest);
  if (!authority) return std::nullopt;
  origin.authority = *authority;
  const std::uint16_t meant = secure ? 443 : web ? 80 : 0;
  origin.port = authority->port.value_or(meant);
  return origin;
}

bool same_origin(const Origin& a, const Origin& b) {
  return iequals(a.scheme, b.scheme) && a.port == b.port && same_host(a.authority, b.authority);
}

std::unexpected<Error> never_matches(std::string_view entry, std::string_view advice) {
  return fail(Errc::kInvalid,
              "'" + std::string(entry) + "' can never match; " + std::string(advice));
}

}  // namespace

bool host_allowed(std::string_view host, const AccessPolicy& policy) {
  const auto authority = parse_authority(host);
  if (!authority) return false;
  const bool listed = std::ranges::any_of(policy.host_names, [&](const std::string& name) {
    const auto known = parse_authority(name);
    return known && same_host(*known, *authority);
  });
  if (listed) return true;
  if (const auto address = parse_address(authority->host)) {
    return (address->family == AF_INET6) == authority->bracketed &&
           address_allowed(*address, policy);
  }
  if (authority->bracketed) return false;
  return iequals(authority->host, "localhost");
}

bool origin_allowed(std::string_view origin_text, std::string_view host,
                    const AccessPolicy& policy) {
  const auto origin = parse_origin(origin_text);
  const std::string own_text = (policy.tls ? "https://" : "http://") + std::string(host);
  const auto own = parse_origin(own_text);
  if (origin && own && same_origin(*origin, *own)) return true;
  return std::ranges::any_of(policy.allowed_origins, [&](const std::string& text) {
    if (text == kAnyOrigin || (text == kNoOrigin && origin_text == kNoOrigin)) return true;
    const auto allowed = parse_origin(text);
    return origin && allowed && same_origin(*origin, *allowed);
  });
}

Result<void> check_host_name(std::string_view entry) {
  const auto authority = parse_authority(entry);
  if (authority && same_host(*authority, *authority)) return {};
  return never_matches(entry, "write a name alone, as in duolog.example.com, or an address");
}

Result<void> check_allowed_origin(std::string_view entry) {
  if (entry == kAnyOrigin || entry == kNoOrigin) return {};
  const auto origin = parse_origin(entry);
  const bool of_websockets = entry.starts_with("ws://") || entry.starts_with("wss://");
  if (origin && !of_websockets && same_origin(*origin, *origin)) return {};
  return never_matches(entry,
                       "write SCHEME://HOST or SCHEME://HOST:PORT as a browser sends it, as in "
                       "https://app.example.com, or null, or *");
}

std::optional<Response> check_access(const Request& request, const AccessPolicy& policy) {
  const std::string* host = request.host();
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

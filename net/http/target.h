// The target of an HTTP request: path segments and query parameters, decoded (RFC 9112
// section 3.2).
//
// Decoding is strict: `%` is followed by two hex digits, or the target is refused. In the query,
// `+` is a space, because that is what URLSearchParams and HTML forms write for one (a plus is
// `%2B`). Decoded text may hold any bytes; whoever gives it a meaning checks it. Pure functions and
// values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace duolog::http {

struct QueryParameter {
  std::string name;
  std::string value;
};

enum class TargetForm : std::uint8_t {
  kOrigin,     // "/v1/ws?a=b"
  kAbsolute,   // "http://host/v1/ws?a=b": what a client sends that believes to speak to a proxy
  kAuthority,  // "host:443": what CONNECT asks a proxy for; there is no path
  kAsterisk,   // "*": the server as a whole, of OPTIONS; there is no path
};

struct Target {
  TargetForm form = TargetForm::kOrigin;
  std::string authority;              // of kAbsolute, instead of the Host header; of kAuthority
  std::string path;                   // as received, still encoded; begins with '/', or is empty
  std::vector<std::string> segments;  // decoded; "/v1/ws" -> {"v1", "ws"}, "/" -> {""}
  std::vector<QueryParameter> query;  // decoded, in the order received

  // The first parameter of that name, or nullptr.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
};

// Parses the target of a request with that method, on which its form depends. kInvalid: another
// form, an absolute one of another scheme than http and https, or with user information, a
// fragment, a bad escape.
[[nodiscard]] Result<Target> parse_target(std::string_view text, std::string_view method = "GET");

}  // namespace duolog::http

// The target of an HTTP request: path segments and query parameters, decoded (RFC 9112
// section 3.2.1).
//
// Decoding is strict: `%` is followed by two hex digits, or the target is refused. In the query,
// `+` is a space, because that is what URLSearchParams and HTML forms write for one (a plus is
// `%2B`). Decoded text may hold any bytes; whoever gives it a meaning checks it. Pure functions and
// values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace duolog::http {

struct QueryParameter {
  std::string name;
  std::string value;
};

struct Target {
  std::string path;                   // as received, still encoded; begins with '/'
  std::vector<std::string> segments;  // decoded; "/v1/ws" -> {"v1", "ws"}, "/" -> {""}
  std::vector<QueryParameter> query;  // decoded, in the order received

  // The first parameter of that name, or nullptr.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
};

// Parses a target in origin form. kInvalid: another form, a fragment, a bad escape.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

}  // namespace duolog::http

// An HTTP request as a value, and the lists that its fields hold (RFC 9110).
//
// Made by RequestParser, owned by the session that handles it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http/target.h"

namespace duolog::http {

struct Field {
  std::string name;  // as received; compare with iequals
  std::string value;
};

// ASCII case-insensitive equality, as field names and many tokens want it.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);

struct Request {
  std::string method;  // case-sensitive: "GET"
  Target target;
  int version_minor = 1;  // HTTP/1.x
  std::vector<Field> fields;
  std::string body;
  bool keep_alive = true;  // the connection may carry another request after the response

  // The first field of that name, or nullptr.
  [[nodiscard]] const std::string* field(std::string_view name) const;
  // Whom the request is for: the target's, where it names one, and else the Host header's (RFC 9112
  // section 3.2.2); nullptr: HTTP/1.0 need not say.
  [[nodiscard]] const std::string* host() const;
  [[nodiscard]] std::size_t field_count(std::string_view name) const;
};

// The elements of a comma-separated list, over all fields of that name, without white space around
// them; empty elements are skipped (RFC 9110 section 5.6.1). Views into `request`.
[[nodiscard]] std::vector<std::string_view> list_elements(const Request& request,
                                                          std::string_view name);

// True when a list field holds `token`, in whatever case.
[[nodiscard]] bool list_contains(const Request& request, std::string_view name,
                                 std::string_view token);

// True for one or more characters of a token (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text);

}  // namespace duolog::http

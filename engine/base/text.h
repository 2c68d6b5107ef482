// Small questions about text.
#pragma once

#include <string_view>

namespace duolog {

// Without the spaces at both ends: those of HTTP's fields (RFC 9110, 5.6.3: OWS) unless others are
// given.
[[nodiscard]] inline std::string_view trimmed(std::string_view text,
                                              std::string_view spaces = " \t") {
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

}  // namespace duolog

// What somebody may have meant who has mistyped a name.
#pragma once

#include <span>
#include <string_view>

namespace duolog {

// The one of `names` that takes the fewest letters to be put in, left out or replaced to become
// `mistyped`: at most two, or a third of it. Empty: none is that near.
[[nodiscard]] std::string_view nearest_name(std::string_view mistyped,
                                            std::span<const std::string_view> names);

}  // namespace duolog

// Which Duolog this is. Defined in a source that the build writes (cmake/version.cmake); link
// duolog_version.
#pragma once

#include <string_view>

namespace duolog {

// "0.1.0".
[[nodiscard]] std::string_view version();

// The abbreviated git commit, with "-dirty" when tracked files differed from it; "unknown" when the
// tree is not a git clone.
[[nodiscard]] std::string_view commit();

}  // namespace duolog

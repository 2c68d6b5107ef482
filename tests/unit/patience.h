// kPatience: how long a test waits for what must come.
//
// Far longer than anything takes: a loaded machine may not let a test run for a while. What hangs
// ends long before, by tests/guard.
#pragma once

#include <chrono>

namespace duolog {

inline constexpr std::chrono::minutes kPatience{5};

}  // namespace duolog

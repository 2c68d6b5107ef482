// What this program's operator new has given out: allocations.cc replaces it.
#pragma once

#include <cstddef>

namespace duolog::push {

[[nodiscard]] std::size_t allocations();  // so far
[[nodiscard]] std::size_t live_bytes();   // now

}  // namespace duolog::push

// What this program's operator new has given out: allocations.cc replaces it.
#pragma once

#include <cstddef>

namespace duolog {

[[nodiscard]] std::size_t allocations();            // so far, by any thread
[[nodiscard]] std::size_t allocations_of_thread();  // by this one
[[nodiscard]] std::size_t live_bytes();             // now

}  // namespace duolog

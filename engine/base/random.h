// The kernel's random numbers.
#pragma once

#include <cstdint>
#include <span>

namespace duolog {

// Fills `into`, at most 256 bytes, from the kernel's generator; getrandom(2), which fails for no
// program that may call it.
void random_bytes(std::span<std::uint8_t> into);

}  // namespace duolog

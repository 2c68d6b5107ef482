// tested_turn_us(): the time of a turn of servers in tests: the server's default, or what
// DUOLOG_TURN_US says. With 0 each turn serves one connection of each class, so that everything
// takes the ways of a loaded shard.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "engine/runtime/settings.h"

namespace duolog {

inline std::uint32_t tested_turn_us() {
  const char* const asked = std::getenv("DUOLOG_TURN_US");
  if (asked == nullptr) return runtime::Settings().turn_us;
  return static_cast<std::uint32_t>(std::strtoul(asked, nullptr, 10));
}

}  // namespace duolog

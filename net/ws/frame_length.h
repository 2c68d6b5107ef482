// The length of a frame that we have encoded ourselves, and look at again: it is not masked.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace duolog::ws {

// Header and payload of the frame that begins at `head`, whose header is there.
[[nodiscard]] inline std::uint64_t frame_length(const std::uint8_t* head) {
  const std::uint8_t length7 = head[1];
  if (length7 == 126) return std::uint64_t{4} + load_be<std::uint16_t>(head + 2);
  if (length7 == 127) return 10 + load_be<std::uint64_t>(head + 2);
  return std::uint64_t{2} + length7;
}

}  // namespace duolog::ws

#include "net/ws/mask.h"

#include <bit>

#include <emmintrin.h>

namespace duolog::ws {

void apply_mask(MutableBytes payload, MaskKey key, std::uint64_t offset) {
  const std::uint32_t turned = std::rotr(key, static_cast<int>(8 * (offset % 4)));
  const __m128i wide = _mm_set1_epi32(static_cast<int>(turned));
  std::uint8_t* at = payload.data();
  std::size_t left = payload.size();
  for (; left >= 16; at += 16, left -= 16) {
    auto* const block = reinterpret_cast<__m128i*>(at);
    _mm_storeu_si128(block, _mm_xor_si128(_mm_loadu_si128(block), wide));
  }
  for (; left >= 4; at += 4, left -= 4)
    store_le<std::uint32_t>(at, load_le<std::uint32_t>(at) ^ turned);
  for (std::size_t i = 0; i < left; ++i) at[i] ^= static_cast<std::uint8_t>(turned >> (8 * i));
}

}  // namespace duolog::ws

#include "net/ws/utf8.h"

#include <emmintrin.h>

namespace duolog::ws {
namespace {

// The length of the ASCII run at the start of `text`, rounded down to whole 16-byte blocks.
std::size_t ascii_blocks(const std::uint8_t* text, std::size_t size) {
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    if (_mm_movemask_epi8(block) != 0) break;
  }
  return at;
}

}  // namespace

// RFC 3629 section 4: the lead byte fixes the length and the range of the byte that follows it.
bool Utf8Validator::step(std::uint8_t byte) {
  if (pending_ != 0) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    --pending_;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  pending_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  if (byte == 0xE0) low_ = 0xA0;   // below: overlong
  if (byte == 0xED) high_ = 0x9F;  // above: surrogates
  if (byte == 0xF0) low_ = 0x90;   // below: overlong
  if (byte == 0xF4) high_ = 0x8F;  // above: beyond U+10FFFF
  return true;
}

bool Utf8Validator::feed(Bytes slice) {
  const std::uint8_t* const bytes = slice.data();
  const std::size_t size = slice.size();
  std::size_t at = 0;
  while (at < size) {
    if (pending_ == 0 && bytes[at] < 0x80) {
      at += ascii_blocks(bytes + at, size - at);
      while (at < size && bytes[at] < 0x80) ++at;
      continue;
    }
    if (!step(bytes[at])) return false;
    ++at;
  }
  return true;
}

bool is_valid_utf8(Bytes text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace duolog::ws

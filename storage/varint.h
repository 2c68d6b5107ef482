// Zigzag varints, as Kafka's records use them.
//
// A number is folded so that small magnitudes are small (0, -1, 1, -2, ...) and written in groups
// of seven bits, lowest first, the top bit saying that more follow. Longer forms than necessary
// are read, as Kafka reads them; bits beyond the type's width are refused.
// Source: Kafka's message format, "Record"; Protocol Buffers encoding, "sint32" and "sint64".
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/base/bytes.h"

namespace duolog::storage {

inline constexpr std::size_t kMaxVarint32Bytes = 5;
inline constexpr std::size_t kMaxVarint64Bytes = 10;

namespace detail {

template <class Signed>
[[nodiscard]] constexpr std::make_unsigned_t<Signed> zigzag(Signed value) {
  using Unsigned = std::make_unsigned_t<Signed>;
  return (static_cast<Unsigned>(value) << 1) ^
         static_cast<Unsigned>(value >> (8 * sizeof(Signed) - 1));
}
template <class Unsigned>
[[nodiscard]] constexpr std::make_signed_t<Unsigned> unzigzag(Unsigned folded) {
  return static_cast<std::make_signed_t<Unsigned>>((folded >> 1) ^ (Unsigned{0} - (folded & 1)));
}

template <class Signed>
[[nodiscard]] inline const std::uint8_t* read_long_varint(const std::uint8_t* at,
                                                          const std::uint8_t* end, Signed& value) {
  using Unsigned = std::make_unsigned_t<Signed>;
  constexpr unsigned kBits = 8 * sizeof(Signed);
  Unsigned folded = 0;
  for (unsigned shift = 0; shift < kBits && at < end; shift += 7) {
    const Unsigned byte = *at++;
    const Unsigned group = byte & 0x7f;
    if (shift + 7 > kBits && (group >> (kBits - shift)) != 0) return nullptr;
    folded |= group << shift;
    if (byte < 0x80) {
      value = unzigzag(folded);
      return at;
    }
  }
  return nullptr;
}

template <class Signed>
[[nodiscard]] inline const std::uint8_t* read_varint(const std::uint8_t* at,
                                                     const std::uint8_t* end, Signed& value) {
  if (at < end && *at < 0x80) [[likely]] {
    value = unzigzag(static_cast<std::make_unsigned_t<Signed>>(*at));
    return at + 1;
  }
  if (end - at >= 2 && at[1] < 0x80) {  // lengths from 64 to 8191, and most offset deltas
    value = unzigzag(static_cast<std::make_unsigned_t<Signed>>((at[0] & 0x7f) | (at[1] << 7)));
    return at + 2;
  }
  return read_long_varint(at, end, value);
}

}  // namespace detail

// Read one number from [at, end). They return the byte after it, or null when the bytes end
// within it or it does not fit; `value` is then unchanged.
[[nodiscard]] inline const std::uint8_t* read_varint32(const std::uint8_t* at,
                                                       const std::uint8_t* end,
                                                       std::int32_t& value) {
  return detail::read_varint(at, end, value);
}
[[nodiscard]] inline const std::uint8_t* read_varint64(const std::uint8_t* at,
                                                       const std::uint8_t* end,
                                                       std::int64_t& value) {
  return detail::read_varint(at, end, value);
}

// Bytes that write_varint takes for `value`: 1 to 10. A 32-bit number takes the same as the
// 64-bit number that it equals.
[[nodiscard]] constexpr std::size_t varint_size(std::int64_t value) {
  const auto bits = std::bit_width(detail::zigzag(value) | 1);
  return (static_cast<std::size_t>(bits) + 6) / 7;
}

// Writes `value` in its shortest form and returns the byte after it. The caller guarantees
// varint_size(value) writable bytes.
inline std::uint8_t* write_varint(std::uint8_t* at, std::int64_t value) {
  auto folded = detail::zigzag(value);
  for (; folded >= 0x80; folded >>= 7) *at++ = static_cast<std::uint8_t>(folded | 0x80);
  *at++ = static_cast<std::uint8_t>(folded);
  return at;
}

}  // namespace duolog::storage

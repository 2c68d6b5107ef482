// Bytes: views of memory, and loads and stores of fixed-width integers in either byte order.
//
// Kafka's wire and record batches are big-endian; our own files are little-endian.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace duolog {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace detail {
template <class T>
[[nodiscard]] constexpr T byteswap(T value) {
  using U = std::make_unsigned_t<T>;
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<U>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<U>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<U>(value)));
}
}  // namespace detail

static_assert(std::endian::native == std::endian::little, "Duolog runs on little-endian machines");

// The caller guarantees sizeof(T) readable (writable) bytes at `at`; no alignment is needed.
template <class T>
[[nodiscard]] T load_le(const void* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class T>
[[nodiscard]] T load_be(const void* at) {
  return detail::byteswap(load_le<T>(at));
}
template <class T>
void store_le(void* at, std::type_identity_t<T> value) {
  std::memcpy(at, &value, sizeof value);
}
template <class T>
void store_be(void* at, std::type_identity_t<T> value) {
  store_le<T>(at, detail::byteswap(static_cast<T>(value)));
}

[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t power_of_two) {
  return value & ~(power_of_two - 1);
}
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t power_of_two) {
  return align_down(value + power_of_two - 1, power_of_two);
}

}  // namespace duolog

#include "engine/base/crc32c.h"

#include <array>

#include <nmmintrin.h>

namespace duolog {
namespace {

// One block is three streams of kStreamBytes each. The crc32 instruction has a latency of three
// cycles and a throughput of one, so three independent streams keep it busy.
constexpr std::size_t kStreamBytes = 1024;
constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reversed

// Advances a CRC register over kStreamBytes zero bytes, by table: the operation is linear over
// GF(2), so each byte of the register contributes independently.
using ShiftTable = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr std::uint32_t shift_zero_bytes(std::uint32_t crc, std::size_t count) {
  for (std::size_t bit = 0; bit < count * 8; ++bit) {
    crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
  }
  return crc;
}

ShiftTable make_shift_table() {
  ShiftTable table{};
  for (unsigned byte = 0; byte < 4; ++byte) {
    std::array<std::uint32_t, 8> of_bit{};
    for (unsigned bit = 0; bit < 8; ++bit) {
      of_bit[bit] = shift_zero_bytes(1U << (8 * byte + bit), kStreamBytes);
    }
    for (unsigned value = 0; value < 256; ++value) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (value & (1U << bit)) table[byte][value] ^= of_bit[bit];
      }
    }
  }
  return table;
}

std::uint32_t shift_stream(const ShiftTable& table, std::uint64_t crc) {
  return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
         table[3][(crc >> 24) & 0xff];
}

}  // namespace

std::uint32_t crc32c(Bytes bytes, std::uint32_t previous) {
  static const ShiftTable table = make_shift_table();
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t crc = previous ^ 0xffffffffU;

  while (left >= 3 * kStreamBytes) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < kStreamBytes; i += 8) {
      crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(at + i));
      second = _mm_crc32_u64(second, load_le<std::uint64_t>(at + kStreamBytes + i));
      third = _mm_crc32_u64(third, load_le<std::uint64_t>(at + 2 * kStreamBytes + i));
    }
    crc = shift_stream(table, crc) ^ second;
    crc = shift_stream(table, crc) ^ third;
    at += 3 * kStreamBytes;
    left -= 3 * kStreamBytes;
  }
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(at));
  for (; left > 0; ++at, --left) crc = _mm_crc32_u8(static_cast<std::uint32_t>(crc), *at);
  return static_cast<std::uint32_t>(crc) ^ 0xffffffffU;
}

}  // namespace duolog

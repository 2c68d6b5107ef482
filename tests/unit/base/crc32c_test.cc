#include "engine/base/crc32c.h"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace duolog {
namespace {

// One bit at a time, straight from the polynomial.
std::uint32_t reference_crc32c(Bytes bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (auto byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  std::mt19937 random(20260401);
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

TEST(Crc32cTest, MatchesTheVectorsOfRfc3720) {
  std::array<std::uint8_t, 32> bytes{};
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  bytes.fill(0xff);
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  for (std::uint8_t i = 0; i < 32; ++i) bytes[i] = i;
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  for (std::uint8_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::uint8_t>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);
  constexpr std::array<std::uint8_t, 48> kScsiRead = {
      0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
      0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0};
  EXPECT_EQ(crc32c(kScsiRead), 0xd9963a56U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32cTest, MatchesTheReferenceAtEveryLengthAndAlignment) {
  const auto bytes = random_bytes(400);
  for (std::size_t from = 0; from < 8; ++from) {
    for (std::size_t size = 0; from + size <= bytes.size(); ++size) {
      const Bytes part = Bytes(bytes).subspan(from, size);
      ASSERT_EQ(crc32c(part), reference_crc32c(part)) << from << " " << size;
    }
  }
}

TEST(Crc32cTest, MatchesTheReferenceAroundItsInterleavedBlocks) {
  const auto bytes = random_bytes(3 * 3072 + 64);
  for (std::size_t blocks = 1; blocks <= 3; ++blocks) {
    for (std::size_t around = 0; around < 40; ++around) {
      const Bytes part = Bytes(bytes).subspan(around % 8, blocks * 3072 - 20 + around);
      ASSERT_EQ(crc32c(part), reference_crc32c(part)) << blocks << " " << around;
    }
  }
}

TEST(Crc32cTest, ContinuesFromAnySplit) {
  const auto bytes = random_bytes(7000);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t at = 0; at <= bytes.size(); at += at < 100 ? 1 : 37) {
    ASSERT_EQ(crc32c(Bytes(bytes).subspan(at), crc32c(Bytes(bytes).first(at))), whole) << at;
  }
}

}  // namespace
}  // namespace duolog

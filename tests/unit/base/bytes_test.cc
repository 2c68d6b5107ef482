#include "engine/base/bytes.h"

#include <array>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace duolog {
namespace {

TEST(BytesTest, StoresAndLoadsBothByteOrdersAtAnyAlignment) {
  std::array<std::uint8_t, 16> memory{};
  for (std::size_t at = 0; at < 8; ++at) {
    store_be<std::int32_t>(&memory[at], 0x01020304);
    EXPECT_EQ(memory[at], 1);
    EXPECT_EQ(memory[at + 3], 4);
    EXPECT_EQ(load_be<std::int32_t>(&memory[at]), 0x01020304);
    EXPECT_EQ(load_le<std::int32_t>(&memory[at]), 0x04030201);
    store_le<std::uint64_t>(&memory[at], 0x0102030405060708U);
    EXPECT_EQ(memory[at], 8);
    EXPECT_EQ(load_be<std::uint64_t>(&memory[at]), 0x0807060504030201U);
  }
}

TEST(BytesTest, KeepsTheSignOfEveryWidth) {
  std::array<std::uint8_t, 8> memory{};
  store_be<std::int8_t>(memory.data(), -2);
  EXPECT_EQ(load_be<std::int8_t>(memory.data()), -2);
  store_be<std::int16_t>(memory.data(), -2);
  EXPECT_EQ(load_be<std::int16_t>(memory.data()), -2);
  store_be<std::int32_t>(memory.data(), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(load_be<std::int32_t>(memory.data()), std::numeric_limits<std::int32_t>::min());
  store_be<std::int64_t>(memory.data(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(load_be<std::int64_t>(memory.data()), std::numeric_limits<std::int64_t>::min());
}

TEST(BytesTest, AlignsDownAndUpToPowersOfTwo) {
  EXPECT_EQ(align_down(4097, 4096), 4096U);
  EXPECT_EQ(align_up(4097, 4096), 8192U);
  EXPECT_EQ(align_up(4096, 4096), 4096U);
  EXPECT_EQ(align_up(0, 4096), 0U);
}

TEST(BytesTest, TextAndBytesAreTheSameMemory) {
  const std::string_view text = "a\0b";
  EXPECT_EQ(as_text(as_bytes(text)), text);
  EXPECT_EQ(static_cast<const void*>(as_bytes(text).data()), text.data());
}

}  // namespace
}  // namespace duolog

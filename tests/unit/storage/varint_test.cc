#include "storage/varint.h"

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::storage {
namespace {

std::vector<std::uint8_t> written(std::int64_t value) {
  std::array<std::uint8_t, kMaxVarint64Bytes> memory{};
  const std::uint8_t* end = write_varint(memory.data(), value);
  return std::vector<std::uint8_t>(static_cast<const std::uint8_t*>(memory.data()), end);
}

std::vector<std::int64_t> interesting_numbers() {
  std::vector<std::int64_t> numbers = {0, std::numeric_limits<std::int64_t>::min()};
  for (int bit = 0; bit < 63; ++bit) {
    for (std::int64_t around = -1; around <= 1; ++around) {
      numbers.push_back((std::int64_t{1} << bit) + around);
      numbers.push_back(-(std::int64_t{1} << bit) + around);
    }
  }
  numbers.push_back(std::numeric_limits<std::int64_t>::max());
  return numbers;
}

TEST(VarintTest, WritesTheBytesThatKafkaWrites) {
  EXPECT_EQ(written(0), (std::vector<std::uint8_t>{0x00}));
  EXPECT_EQ(written(-1), (std::vector<std::uint8_t>{0x01}));
  EXPECT_EQ(written(1), (std::vector<std::uint8_t>{0x02}));
  EXPECT_EQ(written(63), (std::vector<std::uint8_t>{0x7e}));
  EXPECT_EQ(written(-64), (std::vector<std::uint8_t>{0x7f}));
  EXPECT_EQ(written(64), (std::vector<std::uint8_t>{0x80, 0x01}));
  EXPECT_EQ(written(8192), (std::vector<std::uint8_t>{0x80, 0x80, 0x01}));
  EXPECT_EQ(written(std::numeric_limits<std::int32_t>::max()),
            (std::vector<std::uint8_t>{0xfe, 0xff, 0xff, 0xff, 0x0f}));
  EXPECT_EQ(written(std::numeric_limits<std::int32_t>::min()),
            (std::vector<std::uint8_t>{0xff, 0xff, 0xff, 0xff, 0x0f}));
}

TEST(VarintTest, RoundTripsEveryMagnitude) {
  for (const auto number : interesting_numbers()) {
    const auto bytes = written(number);
    ASSERT_EQ(bytes.size(), varint_size(number)) << number;
    const std::uint8_t* end = bytes.data() + bytes.size();
    std::int64_t read = ~number;
    ASSERT_EQ(read_varint64(bytes.data(), end, read), end) << number;
    ASSERT_EQ(read, number);
    const bool fits = number == static_cast<std::int32_t>(number);
    std::int32_t narrow = 0;
    ASSERT_EQ(read_varint32(bytes.data(), end, narrow), fits ? end : nullptr) << number;
    if (fits) {
      ASSERT_EQ(narrow, number);
    }
  }
}

TEST(VarintTest, RefusesEveryTruncation) {
  for (const auto number : interesting_numbers()) {
    const auto bytes = written(number);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of its own, so that a sanitizer sees any read beyond it.
      const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
      std::int64_t wide = 0;
      std::int32_t narrow = 0;
      ASSERT_EQ(read_varint64(cut.data(), cut.data() + size, wide), nullptr);
      ASSERT_EQ(read_varint32(cut.data(), cut.data() + size, narrow), nullptr);
    }
  }
}

TEST(VarintTest, ReadsLongerFormsButNoBitsBeyondTheType) {
  const std::vector<std::uint8_t> padded = {0x82, 0x80, 0x80, 0x80, 0x00};
  std::int32_t narrow = 0;
  EXPECT_NE(read_varint32(padded.data(), padded.data() + padded.size(), narrow), nullptr);
  EXPECT_EQ(narrow, 1);
  const std::vector<std::uint8_t> beyond = {0x82, 0x80, 0x80, 0x80, 0x10};
  EXPECT_EQ(read_varint32(beyond.data(), beyond.data() + beyond.size(), narrow), nullptr);
  const std::vector<std::uint8_t> endless(11, 0x80);
  std::int64_t wide = 0;
  EXPECT_EQ(read_varint32(endless.data(), endless.data() + endless.size(), narrow), nullptr);
  EXPECT_EQ(read_varint64(endless.data(), endless.data() + endless.size(), wide), nullptr);
  std::vector<std::uint8_t> ten(10, 0xff);
  ten[9] = 0x02;
  EXPECT_EQ(read_varint64(ten.data(), ten.data() + ten.size(), wide), nullptr);
}

}  // namespace
}  // namespace duolog::storage

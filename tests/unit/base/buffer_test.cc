#include "engine/base/buffer.h"

#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace duolog {
namespace {

TEST(BufferTest, KeepsItsBytesWhileItGrows) {
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) buffer.append(as_bytes("0123456789"));
  ASSERT_EQ(buffer.size(), 10'000U);
  for (std::size_t i = 0; i < buffer.size(); ++i) ASSERT_EQ(buffer.data()[i], '0' + i % 10);
}

TEST(BufferTest, ReservesExactlyAndNeverShrinks) {
  Buffer buffer;
  buffer.reserve(100);
  EXPECT_EQ(buffer.capacity(), 100U);
  buffer.reserve(50);
  EXPECT_EQ(buffer.capacity(), 100U);
  buffer.resize(101);
  EXPECT_EQ(buffer.capacity(), 200U);
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.capacity(), 200U);
}

TEST(BufferTest, MovesItsMemoryAndConvertsToViews) {
  Buffer from;
  from.append(as_bytes("abc"));
  const std::uint8_t* memory = from.data();
  Buffer to(std::move(from));
  EXPECT_EQ(to.data(), memory);
  Buffer assigned;
  assigned = std::move(to);
  MutableBytes view = assigned;
  view[0] = 'x';
  EXPECT_EQ(as_text(assigned), "xbc");
}

TEST(BufferTest, AppendsNothingToNothing) {
  Buffer buffer;
  buffer.append({});
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(Bytes(buffer).empty());
}

}  // namespace
}  // namespace duolog

#include "engine/base/spsc_ring.h"

#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace duolog {
namespace {

TEST(SpscRingTest, ShowsNothingBeforeItIsPublished) {
  SpscRing<int> ring(4);
  int item = 0;
  EXPECT_FALSE(ring.publish());
  ASSERT_TRUE(ring.stage(7));
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.pop(item));
  EXPECT_TRUE(ring.publish());
  EXPECT_FALSE(ring.publish());
  EXPECT_FALSE(ring.empty());
  ASSERT_TRUE(ring.pop(item));
  EXPECT_EQ(item, 7);
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.pop(item));
}

TEST(SpscRingTest, RefusesOneMoreThanItsCapacityAndGoesOnAfterAPop) {
  SpscRing<int> ring(4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(ring.stage(i));
  EXPECT_FALSE(ring.stage(4));
  ring.publish();
  int item = -1;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(ring.pop(item));
    EXPECT_EQ(item, i);
    ASSERT_TRUE(ring.stage(i + 4));
    EXPECT_FALSE(ring.stage(0));
    ring.publish();
  }
}

TEST(SpscRingTest, CarriesEveryItemInOrderBetweenTwoThreads) {
  constexpr std::uint64_t kItems = 1'000'000;
  struct Message {
    std::uint64_t number;
    std::uint64_t square;
  };
  SpscRing<Message> ring(256);
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kItems; ++i) {
      while (!ring.stage({i, i * i})) {
        ring.publish();
        std::this_thread::yield();
      }
      if (i % 7 == 0) ring.publish();
    }
    ring.publish();
  });
  std::uint64_t wrong = 0;
  Message message{};
  for (std::uint64_t i = 0; i < kItems; ++i) {
    while (!ring.pop(message)) std::this_thread::yield();
    if (message.number != i || message.square != i * i) ++wrong;
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRingDeathTest, NeedsAPowerOfTwo) { EXPECT_DEATH(SpscRing<int>(3), "CHECK"); }

}  // namespace
}  // namespace duolog

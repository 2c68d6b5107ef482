#include "engine/base/nearest_name.h"

#include <array>

#include <gtest/gtest.h>

namespace duolog {
namespace {

constexpr std::array<std::string_view, 4> kNames{"topic", "produce", "consume", "a-long-name-too"};

TEST(NearestNameTest, FindsWhatTakesTheFewestLetters) {
  EXPECT_EQ(nearest_name("topik", kNames), "topic");
  EXPECT_EQ(nearest_name("porduce", kNames), "produce");
  EXPECT_EQ(nearest_name("consum", kNames), "consume");
}

TEST(NearestNameTest, LeavesAloneWhatIsFarFromEverything) {
  EXPECT_EQ(nearest_name("delete", kNames), "");
  EXPECT_EQ(nearest_name("tppppic", kNames), "");
  EXPECT_EQ(nearest_name("topic", {}), "");
}

TEST(NearestNameTest, ForgivesMoreInALongerName) {
  EXPECT_EQ(nearest_name("a-loong-naame-tooo", kNames), "a-long-name-too");
}

}  // namespace
}  // namespace duolog

#include "engine/base/uuid.h"

#include <unordered_set>

#include <gtest/gtest.h>

namespace duolog {
namespace {

TEST(UuidTest, TextRoundTripsAndIsUrlSafe) {
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = random_uuid();
    const std::string text = to_text(id);
    ASSERT_EQ(text.size(), 22U);
    ASSERT_NE(text[0], '-');
    ASSERT_EQ(text.find_first_of("+/="), std::string::npos);
    const auto parsed = parse_uuid(text);
    ASSERT_TRUE(parsed) << text;
    ASSERT_EQ(*parsed, id);
  }
}

TEST(UuidTest, PrintsLikeKafka) {
  Uuid id;
  EXPECT_TRUE(id.is_zero());
  EXPECT_EQ(to_text(id), "AAAAAAAAAAAAAAAAAAAAAA");
  id.bytes[15] = 1;  // the id of Kafka's metadata topic
  EXPECT_EQ(to_text(id), "AAAAAAAAAAAAAAAAAAAAAQ");
  id.bytes.fill(0xff);
  EXPECT_EQ(to_text(id), "_____________________w");
}

TEST(UuidTest, RandomOnesAreVersionFourAndDiffer) {
  std::unordered_set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = random_uuid();
    EXPECT_EQ(id.bytes[6] >> 4, 4);
    EXPECT_EQ(id.bytes[8] >> 6, 2);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(UuidTest, RefusesOtherLengthsAndCharacters) {
  EXPECT_FALSE(parse_uuid(""));
  EXPECT_FALSE(parse_uuid("AAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(parse_uuid("AAAAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(parse_uuid("AAAAAAAAAA+AAAAAAAAAAA"));
  EXPECT_FALSE(parse_uuid("AAAAAAAAAAAAAAAAAAAAA="));
}

}  // namespace
}  // namespace duolog

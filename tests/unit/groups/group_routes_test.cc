#include "engine/groups/group_routes.h"

#include <gtest/gtest.h>

namespace duolog::groups {
namespace {

// The expected numbers are those that Java's String and Kafka's Utils.abs give.
TEST(GroupRoutesTest, HashesAsJavaDoes) {
  EXPECT_EQ(java_hash(""), 0);
  EXPECT_EQ(java_hash("abc"), 96354);
  EXPECT_EQ(java_hash("hello"), 99162322);
  EXPECT_EQ(java_hash("polygenelubricants"), INT32_MIN);
  EXPECT_EQ(java_hash("gr\xc3\xbc\xc3\x9f"), 3186062);  // one unit each
  EXPECT_EQ(java_hash("\xe2\x82\xac"), 8364);           // three bytes, one unit
  EXPECT_EQ(java_hash("\xf0\x9f\x98\x80"), 1772899);    // two units
}

TEST(GroupRoutesTest, CountsLengthInUtf16Units) {
  EXPECT_EQ(utf16_length("abc"), 3U);
  EXPECT_EQ(utf16_length("\xe2\x82\xac"), 1U);
  EXPECT_EQ(utf16_length("\xf0\x9f\x98\x80"), 2U);
}

TEST(GroupRoutesTest, BytesThatAreNotUtf8CountAsReplacements) {
  EXPECT_EQ(java_hash("\xff"), 0xfffd);
  EXPECT_EQ(utf16_length("\xc3"), 1U);          // cut off
  EXPECT_EQ(utf16_length("\xc0\x80"), 2U);      // overlong
  EXPECT_EQ(utf16_length("\xed\xa0\x80"), 3U);  // a surrogate
}

TEST(GroupRoutesTest, APartitionIsTheAbsoluteHashModuloTheirNumber) {
  EXPECT_EQ(partition_of_group("abc", 50), PartitionId(96354 % 50));
  EXPECT_EQ(java_hash("my-group"), -1906497762);
  EXPECT_EQ(partition_of_group("my-group", 50), PartitionId(12));
  EXPECT_EQ(partition_of_group("my-group", 7), PartitionId(1906497762 % 7));
  EXPECT_EQ(partition_of_group("polygenelubricants", 50), PartitionId(0));
}

}  // namespace
}  // namespace duolog::groups

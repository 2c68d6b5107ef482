#include "engine/broker/partitioner.h"

#include <gtest/gtest.h>

namespace duolog::broker {
namespace {

// Values from Kafka's UtilsTest.
TEST(PartitionerTest, HashesLikeKafka) {
  EXPECT_EQ(murmur2(as_bytes("21")), -973932308);
  EXPECT_EQ(murmur2(as_bytes("foobar")), -790332482);
  EXPECT_EQ(murmur2(as_bytes("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(murmur2(as_bytes("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(murmur2(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")), -58897971);
  EXPECT_EQ(murmur2(as_bytes("abc")), 479470107);
}

TEST(PartitionerTest, ChoosesByThePositivePartOfTheHash) {
  EXPECT_EQ(partition_for_key(as_bytes("abc"), 8), PartitionId(479470107 % 8));
  EXPECT_EQ(partition_for_key(as_bytes("foobar"), 7), PartitionId((-790332482 & 0x7fffffff) % 7));
  EXPECT_EQ(partition_for_key(as_bytes("foobar"), 1), PartitionId(0));
  const auto of_empty = partition_for_key({}, 8);
  EXPECT_GE(of_empty, PartitionId(0));
  EXPECT_LT(of_empty, PartitionId(8));
}

}  // namespace
}  // namespace duolog::broker

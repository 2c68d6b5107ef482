// What takes the place of lost records is a control batch that spans their offsets, and that every
// reader of batches reads.
#include "storage/gap_batch.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record.h"
#include "storage/record_batch.h"

namespace duolog::storage {
namespace {

TEST(GapBatchTest, SpansTheOffsetsAndHasOneControlRecord) {
  std::vector<std::uint8_t> bytes;
  append_gap(Offset(700), Offset(745), LeaderEpoch(3), Timestamp(1234), bytes);
  ASSERT_EQ(bytes.size(), kGapBatchBytes);
  const auto header = parse_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->is_control());
  EXPECT_FALSE(header->has_producer_id());
  EXPECT_EQ(header->size_bytes(), bytes.size());
  EXPECT_EQ(header->base_offset, Offset(700));
  EXPECT_EQ(header->next_offset(), Offset(745));
  EXPECT_EQ(header->leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(header->max_timestamp, Timestamp(1234));
  EXPECT_TRUE(crc_matches(bytes));
  int records = 0;
  EXPECT_TRUE(for_each_record(*header, records_of(bytes, *header), [&](const Record& record) {
    EXPECT_EQ(record.offset, Offset(700));
    EXPECT_EQ(record.key->size(), 4U);
    EXPECT_EQ(load_be<std::int16_t>(record.key->data()), 0);
    EXPECT_EQ(load_be<std::int16_t>(record.key->data() + 2), kGapRecordType);
    ++records;
    return true;
  }));
  EXPECT_EQ(records, 1);
}

TEST(GapBatchTest, NoOffsetsAreNoBatch) {
  std::vector<std::uint8_t> bytes;
  append_gap(Offset(7), Offset(7), LeaderEpoch(0), Timestamp(-1), bytes);
  EXPECT_TRUE(bytes.empty());
}

TEST(GapBatchTest, MoreOffsetsThanABatchSpansAreSeveral) {
  constexpr std::int64_t kMany = std::numeric_limits<std::int32_t>::max() + 10LL;
  std::vector<std::uint8_t> bytes;
  append_gap(Offset(1), Offset(1 + kMany), LeaderEpoch(0), Timestamp(-1), bytes);
  ASSERT_EQ(bytes.size(), 2 * kGapBatchBytes);
  const auto first = parse_header(bytes);
  const auto second = parse_header(Bytes(bytes).subspan(kGapBatchBytes));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->base_offset, first->next_offset());
  EXPECT_EQ(second->next_offset(), Offset(1 + kMany));
}

}  // namespace
}  // namespace duolog::storage

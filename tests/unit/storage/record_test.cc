#include "storage/record.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_batch_builder.h"
#include "tests/unit/storage/record_samples.h"

namespace duolog::storage {
namespace {

using samples::OwnedRecord;

BatchHeader header_of(Bytes batch) { return parse_header(batch).value(); }

// Records 0, 2 and 3 of a batch of five, as compaction leaves them.
std::vector<std::uint8_t> compacted_batch() {
  auto batch =
      samples::batch_of({{0, 10, "a", "1", {}}, {0, 11, "b", "2", {}}, {0, 12, "c", "3", {}}});
  const std::size_t record_bytes = (batch.size() - kBatchHeaderBytes) / 3;
  constexpr std::size_t kOffsetDeltaAt = 3;
  batch[kBatchHeaderBytes + record_bytes + kOffsetDeltaAt] = 2 << 1;
  batch[kBatchHeaderBytes + 2 * record_bytes + kOffsetDeltaAt] = 3 << 1;
  store_be<std::int32_t>(batch.data() + batch_at::kLastOffsetDelta, 4);
  patch_base_offset_and_epoch(batch, Offset(100), LeaderEpoch(1));
  store_crc(batch);
  return batch;
}

TEST(RecordIteratorTest, RandomRecordsComeBackAsTheyWentIn) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    auto records = samples::random_records(random);
    const auto batch = samples::batch_of(records);
    const auto info = validate(batch, {.max_batch_bytes = batch.size()});
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_EQ(info->max_timestamp, info->header.max_timestamp);
    const auto all = samples::read_all(info->header, records_of(batch, info->header));
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_TRUE(*all == records);
  }
}

TEST(RecordIteratorTest, ReadsWhatCompactionLeft) {
  const auto batch = compacted_batch();
  EXPECT_FALSE(validate(batch));  // a client may not leave gaps
  const auto all = samples::read_all(header_of(batch), records_of(batch, header_of(batch)));
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].offset, 100);
  EXPECT_EQ((*all)[1].offset, 102);
  EXPECT_EQ((*all)[2].offset, 103);
  EXPECT_EQ(header_of(batch).next_offset(), Offset(105));
}

TEST(RecordIteratorTest, RefusesOffsetsThatDoNotGrowOrLeaveTheRange) {
  const auto batch = compacted_batch();
  auto header = header_of(batch);
  header.last_offset_delta = 2;
  EXPECT_EQ(samples::read_all(header, records_of(batch, header)).error().code, Errc::kCorrupt);
  auto repeated = batch;
  constexpr std::size_t kSecondOffsetDelta = kBatchHeaderBytes + 9 + 3;
  ASSERT_EQ(repeated[kSecondOffsetDelta], 2 << 1);
  repeated[kSecondOffsetDelta] = 0;
  EXPECT_EQ(samples::read_all(header_of(batch), records_of(repeated, header)).error().code,
            Errc::kCorrupt);
}

TEST(RecordIteratorTest, RefusesEveryTruncationAndSurplusOfTheRecords) {
  const auto batch = samples::batch_of({{0, 0, "k", "v", {{"h", "x"}}}, {0, 0, "l", "w", {}}});
  const auto header = header_of(batch);
  const Bytes records = records_of(batch, header);
  for (std::size_t size = 0; size < records.size(); ++size) {
    const std::vector<std::uint8_t> cut(records.begin(), records.begin() + static_cast<long>(size));
    ASSERT_FALSE(samples::read_all(header, cut)) << size;
  }
  std::vector<std::uint8_t> surplus(records.begin(), records.end());
  surplus.push_back(0);
  EXPECT_FALSE(samples::read_all(header, surplus));
}

TEST(RecordIteratorTest, DamagedHeadersEndInAnErrorWhenTheyAreRead) {
  auto batch = samples::batch_of({{0, 0, "k", "v", {{"h", "x"}}}});
  batch[batch.size() - 2] = 0x7e;  // the length of the header's value
  const auto header = header_of(batch);
  RecordIterator iterator(header, records_of(batch, header));
  Record record;
  ASSERT_TRUE(iterator.next(record).value());
  EXPECT_EQ(record.headers.left(), 1);
  RecordHeader one;
  EXPECT_EQ(record.headers.next(one).error().code, Errc::kCorrupt);
}

TEST(RecordIteratorTest, StopsWhenItsReaderHasEnough) {
  const auto batch =
      samples::batch_of({{0, 0, "a", {}, {}}, {0, 0, "b", {}, {}}, {0, 0, "c", {}, {}}});
  const auto header = header_of(batch);
  int seen = 0;
  EXPECT_TRUE(for_each_record(header, records_of(batch, header),
                              [&](const Record&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST(RecordBatchBuilderTest, RefusesWhatDoesNotFitAndKeepsTheRest) {
  RecordBatchBuilder builder(kBatchHeaderBytes + 20);
  const OwnedRecord ten{0, 5, "k", "12", {}};  // ten bytes with its length
  EXPECT_TRUE(samples::add_to(builder, ten));
  EXPECT_TRUE(samples::add_to(builder, ten));
  EXPECT_EQ(builder.size_bytes(), kBatchHeaderBytes + 20);
  const auto refused = samples::add_to(builder, {0, 5, {}, {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
  EXPECT_EQ(builder.record_count(), 2);
  EXPECT_TRUE(validate(builder.finish()));
}

TEST(RecordBatchBuilderTest, StartsAnewInTheSameMemory) {
  RecordBatchBuilder builder;
  ASSERT_TRUE(samples::add_to(builder, {0, 2000, "old", "old", {{"h", "x"}}}));
  (void)builder.finish();
  builder.clear();
  ASSERT_TRUE(samples::add_to(builder, {0, 1000, {}, "new", {}}));
  const Bytes batch = builder.finish();
  const auto info = validate(batch);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->header.max_timestamp, Timestamp(1000));
  const auto all = samples::read_all(info->header, records_of(batch, info->header));
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, (std::vector<OwnedRecord>{{0, 1000, {}, "new", {}}}));
}

TEST(RecordBatchBuilderTest, MayGoOnAfterItWasFinished) {
  RecordBatchBuilder builder;
  ASSERT_TRUE(samples::add_to(builder, {0, 1, "a", "1", {}}));
  EXPECT_TRUE(validate(builder.finish()));
  ASSERT_TRUE(samples::add_to(builder, {0, 2, "b", "2", {}}));
  const auto info = validate(builder.finish());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->header.record_count, 2);
}

}  // namespace
}  // namespace duolog::storage

#include "storage/segment_index.h"

#include <gtest/gtest.h>

namespace duolog::storage {
namespace {

IndexEntry entry_at(std::uint32_t i, std::uint32_t stride) {
  return {i * 10, i * stride, static_cast<std::int64_t>(i), i * 10 - 1};
}

class SegmentIndexTest : public ::testing::Test {
 protected:
  Epochs epochs_{1};
  RetireList retired_{epochs_};
  SegmentIndex index_;
};

TEST_F(SegmentIndexTest, NotesOneBatchAStride) {
  for (std::uint32_t i = 0; i < 100; ++i) index_.note(entry_at(i, 1024), retired_);
  const auto entries = index_.snapshot();
  ASSERT_EQ(entries.size(), 24U);
  EXPECT_EQ(entries[0].position, 4096U);
  EXPECT_EQ(entries[1].position, 8192U);
}

TEST_F(SegmentIndexTest, FindsTheLastEntryAtOrBefore) {
  for (std::uint32_t i = 0; i < 10; ++i) index_.note(entry_at(i, 4096), retired_);
  EXPECT_EQ(index_.floor_offset(9).position, 0U);
  EXPECT_EQ(index_.floor_offset(10).position, 4096U);
  EXPECT_EQ(index_.floor_offset(19).position, 4096U);
  EXPECT_EQ(index_.floor_offset(1000).position, 9 * 4096U);
  EXPECT_EQ(index_.floor_position(4095).position, 0U);
  EXPECT_EQ(index_.floor_position(4096).position, 4096U);
  EXPECT_EQ(index_.floor_timestamp(5).position, 4 * 4096U);
  EXPECT_EQ(index_.floor_timestamp(-1).position, 0U);
}

TEST_F(SegmentIndexTest, ThinsItselfWhenItIsFull) {
  const auto count = static_cast<std::uint32_t>(SegmentIndex::kMaxEntries * 3);
  for (std::uint32_t i = 0; i < count; ++i) index_.note(entry_at(i, 4096), retired_);
  const auto entries = index_.snapshot();
  EXPECT_LE(entries.size(), SegmentIndex::kMaxEntries);
  EXPECT_GE(entries.size(), SegmentIndex::kMaxEntries / 2);
  for (std::size_t i = 1; i < entries.size(); ++i) {
    ASSERT_LT(entries[i - 1].position, entries[i].position);
  }
  const auto found = index_.floor_offset(12345);
  EXPECT_LE(found.relative_offset, 12345U);
  EXPECT_GT(found.relative_offset + 100, 12345U);
}

TEST_F(SegmentIndexTest, LoadsWhatWasStoredAndGoesOn) {
  std::vector<IndexEntry> entries;
  for (std::uint32_t i = 1; i <= SegmentIndex::kMaxEntries; ++i)
    entries.push_back(entry_at(i, 4096));
  index_.load(entries);
  EXPECT_LE(index_.snapshot().size(), SegmentIndex::kMaxEntries / 2);
  const auto last = entry_at(SegmentIndex::kMaxEntries + 10, 4096);
  index_.note(last, retired_);
  EXPECT_EQ(index_.snapshot().back().position, last.position);
  EXPECT_EQ(index_.floor_position(last.position - 1).position % 8192, 0U);
}

}  // namespace
}  // namespace duolog::storage

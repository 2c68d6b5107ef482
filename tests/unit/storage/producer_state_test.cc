#include "storage/producer_state.h"

#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace duolog::storage {
namespace {

using Verdict = ProducerTable::Verdict;
constexpr std::int32_t kMaxSequence = std::numeric_limits<std::int32_t>::max();

ProducerStamp stamp(std::int32_t first, std::int32_t last, std::int16_t epoch = 0,
                    std::int64_t id = 7) {
  return {id, epoch, first, last};
}

class ProducerTableTest : public ::testing::Test {
 protected:
  Verdict verdict(const ProducerStamp& batch) { return table.check(batch).verdict; }
  // Appends it, at the offset.
  void append(const ProducerStamp& batch, std::int64_t offset = 0, std::int64_t now_ms = 1000) {
    const auto found = table.check(batch);
    ASSERT_EQ(found.verdict, Verdict::kNext);
    table.note(found.known, batch,
               {Offset(offset), Position(1), Timestamp(offset * 10), batch.first_sequence,
                batch.last_sequence},
               now_ms);
  }
  Offset first_offset(const ProducerStamp& batch) {
    const auto found = table.check(batch);
    return found.first ? found.first->first_offset : Offset(-1);
  }

  Producers all{{.expiration_ms = 1000, .max_producers = 3}};
  ProducerTable table{all};
};

TEST_F(ProducerTableTest, UnknownProducerMayBeginAtAnySequence) {
  EXPECT_EQ(verdict(stamp(0, 0)), Verdict::kNext);
  EXPECT_EQ(verdict(stamp(1234, 1240, 9)), Verdict::kNext);
}

TEST_F(ProducerTableTest, NextSequenceIsTakenAndAnyOtherIsOutOfOrder) {
  append(stamp(0, 4));
  EXPECT_EQ(verdict(stamp(5, 5)), Verdict::kNext);
  EXPECT_EQ(verdict(stamp(6, 6)), Verdict::kOutOfOrder);
  EXPECT_EQ(verdict(stamp(4, 4)), Verdict::kOutOfOrder);  // within the batch, and not the batch
  EXPECT_EQ(verdict(stamp(0, 3)), Verdict::kOutOfOrder);
}

TEST_F(ProducerTableTest, LastFiveBatchesAreDuplicatesWithTheirOwnOffsets) {
  for (int i = 0; i < 7; ++i) append(stamp(2 * i, 2 * i + 1), 100 + i);
  for (int i = 2; i < 7; ++i) {
    EXPECT_EQ(verdict(stamp(2 * i, 2 * i + 1)), Verdict::kDuplicate) << i;
    EXPECT_EQ(first_offset(stamp(2 * i, 2 * i + 1)), Offset(100 + i));
  }
  EXPECT_EQ(verdict(stamp(2, 3)), Verdict::kOutOfOrder);
  EXPECT_EQ(verdict(stamp(14, 14)), Verdict::kNext);
}

TEST_F(ProducerTableTest, SequencesGoOnWithZeroAfterTheLargest) {
  append(stamp(kMaxSequence - 1, kMaxSequence), 3);
  EXPECT_EQ(verdict(stamp(1, 1)), Verdict::kOutOfOrder);
  append(stamp(0, 2), 5);
  EXPECT_EQ(first_offset(stamp(kMaxSequence - 1, kMaxSequence)), Offset(3));
  EXPECT_EQ(verdict(stamp(3, 3)), Verdict::kNext);
}

TEST_F(ProducerTableTest, BatchMayGoOverTheLargestSequence) {
  std::array<std::uint8_t, kBatchHeaderBytes> header{};
  store_be<std::int64_t>(header.data() + batch_at::kProducerId, 7);
  store_be<std::int32_t>(header.data() + batch_at::kBaseSequence, kMaxSequence - 1);
  store_be<std::int32_t>(header.data() + batch_at::kLastOffsetDelta, 3);
  const ProducerStamp over = producer_stamp(header);
  EXPECT_EQ(over.last_sequence, 1);
  append(over);
  EXPECT_EQ(verdict(over), Verdict::kDuplicate);
  EXPECT_EQ(verdict(stamp(2, 2)), Verdict::kNext);
}

TEST_F(ProducerTableTest, NewEpochBeginsWithSequenceZeroAndForgetsTheWindow) {
  append(stamp(0, 9));
  EXPECT_EQ(verdict(stamp(10, 10, 1)), Verdict::kOutOfOrder);
  append(stamp(0, 9, 1), 10);
  EXPECT_EQ(first_offset(stamp(0, 9, 1)), Offset(10));
  EXPECT_EQ(verdict(stamp(10, 10, 1)), Verdict::kNext);
}

TEST_F(ProducerTableTest, OlderEpochIsRefusedWhateverItsSequence) {
  append(stamp(0, 0, 4));
  EXPECT_EQ(verdict(stamp(0, 0, 3)), Verdict::kOldEpoch);
  EXPECT_EQ(verdict(stamp(1, 1, 3)), Verdict::kOldEpoch);
}

TEST_F(ProducerTableTest, WhatIsCheckedAndNotAppendedChangesNothing) {
  append(stamp(0, 0));
  EXPECT_EQ(verdict(stamp(1, 1)), Verdict::kNext);
  EXPECT_EQ(verdict(stamp(0, 0, 1)), Verdict::kNext);
  EXPECT_EQ(verdict(stamp(1, 1)), Verdict::kNext);
}

TEST_F(ProducerTableTest, ProducersAndPartitionsAreIndependent) {
  ProducerTable other(all);
  append(stamp(0, 0));
  append(stamp(0, 0, 0, 8));
  EXPECT_EQ(other.check(stamp(50, 50)).verdict, Verdict::kNext);
  EXPECT_EQ(all.count(), 2U);
}

TEST_F(ProducerTableTest, IdleProducerExpiresAndMayThenBeginAnywhere) {
  append(stamp(0, 0), 0, 1000);
  append(stamp(0, 0, 0, 8), 1, 1500);
  append(stamp(1, 1), 2, 1600);
  all.expire(2499);
  EXPECT_EQ(all.count(), 2U);
  all.expire(2500);
  EXPECT_EQ(all.count(), 1U);
  EXPECT_EQ(all.expired(), 1U);
  EXPECT_EQ(verdict(stamp(1, 1)), Verdict::kDuplicate);
  EXPECT_EQ(verdict(stamp(33, 33, 0, 8)), Verdict::kNext);
}

TEST_F(ProducerTableTest, BeyondTheLimitTheLongestIdleOfAllTablesGoes) {
  ProducerTable other(all);
  other.note(nullptr, stamp(0, 0), {}, 1);
  append(stamp(0, 0, 0, 1), 0, 2);
  append(stamp(0, 0, 0, 2), 0, 3);
  append(stamp(0, 0, 0, 3), 0, 4);
  EXPECT_EQ(all.count(), 3U);
  EXPECT_EQ(all.evicted(), 1U);
  EXPECT_TRUE(other.empty());
  append(stamp(1, 1, 0, 1), 0, 5);  // no longer the longest idle
  append(stamp(0, 0, 0, 4), 0, 6);
  EXPECT_EQ(verdict(stamp(1, 1, 0, 1)), Verdict::kDuplicate);
  EXPECT_EQ(verdict(stamp(0, 0, 0, 2)), Verdict::kNext);
}

TEST_F(ProducerTableTest, LoadedTableGoesOnWhereItsSnapshotWasTaken) {
  for (int i = 0; i < 6; ++i) append(stamp(i, i), 100 + i);
  const auto states = table.snapshot();
  ProducerTable loaded(all);
  loaded.load(states);
  EXPECT_EQ(loaded.check(stamp(0, 0)).verdict, Verdict::kOutOfOrder);
  EXPECT_EQ(loaded.check(stamp(6, 6)).verdict, Verdict::kNext);
  const auto found = loaded.check(stamp(1, 1));
  ASSERT_EQ(found.verdict, Verdict::kDuplicate);
  EXPECT_EQ(found.first->first_offset, Offset(101));
  EXPECT_EQ(found.first->timestamp, Timestamp(1010));
  EXPECT_EQ(found.first->end, Position(0));  // of this run of the server: it is durable
}

TEST_F(ProducerTableTest, RecoveredProducerCountsAsUsedWhenTheServerStarted) {
  ProducerTable recovered(all);
  recovered.replay(stamp(0, 0), {});
  ProducerState known{.id = 8, .last_used_ms = 4500, .epoch = 0, .count = 1, .batches = {}};
  table.load(recovered.snapshot());
  recovered.clear();
  ProducerTable other(all);
  other.load({&known, 1});
  all.expire(5000);
  EXPECT_EQ(all.count(), 2U);
  all.expire(5500);
  EXPECT_TRUE(other.empty());
  EXPECT_FALSE(table.empty());
  all.expire(6000);
  EXPECT_TRUE(table.empty());
}

TEST_F(ProducerTableTest, RecoveredProducerOfALaterTimeThanNowExpiresAllTheSame) {
  ProducerState known{.id = 8, .last_used_ms = 9'999'999, .epoch = 0, .count = 1, .batches = {}};
  table.load({&known, 1});
  all.expire(5000);
  EXPECT_EQ(all.count(), 1U);
  all.expire(6000);
  EXPECT_EQ(all.count(), 0U);
}

TEST_F(ProducerTableTest, OfRecoveredProducersTheLongestIdleGoBeyondTheLimit) {
  std::vector<ProducerState> states;
  for (const std::int64_t used : {5400, 5100, 5500, 5300, 5200}) {
    states.push_back({.id = used, .last_used_ms = used, .epoch = 0, .count = 1, .batches = {}});
  }
  table.load(states);
  append(stamp(0, 0, 0, 1), 0, 5550);
  EXPECT_EQ(all.evicted(), 0U) << "it is not known yet who is the longest idle";
  all.expire(5600);
  EXPECT_EQ(all.count(), 3U);
  EXPECT_EQ(all.evicted(), 3U);
  std::set<std::int64_t> left;
  for (const ProducerState& state : table.snapshot()) left.insert(state.id);
  EXPECT_EQ(left, (std::set<std::int64_t>{1, 5400, 5500}));
}

TEST_F(ProducerTableTest, ReplayTakesWhatIsInTheLogUnjudged) {
  table.replay(stamp(5, 9, 3), {Offset(1), Position(0), {}, 5, 9});
  table.replay(stamp(20, 20, 3), {Offset(6), Position(0), {}, 20, 20});
  EXPECT_EQ(verdict(stamp(21, 21, 3)), Verdict::kNext);
  EXPECT_EQ(first_offset(stamp(5, 9, 3)), Offset(1));
}

}  // namespace
}  // namespace duolog::storage

// What a repair does with a log that has been cleaned: offsets are missing in it, and nothing is
// lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/compacted_play.h"
#include "tests/sim/repair_play.h"

namespace duolog::sim {
namespace {

using storage::RepairKind;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CleanedRepairTest : public ::testing::Test {
 protected:
  CleanedRepairTest() {
    play_.start();
    play_.fill(90, 400);
    for (int i = 0; i < 3; ++i) play_.clean();
    EXPECT_GE(play_.server().store().cleaner().cleanings(), 1U);
    play_.restart();
    stop();
    make_repair_catalog(play_.files(), kTopic);
  }
  void stop() {
    play_.files().stop();
    play_.reboot(CrashPolicy::kDropAll, 1);
  }
  // The first segment's batches.
  std::vector<StoredBatch> batches() {
    std::vector<StoredBatch> stored;
    const std::string path = std::string(kDirectory) + "00000000000000000000.log";
    auto file = play_.files().open(path, storage::OpenMode::kRead);
    EXPECT_TRUE(file);
    storage::BatchWalker walker(play_.files(), *file, 0, *play_.files().size(*file));
    for (auto step = walker.next(); step && *step == storage::BatchWalker::Step::kBatch;
         step = walker.next()) {
      stored.push_back({path, walker.position(), walker.header().size_bytes()});
    }
    play_.files().close(*file);
    return stored;
  }

  CompactedPlay play_{11};
};

TEST_F(CleanedRepairTest, WhatWasCleanedIsNoDamage) {
  const auto done = run_repair(play_.files());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->items, IsEmpty());
}

TEST_F(CleanedRepairTest, ADamagedBatchIsCutOutAndNoOtherGetsAnotherOffset) {
  play_.start();
  auto before = play_.read_all();
  stop();
  const StoredBatch victim = batches().at(2);
  play_.files().flip_bit(victim.path, victim.position + 70, 2);
  const auto done = run_repair(play_.files());
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_THAT(done->items, SizeIs(1));
  EXPECT_EQ(done->items[0].kind, RepairKind::kBatch);
  EXPECT_THAT(run_repair(play_.files())->items, IsEmpty());
  play_.start();
  const auto after = play_.read_all();
  EXPECT_LT(after.size(), before.size());
  std::erase_if(before, [&](const auto& one) {
    return Offset(one.first) >= done->items[0].first && Offset(one.first) < done->items[0].end;
  });
  EXPECT_TRUE(after == before);
}

// What the CRC does not cover: nothing says which offset comes next, so none is made up.
TEST_F(CleanedRepairTest, AWrongBaseOffsetIsNotPutRightByGuessing) {
  play_.start();
  auto before = play_.read_all();
  stop();
  const StoredBatch victim = batches().at(2);
  play_.files().flip_bit(victim.path, victim.position, 6);  // far behind all there is
  const auto done = run_repair(play_.files());
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_THAT(done->items, SizeIs(1));
  play_.start();
  const auto after = play_.read_all();
  std::erase_if(before, [&](const auto& one) {
    return Offset(one.first) >= done->items[0].first && Offset(one.first) < done->items[0].end;
  });
  EXPECT_TRUE(after == before);
}

}  // namespace
}  // namespace duolog::sim

// What was acked and flushed is there, or the start says that it is damaged: it is never cut off as
// if it had been the torn end of a log. And what is cut off is counted as what it is.
#include <string>

#include <gtest/gtest.h>

#include "storage/record_batch.h"
#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr const char* kSegmentPath = "/logs/small-0/00000000000000000000.log";
constexpr int kBatches = 10;
constexpr std::uint64_t kValueBytes = 1000;

SimCatalog catalog_after(std::uint32_t incarnation) {
  SimCatalog catalog;
  storage::LogConfig config;
  config.segment_bytes = 1024 * kKiB;
  catalog.topics["small"] = {Uuid{{1}}, config, false, {}};
  catalog.topics["other"] = {Uuid{{2}}, config, false, {}};
  catalog.incarnation = incarnation;
  return catalog;
}

void append_and_settle(Play& play, const std::string& topic, int count, std::uint64_t value_bytes) {
  for (int i = 0; i < count; ++i) {
    play.append(topic, value_bytes);
    play.server().settle();
  }
}

Play begun() {
  Play play({}, {}, 1);
  play.add_topic("small", 1024 * kKiB);
  play.add_topic("other", 1024 * kKiB);
  play.start();
  append_and_settle(play, "small", kBatches, kValueBytes);
  EXPECT_EQ(play.model("small").acked, static_cast<std::size_t>(kBatches));
  return play;
}

void power_loss(Play& play) {
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
}

std::uint64_t second_batch(Play& play) { return play.model("small").appended[0].size(); }

void expect_damage(SimFiles& files, const char* where = kSegmentPath) {
  SimCatalog catalog = catalog_after(7);
  const auto size = files.exists(kSegmentPath) ? files.content(kSegmentPath).size() : 0;
  const auto started = SimServer::start(files, catalog, 1, {});
  if (started) files.stop();
  ASSERT_FALSE(started) << "acked records were cut off without a word";
  EXPECT_EQ(started.error().code, Errc::kCorrupt);
  EXPECT_NE(started.error().message.find(where), std::string::npos) << started.error().message;
  if (size > 0) {
    EXPECT_EQ(files.content(kSegmentPath).size(), size);
  }
}

// Places in a batch that tell where it ends, which it is, and what it holds.
class DurableFloorTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(DurableFloorTest, WhatARecoveryFoundIsDamagedAndNotCutWhenABitOfItIsFlipped) {
  Play play = begun();
  power_loss(play);
  play.start();
  play.check();
  ASSERT_FALSE(play.failed());
  power_loss(play);
  play.files().flip_bit(kSegmentPath, second_batch(play) + GetParam(), 3);
  expect_damage(play.files());
}

TEST_P(DurableFloorTest, WhatOnlyTheSegmentHasIsDamagedBelowWhatTheJournalHas) {
  Play play = begun();
  // Goes around the journal, which then has no more of "small" than its last block.
  append_and_settle(play, "other", 60, 30'000);
  power_loss(play);
  play.files().flip_bit(kSegmentPath, second_batch(play) + GetParam(), 3);
  expect_damage(play.files());
}

INSTANTIATE_TEST_SUITE_P(Places, DurableFloorTest,
                         ::testing::Values(storage::batch_at::kBatchLength,
                                           storage::batch_at::kBatchLength + 2,
                                           storage::batch_at::kBaseOffset + 7,
                                           storage::batch_at::kCrc,
                                           storage::kBatchHeaderBytes + 100));

void cut_file(SimFiles& files, const std::string& path, std::uint64_t size_bytes) {
  const auto file = files.open(path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE(files.truncate(*file, size_bytes));
  ASSERT_TRUE(files.sync(*file));
  files.close(*file);
}

TEST(DurableFloorTest, ASegmentThatBecameShorterIsDamaged) {
  Play play = begun();
  power_loss(play);
  play.start();
  power_loss(play);
  cut_file(play.files(), kSegmentPath, 5000);
  expect_damage(play.files());
}

TEST(DurableFloorTest, ASegmentThatIsGoneIsDamage) {
  Play play = begun();
  power_loss(play);
  play.start();
  power_loss(play);
  ASSERT_TRUE(play.files().remove(kSegmentPath));
  expect_damage(play.files(), "/logs/small-0");
}

TEST(DurableFloorTest, ARecoveryThatWasCutShortLosesNoFloor) {
  Play play = begun();
  power_loss(play);
  const auto before = play.files().steps();
  play.start();
  const std::uint64_t steps = play.files().steps() - before;
  ASSERT_GT(steps, 0U);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Play again = begun();
    power_loss(again);
    again.files().crash_after(step);
    EXPECT_THROW(again.start(), MachineStopped);
    again.reboot(CrashPolicy::kKeepAll, 1);
    cut_file(again.files(), kSegmentPath, 5000);
    expect_damage(again.files());
    if (HasFailure()) return;
  }
}

TEST(CutBytesTest, SpaceThatWasOnlyAllocatedIsNotCounted) {
  Play play = begun();
  play.files().stop();
  play.reboot(CrashPolicy::kKill, 1);
  const auto before = play.files().content(kSegmentPath).size();
  play.start();
  EXPECT_LT(play.files().content(kSegmentPath).size(), before);
  EXPECT_EQ(play.server().report().cut_bytes, 0U);
}

TEST(CutBytesTest, WhatWasWrittenOfABatchThatNobodyWasToldOfIsCounted) {
  const auto make = [] {
    // Beyond what one write to a segment takes.
    Play play({{What::kAppend, "small", 300 * kKiB}, {What::kSettle, "", 0}}, {}, 1);
    play.add_topic("small", 1024 * kKiB);
    return play;
  };
  Play whole = make();
  ASSERT_TRUE(whole.run());
  const auto& trace = whole.files().trace();
  const auto write = std::ranges::find_if(trace, [](const std::string& line) {
    return line.find("durable write") != std::string::npos &&
           line.find(".log 0+262144") != std::string::npos;
  });
  ASSERT_NE(write, trace.end());
  Play play = make();
  play.files().crash_after(std::stoull(*write) + 1);
  ASSERT_FALSE(play.run());
  play.reboot(CrashPolicy::kDropAll, 1);
  play.start();
  EXPECT_EQ(play.server().report().cut_bytes, 256 * kKiB);
  EXPECT_EQ(play.server().log("small").high_watermark().offset, Offset(0));
}

// Also what went to the journal before it, in groups that nobody flushed.
TEST(DurableFloorTest, WhatIsToBeFlushedSurvivesAPowerLossWhateverTheLogsDurability) {
  Play play({}, {}, 1);
  play.add_topic("os", 1024 * kKiB, Durability::kOs);
  play.start();
  append_and_settle(play, "os", 3, kValueBytes);
  play.append("os", kValueBytes);
  Log& log = play.server().log("os");
  LogStore::flush_up_to(log, log.appended().position);
  play.server().settle();
  ASSERT_EQ(play.model("os").acked, 4U);
  append_and_settle(play, "os", 1, kValueBytes);  // is as durable as the topic says, again
  power_loss(play);
  play.start();
  play.check();
  EXPECT_EQ(play.model("os").kept, 4U);
}

}  // namespace
}  // namespace duolog::sim

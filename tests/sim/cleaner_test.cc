// Compacted logs on a simulated disk: what is cleaned, what stays, and who reads meanwhile.
#include "tests/sim/compacted_play.h"

namespace duolog::sim {
namespace {

TEST(CleanerTest, OfEachKeyTheLatestStaysAndSegmentsMerge) {
  CompactedPlay play(1);
  play.start();
  play.fill(200);
  const std::size_t segments = play.log().segments().segments.size();
  ASSERT_GT(segments, 5U);
  for (int i = 0; i < 8; ++i) play.clean();
  EXPECT_GE(play.server().store().cleaner().cleanings(), 1U);
  EXPECT_EQ(play.server().store().cleaner().failures(), 0U);
  const auto found = play.read_all();
  EXPECT_LT(found.size(), play.appended().size() / 2);
  play.check(play.log().high_watermark().offset);
  // A superseded record below the first dirty offset is gone.
  std::set<std::string> seen;
  for (auto one = found.rbegin(); one != found.rend(); ++one) {
    if (Offset(one->first) >= play.first_dirty()) continue;
    EXPECT_TRUE(seen.insert(*one->second.key).second) << "superseded: " << one->first;
  }
  play.restart();
  EXPECT_EQ(play.read_all(), found);
  play.fill(100);
  for (int i = 0; i < 8; ++i) play.clean();
  play.check(play.log().high_watermark().offset);
  EXPECT_LT(play.log().segments().segments.size(), segments) << "small ones are merged";
}

TEST(CleanerTest, TombstonesGoAtTheirHorizon) {
  CompactedPlay play(2);
  play.start();
  play.fill(150, 8);
  for (int i = 0; i < 6; ++i) play.clean();
  play.check();
  play.server().advance_clock(kDeleteRetentionMs + 1);
  play.fill(150, 8);
  for (int i = 0; i < 6; ++i) play.clean();
  play.check();
}

TEST(CleanerTest, AReaderWithinAReplacedSegmentFinishesThereAndGoesOn) {
  CompactedPlay play(3);
  play.start();
  play.fill(200);
  const auto& segments = play.log().segments().segments;
  const Offset from = segments[1]->base_offset;
  const Offset to = segments[2]->base_offset;
  const Position begin = segments[1]->base_position;
  auto pin = storage::pin(play.log(), begin);
  for (int i = 0; i < 8; ++i) play.clean();
  ASSERT_NE(play.log().segments().at(from)->base_position, begin) << "it has been replaced";
  // Nobody had read it before: it is all there nevertheless.
  Buffer scratch;
  Position at = begin;
  for (Offset next = from; next < to;) {
    const auto batch = play.warmed([&] { return storage::read_batch(play.log(), at, scratch); });
    ASSERT_EQ(batch.status, ReadStatus::kOk) << next.value;
    ASSERT_EQ(batch.header.base_offset, next);
    ASSERT_TRUE(storage::crc_matches(batch.bytes));
    ASSERT_EQ(batch.header.record_count, batch.header.last_offset_delta + 1);
    next = batch.header.next_offset();
    at = batch.next;
  }
  pin.release();
  for (int i = 0; i < 4; ++i) play.clean();
  EXPECT_EQ(storage::read_batch(play.log(), begin, scratch).status, ReadStatus::kOutOfRange);
  const auto again =
      play.warmed([&] { return storage::read_batch(play.log(), play.seek(from), scratch); });
  ASSERT_EQ(again.status, ReadStatus::kOk);
  EXPECT_GE(again.header.last_offset(), from);
}

// The simulated disk keeps the order of a directory's changes; others need not.
TEST(CleanerTest, TheDirectoryIsFlushedBehindEachStepOfASwap) {
  CompactedPlay play(11);
  play.start();
  play.fill(100);
  const std::size_t before = play.files().trace().size();
  for (int i = 0; i < 4; ++i) play.clean();
  // What has changed since the directory was flushed.
  enum class Since { kNothing, kCommit, kRemoval, kEnd } since = Since::kNothing;
  int swaps = 0;
  for (std::size_t i = before; i < play.files().trace().size(); ++i) {
    const std::string& line = play.files().trace()[i];
    if (line.contains("sync_directory /logs/t-0")) since = Since::kNothing;
    if (line.contains("rename") && line.ends_with(".swap")) {
      EXPECT_EQ(since, Since::kNothing) << line;
      since = Since::kCommit;
    } else if (line.contains("rename") && line.contains(".swap ")) {
      EXPECT_EQ(since, Since::kNothing) << line;
      since = Since::kEnd;
      ++swaps;
    } else if (line.contains(" remove ") && !line.ends_with(".tmp")) {
      EXPECT_TRUE(since == Since::kNothing || since == Since::kRemoval) << line;
      since = Since::kRemoval;
    }
  }
  EXPECT_GT(swaps, 0);
  EXPECT_EQ(since, Since::kNothing);
}

TEST(CleanerTest, ADamagedSegmentOfTheCleanPartStaysAsItIs) {
  CompactedPlay play(12);
  play.start();
  play.fill(200);
  for (int i = 0; i < 8; ++i) play.clean();
  play.restart();
  const storage::Segment& damaged = *play.log().segments().segments[1];
  ASSERT_TRUE(damaged.compacted);
  ASSERT_LT(damaged.base_offset, play.log().segments().segments[2]->base_offset);
  const std::string file = kDirectory + storage::segment_file_name(damaged.base_offset, ".log");
  play.files().flip_bit(file, damaged.stable_bytes.load() / 2);
  const auto content = play.files().content(file);
  (void)storage::take_damages();
  play.restart();
  play.fill(100);
  for (int i = 0; i < 8; ++i) play.clean();
  ASSERT_TRUE(play.files().exists(file));
  EXPECT_EQ(play.files().content(file), content);
  EXPECT_EQ(storage::take_damages().size(), 1U);
  EXPECT_GE(play.server().store().cleaner().cleanings(), 1U);
}

TEST(CleanerTest, ADamagedSegmentStaysAsItIsAndTheOthersAreCleaned) {
  CompactedPlay play(4);
  play.config().min_dirty_ratio = 2;  // not yet
  play.start();
  play.fill(200);
  play.restart();
  play.restart();
  const std::string file =
      storage::segment_file_name(play.log().segments().segments[2]->base_offset, ".log");
  play.files().flip_bit(kDirectory + file, 1000);
  const auto damaged = play.files().content(kDirectory + file);
  (void)storage::take_damages();
  play.config().min_dirty_ratio = 0;
  play.restart();
  for (int i = 0; i < 10; ++i) play.clean();
  EXPECT_EQ(play.files().content(kDirectory + file), damaged);
  const auto told = storage::take_damages();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].file, kDirectory + file);
  EXPECT_TRUE(play.log().segments().segments[0]->compacted);
  EXPECT_GE(play.server().store().cleaner().cleanings(), 1U);
  EXPECT_GT(play.first_dirty(), play.log().segments().at(Offset(0))->base_offset);
}

TEST(CleanerTest, TheLogsStartMovesOnAndTheLogGoesWhileItIsCleaned) {
  for (int turns = 0; turns < 60; ++turns) {
    SCOPED_TRACE(turns);
    CompactedPlay play(5);
    play.start();
    play.fill(120);
    play.server().advance_clock(1000);
    play.tick();
    for (int i = 0; i < turns; ++i) play.server().turn();
    play.move_start(Offset(play.log().high_watermark().offset.value / 2));
    play.server().settle();
    for (int i = 0; i < 4; ++i) play.clean();
    play.check(play.log().high_watermark().offset);
    play.restart();
    play.check(play.log().high_watermark().offset);
    if (::testing::Test::HasFailure()) return;
    play.fill(60);
    play.server().advance_clock(1000);
    play.tick();
    for (int i = 0; i < turns / 2; ++i) play.server().turn();
    if (turns % 2 == 0) {
      play.server().remove(kTopic);
      play.server().settle();
      EXPECT_TRUE(play.files().tree("/logs").empty());
      EXPECT_EQ(play.files().mappings(), 0U);
    } else {
      play.restart();
      play.check(play.log().high_watermark().offset);
    }
  }
}

TEST(CleanerTest, ADiskWithoutSpaceLeavesTheLogAsItIs) {
  CompactedPlay play(6);
  play.start();
  play.fill(200);
  const auto before = play.read_all();
  play.files().set_capacity(play.files().used_bytes());
  play.clean();
  EXPECT_EQ(play.read_all(), before);
  EXPECT_GE(play.server().store().cleaner().failures(), 1U);
  play.files().set_capacity(1U << 30);
  play.server().advance_clock(120'000);
  for (int i = 0; i < 4; ++i) play.clean();
  play.check(play.log().high_watermark().offset);
  EXPECT_GE(play.server().store().cleaner().cleanings(), 1U);
}

// Without the checkpoint every batch is walked at the next start, holes and all.
TEST(CleanerTest, ALogWithoutItsCheckpointIsWalked) {
  CompactedPlay play(8);
  play.start();
  play.fill(200);
  for (int i = 0; i < 6; ++i) play.clean();
  const auto found = play.read_all();
  play.server().stop();
  play.reboot(CrashPolicy::kKill, 1);
  ASSERT_TRUE(play.files().remove(std::string(kDirectory) + "checkpoint"));
  play.start();
  EXPECT_EQ(play.read_all(), found);
  play.check();
}

// What a producer sent last stays, be it without its record: what it sends again is not appended.
TEST(CleanerTest, AProducersLastBatchStays) {
  CompactedPlay play(10);
  play.start();
  const auto send = [&](std::int32_t sequence) {
    storage::RecordBatchBuilder builder;
    EXPECT_TRUE(builder.add({.timestamp = Timestamp(1), .key = as_bytes("key-1")}));
    const MutableBytes batch = builder.finish();
    store_be<std::int64_t>(batch.data() + storage::batch_at::kProducerId, 77);
    store_be<std::int16_t>(batch.data() + storage::batch_at::kProducerEpoch, 0);
    store_be<std::int32_t>(batch.data() + storage::batch_at::kBaseSequence, sequence);
    storage::store_crc(batch);
    Offset base;
    auto outcome = LogStore::Append::kWait;
    while (outcome == LogStore::Append::kWait) {
      outcome = play.server().store().append(play.log(), batch, 1, Timestamp(1),
                                             Timestamp(play.server().now_ms()), base);
      if (outcome == LogStore::Append::kWait) play.server().turn();
    }
    return std::pair(outcome, base);
  };
  play.fill(10, 2);
  Offset last;
  for (std::int32_t i = 0; i < 3; ++i) last = send(i).second;
  play.fill(200, 2);
  for (int i = 0; i < 6; ++i) play.clean();
  ASSERT_GT(play.first_dirty(), last);
  play.server().stop();
  play.reboot(CrashPolicy::kKill, 1);
  ASSERT_TRUE(play.files().remove(std::string(kDirectory) + "checkpoint"));
  play.start();
  EXPECT_EQ(send(2), std::pair(LogStore::Append::kDuplicate, last));
  EXPECT_EQ(send(4).first, LogStore::Append::kOutOfOrder);
  EXPECT_EQ(send(3).first, LogStore::Append::kDone);
}

// What a client asks for by time is found among what stays.
TEST(CleanerTest, TimesAreFoundInACleanedLog) {
  CompactedPlay play(9);
  play.start();
  play.fill(150);
  play.server().advance_clock(5000);
  play.fill(150);
  for (int i = 0; i < 6; ++i) play.clean();
  const auto found = play.read_all();
  storage::SearchScratch scratch;
  for (const std::int64_t ago : {0, 500, 4500, 5500, 9000}) {
    const std::int64_t at = 1'700'000'000'000 + 5000 - ago;
    auto search = storage::TimeSearch::at_or_after(Timestamp(at));
    const auto sought = play.warmed([&] { return search.step(play.log(), scratch); });
    const auto wanted =
        std::ranges::find_if(found, [&](const auto& one) { return one.second.timestamp >= at; });
    ASSERT_EQ(sought.found, wanted != found.end()) << ago;
    if (wanted == found.end()) continue;
    EXPECT_EQ(sought.offset.value, wanted->first) << ago;
  }
  auto latest = storage::TimeSearch::latest();
  const auto sought = play.warmed([&] { return latest.step(play.log(), scratch); });
  ASSERT_TRUE(sought.found);
  std::int64_t newest = 0;
  for (const auto& [offset, one] : found) newest = std::max(newest, one.timestamp);
  EXPECT_EQ(sought.timestamp.value, newest);
}

}  // namespace
}  // namespace duolog::sim

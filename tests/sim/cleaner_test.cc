// Compacted logs on a simulated disk: whatever the machine does while they are cleaned, the latest
// record of each key is there, and what is there is what was appended, at its offset.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/codec.h"
#include "storage/damage.h"
#include "storage/log_reader.h"
#include "storage/record.h"
#include "storage/record_batch_builder.h"
#include "storage/segment_files.h"
#include "storage/tail.h"
#include "storage/time_search.h"
#include "tests/sim/sim_server.h"

namespace duolog::sim {
namespace {

using storage::Log;
using storage::LogStore;
using storage::ReadStatus;

constexpr std::int64_t kDeleteRetentionMs = 50'000;
constexpr const char* kTopic = "t";
constexpr const char* kDirectory = "/logs/t-0/";

struct Kept {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t timestamp = 0;
  bool operator==(const Kept&) const = default;
};

class CompactedPlay {
 public:
  explicit CompactedPlay(std::uint64_t seed, SimServer::Setup setup = cleaner_setup())
      : random_(seed), seed_(seed), setup_(setup) {
    storage::LogConfig config;
    config.segment_bytes = 8 * storage::kKiB;
    config.cleanup_delete = false;
    config.cleanup_compact = true;
    config.min_dirty_ratio = 0;
    config.delete_retention_ms = kDeleteRetentionMs;
    catalog_.topics[kTopic] = {Uuid{{1}}, config, false, {}};
  }
  ~CompactedPlay() {
    if (server_) files_->stop();
  }

  static SimServer::Setup cleaner_setup() {
    SimServer::Setup setup;
    setup.options.cleaner.step_bytes = 4 * storage::kKiB;
    setup.options.cleaner.map_bytes = 40 * storage::KeyOffsets::kSlotBytes;
    setup.options.cleaner.backoff_ms = 0;
    return setup;
  }

  [[nodiscard]] storage::LogConfig& config() { return catalog_.topics.at(kTopic).config; }
  [[nodiscard]] SimFiles& files() { return *files_; }
  [[nodiscard]] SimServer& server() { return *server_; }
  [[nodiscard]] Log& log() { return server_->log(kTopic); }
  [[nodiscard]] const std::map<std::int64_t, Kept>& appended() const { return appended_; }

  void start() {
    setup_.now_ms = now_ms_;
    auto started = SimServer::start(*files_, catalog_, seed_, setup_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    (void)log();
  }
  void reboot(CrashPolicy policy, std::uint64_t seed) {
    if (server_) now_ms_ = server_->now_ms();
    server_.reset();
    files_ = files_->reboot(policy, seed);
  }
  void restart() {
    server_->stop();
    now_ms_ = server_->now_ms();
    server_.reset();
    EXPECT_EQ(files_->open_files(), 0U);
    EXPECT_EQ(files_->mappings(), 0U);
    start();
  }

  void append(std::size_t records, std::size_t keys, std::size_t value_bytes) {
    storage::RecordBatchBuilder builder;
    std::vector<Kept> added(records);
    for (Kept& one : added) {
      one.key = "key-" + std::to_string(random_() % keys);
      if (random_() % 6 != 0)
        one.value = std::string(value_bytes, static_cast<char>('a' + random_() % 26));
      one.timestamp = server_->now_ms() - static_cast<std::int64_t>(random_() % 1000);
      storage::NewRecord record{.timestamp = Timestamp(one.timestamp), .key = as_bytes(*one.key)};
      if (one.value) record.value = as_bytes(*one.value);
      ASSERT_TRUE(builder.add(record));
    }
    const Bytes batch = builder.finish();
    const BatchTime time{batch};
    Offset base;
    for (int turns = 0;; ++turns) {
      ASSERT_LT(turns, 20'000);
      const auto outcome = server_->store().append(log(), batch, static_cast<std::int32_t>(records),
                                                   time.max(), Timestamp(server_->now_ms()), base);
      if (outcome == LogStore::Append::kDone) break;
      ASSERT_EQ(outcome, LogStore::Append::kWait) << server_->store().last_error().message;
      server_->turn();
    }
    for (std::size_t i = 0; i < records; ++i) {
      appended_[base.value + static_cast<std::int64_t>(i)] = added[i];
    }
  }
  // About two segments, on disk, and a third that is begun.
  void fill(std::size_t batches = 40, std::size_t keys = 20) {
    for (std::size_t i = 0; i < batches; ++i) append(1 + random_() % 4, keys, 200);
    server_->settle();
  }
  // A second, in which what can be cleaned is; the turns that it takes.
  void clean() {
    server_->advance_clock(1000);
    tick();
    for (int i = 0; i < 2000 && server_->disk().queued() > 0; ++i) server_->turn();
    server_->settle();
    tick();
    server_->settle();
  }
  void tick() {
    server_->store().tick(Timestamp(server_->now_ms()));
    server_->store().clean(Timestamp(server_->now_ms()), Timestamp(server_->now_ms()));
  }
  [[nodiscard]] Offset first_dirty() { return log().tail->cleaned.first_dirty; }
  void move_start(Offset start) { server_->move_start(kTopic, start); }

  // What a reader finds from the log's start on.
  std::map<std::int64_t, Kept> read_all() {
    std::map<std::int64_t, Kept> found;
    Buffer scratch;
    Position position = seek(log().start_offset());
    Offset next = log().start_offset();
    while (position < log().high_watermark().position) {
      const auto batch = warmed([&] { return storage::read_batch(log(), position, scratch); });
      EXPECT_EQ(batch.status, ReadStatus::kOk) << "behind offset " << next.value;
      if (batch.status != ReadStatus::kOk) return found;
      EXPECT_TRUE(storage::crc_matches(batch.bytes));
      EXPECT_GE(batch.header.next_offset(), next);
      next = batch.header.next_offset();
      EXPECT_TRUE(storage::for_each_record(
          batch.header, storage::records_of(batch.bytes, batch.header),
          [&](const storage::Record& record) {
            if (record.offset < log().start_offset()) return;
            Kept one{.timestamp = record.timestamp.value};
            if (record.key) one.key = std::string(as_text(*record.key));
            if (record.value) one.value = std::string(as_text(*record.value));
            EXPECT_TRUE(found.emplace(record.offset.value, one).second) << "twice";
          }));
      position = batch.next;
    }
    EXPECT_EQ(next, log().high_watermark().offset);
    return found;
  }
  // Holds what is read to the model; after a crash the log may end earlier. `at_most_lost`: what
  // has been acked by then.
  void check(Offset acked = {}) {
    ASSERT_GE(log().high_watermark().offset, acked) << "what was acked is lost";
    std::erase_if(appended_, [&](const auto& one) {
      return one.first >= log().high_watermark().offset.value;
    });
    const auto found = read_all();
    std::map<std::string, std::int64_t> latest;
    for (const auto& [offset, one] : appended_) latest[*one.key] = offset;
    for (const auto& [offset, one] : found) {
      ASSERT_TRUE(appended_.contains(offset)) << offset;
      ASSERT_EQ(one, appended_.at(offset)) << "changed: " << offset;
    }
    for (const auto& [key, offset] : latest) {
      if (found.contains(offset) || Offset(offset) < log().start_offset()) continue;
      ASSERT_FALSE(appended_.at(offset).value) << "the newest value of " << key << ", " << offset;
      ASSERT_GE(server_->now_ms(), appended_.at(offset).timestamp + kDeleteRetentionMs)
          << "a tombstone before its horizon: " << offset;
    }
    // Each offset is found, or the next one that is there.
    for (std::int64_t at = log().start_offset().value; at < log().high_watermark().offset.value;
         at += 7) {
      Buffer scratch;
      const auto batch =
          warmed([&] { return storage::read_batch(log(), seek(Offset(at)), scratch); });
      ASSERT_EQ(batch.status, ReadStatus::kOk);
      ASSERT_GE(batch.header.last_offset(), Offset(at));
    }
  }

  template <class Ask>
  std::invoke_result_t<Ask> warmed(Ask ask) {
    for (int times = 0;; ++times) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold || times == 64) return answer;
      bool warm = false;
      storage::warm_up(server_->disk(), answer.cold, [&](const Result<void>& outcome) {
        EXPECT_TRUE(outcome || files_->stopped()) << outcome.error().message;
        warm = true;
      });
      while (!warm) server_->disk().step();
      if (files_->stopped()) throw MachineStopped{};
    }
  }
  Position seek(Offset offset) {
    const auto sought = warmed([&] { return storage::seek(log(), offset); });
    EXPECT_EQ(sought.status, ReadStatus::kOk) << offset.value;
    return sought.position;
  }

 private:
  struct BatchTime {
    Bytes batch;
    [[nodiscard]] Timestamp max() const {
      return Timestamp(load_be<std::int64_t>(batch.data() + storage::batch_at::kMaxTimestamp));
    }
  };

  std::mt19937_64 random_;
  std::uint64_t seed_;
  SimServer::Setup setup_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  SimCatalog catalog_;
  std::unique_ptr<SimFiles> files_ = std::make_unique<SimFiles>();
  std::unique_ptr<SimServer> server_;
  std::map<std::int64_t, Kept> appended_;
};

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

// The machine stops at each step of a cleaning, and once more while it recovers.
class CleanerCrashTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CleanerCrashTest, EveryStepOfACleaningIsSurvived) {
  constexpr std::uint64_t kSlices = 8;
  const auto make = [] {
    auto play = std::make_unique<CompactedPlay>(7);
    play->start();
    play->fill(90);
    return play;
  };
  const auto act = [](CompactedPlay& play) {
    for (int i = 0; i < 3; ++i) play.clean();
  };
  auto whole = make();
  const auto before = whole->files().steps();
  act(*whole);
  const std::uint64_t steps = whole->files().steps() - before;
  ASSERT_GE(whole->server().store().cleaner().cleanings(), 1U);
  for (std::uint64_t step = 1 + GetParam(); step <= steps; step += kSlices) {
    for (const CrashPolicy policy : kCrashPolicies) {
      SCOPED_TRACE("step " + std::to_string(step) + ", policy " +
                   std::to_string(static_cast<int>(policy)));
      auto play = make();
      const Offset acked = play->log().high_watermark().offset;
      play->files().crash_after(step);
      try {
        act(*play);
      } catch (const MachineStopped&) {
      }
      ASSERT_TRUE(play->files().stopped());
      play->reboot(policy, step);
      play->files().crash_after(1 + step % 9);  // in the recovery, mostly
      try {
        play->start();
        if (HasFailure()) return;
        play->check(acked);
        if (HasFailure()) return;
        play->files().stop();
      } catch (const MachineStopped&) {
      }
      play->reboot(policy, step + 1);
      play->start();
      if (HasFailure()) return;
      play->check(acked);
      if (HasFailure()) return;
      act(*play);
      play->check(acked);
      if (HasFailure()) return;
      play->fill(30);
      act(*play);
      play->check(acked);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Slices, CleanerCrashTest, ::testing::Range<std::uint64_t>(0, 8));

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

class CleanerSeedTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CleanerSeedTest, ARandomRunKeepsTheLatestOfEachKey) {
  std::mt19937_64 random(GetParam());
  CompactedPlay play(GetParam());
  play.config().segment_bytes = (4 + random() % 16) * storage::kKiB;
  play.config().min_dirty_ratio = static_cast<double>(random() % 3) / 4;
  play.start();
  Offset acked;
  for (int i = 0; i < 25; ++i) {
    try {
      if (random() % 3 == 0) play.files().crash_after(1 + random() % 150);
      play.fill(random() % 40, 1 + random() % 60);
      acked = play.log().high_watermark().offset;
      for (std::uint64_t n = random() % 3; n > 0; --n) play.clean();
      if (random() % 5 == 0) play.server().advance_clock(kDeleteRetentionMs / 2);
      if (random() % 6 == 0) {
        play.move_start(Offset(static_cast<std::int64_t>(
            random() % static_cast<std::uint64_t>(play.log().high_watermark().offset.value + 1))));
      }
      if (random() % 6 == 0) play.restart();
    } catch (const MachineStopped&) {
      play.reboot(kCrashPolicies[random() % 4], random());
      play.start();
    }
    if (HasFailure()) return;
    play.check(acked);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CleanerSeedTest, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace duolog::sim

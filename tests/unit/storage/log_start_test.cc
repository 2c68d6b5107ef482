// The start of a log moves on: by a request, or by retention.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;  // as the simulated server's clock begins
constexpr std::int64_t kHourMs = 3600 * 1000;

// Segments of five batches of 50 KiB, one record each, on a disk that crashes at will.
class LogStartTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kEach = 5;
  static constexpr std::size_t kBatchBytes = 50 * kKiB;

  LogStartTest() {
    catalog_.topics["t"] = {Uuid{{1}}, LogConfig{.segment_bytes = 256 * kKiB}, false, {}};
    start();
  }
  ~LogStartTest() override {
    if (server_) stop();
  }

  void start() {
    auto started = sim::SimServer::start(*files_, catalog_, 1, {});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    log_ = &server_->log("t");
  }
  void stop() {
    server_->stop();
    server_.reset();
  }
  void restart() {
    stop();
    start();
  }
  void crash(sim::CrashPolicy policy) {
    files_->stop();
    server_.reset();
    files_ = files_->reboot(policy, 1);
  }
  LogConfig& config() { return catalog_.topics["t"].config; }

  void append_batch(std::int64_t timestamp) {
    const std::vector<std::uint8_t> value(kBatchBytes, 'v');
    RecordBatchBuilder builder(8U << 20);
    ASSERT_TRUE(builder.add({Timestamp(timestamp), std::nullopt, Bytes(value), {}}));
    const Bytes batch = builder.finish();
    Offset base;
    while (server_->store().append(*log_, batch, 1, Timestamp(timestamp), Timestamp(kNow), base) !=
           LogStore::Append::kDone) {
      server_->turn();
    }
  }
  // `count` batches, each an hour later than the one before; the last one is from `newest`.
  void fill(int count, std::int64_t newest = kNow) {
    for (int i = count; i-- > 0;) append_batch(newest - i * kHourMs);
    server_->settle();
  }
  // A second of a shard that turns.
  void tick() {
    server_->settle();
    server_->store().tick(Timestamp(server_->now_ms()));
    server_->settle();
  }
  void check_retention() {
    server_->check_retention();
    server_->settle();
    tick();
  }
  static std::string path(std::int64_t base, const char* suffix = ".log") {
    return "/logs/t-0/" + segment_file_name(Offset(base), suffix);
  }
  // The base offsets of the segments whose files are there.
  [[nodiscard]] std::vector<std::int64_t> segment_files() {
    std::vector<std::int64_t> bases;
    const auto entries = files_->list("/logs/t-0");
    EXPECT_TRUE(entries);
    for (const auto& entry : *entries) {
      if (entry.name.ends_with(".log")) bases.push_back(std::stoll(entry.name));
    }
    return bases;
  }
  template <class Ask>
  auto warmed(Ask ask) {
    for (;;) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold) return answer;
      bool warm = false;
      warm_up(server_->disk(), answer.cold, [&](Result<void> outcome) {
        EXPECT_TRUE(outcome);
        warm = true;
      });
      while (!warm) server_->turn();
    }
  }
  // The offsets that can be read, from the start on.
  std::vector<std::int64_t> offsets() {
    std::vector<std::int64_t> found;
    Buffer scratch;
    Position at = warmed([&] { return seek(*log_, log_->start_offset()); }).position;
    while (at < log_->high_watermark().position) {
      const auto batch = warmed([&] { return read_batch(*log_, at, scratch); });
      EXPECT_EQ(batch.status, ReadStatus::kOk);
      if (batch.status != ReadStatus::kOk) break;
      found.push_back(batch.header.base_offset.value);
      at = batch.next;
    }
    return found;
  }
  static std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> all;
    for (; from < to; ++from) all.push_back(from);
    return all;
  }

  std::unique_ptr<sim::SimFiles> files_ = std::make_unique<sim::SimFiles>();
  sim::SimCatalog catalog_;
  std::unique_ptr<sim::SimServer> server_;
  Log* log_ = nullptr;
  std::array<iovec, 64> out_{};
};

TEST_F(LogStartTest, IsWhereReadingBeginsAndWhatIsBelowItIsOutOfRange) {
  fill(12);
  for (const std::int64_t to : {3, 5, 7, 12}) {
    server_->move_start("t", Offset(to));
    EXPECT_EQ(log_->start_offset(), Offset(to));
    EXPECT_EQ(seek(*log_, Offset(to - 1)).status, ReadStatus::kOutOfRange);
    EXPECT_EQ(offsets(), range(to, 12));
    restart();
    EXPECT_EQ(log_->start_offset(), Offset(to));
    EXPECT_EQ(seek(*log_, Offset(to - 1)).status, ReadStatus::kOutOfRange);
    EXPECT_EQ(offsets(), range(to, 12));
  }
  server_->move_start("t", Offset(4));
  EXPECT_EQ(log_->start_offset(), Offset(12)) << "it never goes back";
}

TEST_F(LogStartTest, FilesWhollyBelowItGoAndTheOthersStay) {
  fill(17);
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{0, 5, 10, 15}));
  server_->move_start("t", Offset(11));
  EXPECT_EQ(log_->segments().segments.front()->base_offset, Offset(10));
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{10, 15}));
  EXPECT_EQ(server_->store().trimmer().removed_segments(), 2U);
  EXPECT_FALSE(files_->exists(path(5, ".index")));
  EXPECT_FALSE(files_->exists(path(5, ".timeindex")));
  server_->move_start("t", Offset(17));
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{15})) << "the active one stays";
  fill(1);
  EXPECT_EQ(offsets(), range(17, 18));
}

TEST_F(LogStartTest, FilesStayForTheDelay) {
  stop();
  sim::SimServer::Setup setup;
  setup.options.delete_delay_ms = 60'000;
  auto started = sim::SimServer::start(*files_, catalog_, 1, setup);
  ASSERT_TRUE(started);
  server_ = std::move(*started);
  log_ = &server_->log("t");
  fill(12);
  server_->move_start("t", Offset(12));
  tick();
  server_->advance_clock(59'000);
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{0, 5, 10}));
  server_->advance_clock(1'000);
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{10}));
}

TEST_F(LogStartTest, ASegmentThatIsStillBeingWrittenGoesOnceItIsSealed) {
  for (int i = 0; i < 11; ++i) append_batch(kNow);
  while (log_->high_watermark().offset < Offset(11)) server_->turn();
  server_->move_start("t", Offset(11));
  server_->settle();
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{10}));
}

TEST_F(LogStartTest, APinKeepsWhatIsHalfSentUntilItIsReleased) {
  fill(17);
  restart();  // all of it is cold
  const Position second = warmed([&] { return seek(*log_, Offset(7)); }).position;
  SegmentPin kept = pin(*log_, second);
  ASSERT_TRUE(kept.holds());
  server_->move_start("t", Offset(17));
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{5, 10, 15})) << "and what is behind it";
  Buffer scratch;
  EXPECT_EQ(warmed([&] { return read_batch(*log_, second, scratch); }).header.base_offset,
            Offset(7));
  const auto slices =
      warmed([&] { return read_exactly(*log_, second, second + kBatchBytes, out_); });
  EXPECT_EQ(slices.status, ReadStatus::kOk);
  EXPECT_GT(slices.size_bytes, 0U);
  kept.release();
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{15}));
  EXPECT_EQ(read_exactly(*log_, second, second + kBatchBytes, out_).status,
            ReadStatus::kOutOfRange);
  EXPECT_EQ(read(*log_, second, kMiB, true, out_).status, ReadStatus::kOutOfRange);
  EXPECT_EQ(read_batch(*log_, second, scratch).status, ReadStatus::kOutOfRange);
  EXPECT_FALSE(pin(*log_, second).holds());
  // A search by time from there goes on with what there is.
  EXPECT_EQ(warmed([&] { return seek_time(*log_, Timestamp(0), second); }).position,
            log_->segments().segments.front()->base_position);
}

TEST_F(LogStartTest, APinThatComesWhileASegmentIsBeingHiddenKeepsIt) {
  fill(17);
  Segment& first = *log_->segments().segments.front();
  server_->move_start("t", Offset(17));
  server_->settle();
  // By a shard that has found it before, within the same turn.
  server_->epochs().online(0);
  server_->store().tick(Timestamp(server_->now_ms()));
  first.pins.fetch_add(1);
  server_->epochs().offline(0);
  server_->settle();
  EXPECT_EQ(segment_files().front(), 0);
  first.pins.fetch_sub(1);
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{15}));
}

TEST_F(LogStartTest, ALogThatIsDeletedMeanwhileTakesTheRestWithIt) {
  fill(17);
  SegmentPin kept = pin(*log_, kFirstPosition);
  server_->move_start("t", Offset(12));
  tick();
  server_->remove("t");
  server_->settle();
  EXPECT_FALSE(files_->exists("/logs/t-0"));
  kept.release();
  server_->settle();
  EXPECT_EQ(files_->mappings(), 0U);
}

TEST_F(LogStartTest, TheHistoryOfEpochsBeginsWithIt) {
  fill(3);
  restart();
  fill(3);
  restart();
  fill(3);
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(1), LeaderEpoch(3)).end, Offset(3));
  server_->move_start("t", Offset(4));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(1), LeaderEpoch(3)).end, Offset(-1));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(2), LeaderEpoch(3)).end, Offset(6));
  restart();
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(1), LeaderEpoch(4)).end, Offset(-1));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(2), LeaderEpoch(4)).end, Offset(6));
}

// ---- After a crash -----------------------------------------------------------------------------

TEST_F(LogStartTest, RecoveryGoesOnWhicheverOfTheFilesBelowItAreLeft) {
  for (unsigned left = 0; left < 64; ++left) {
    SCOPED_TRACE("files left: " + std::to_string(left));
    stop();
    files_ = std::make_unique<sim::SimFiles>();
    catalog_.topics["t"].start = Offset(0);
    start();
    fill(17);
    server_->move_start("t", Offset(15));
    crash(sim::CrashPolicy::kKeepAll);
    for (unsigned file = 0; file < 6; ++file) {
      if ((left >> file & 1U) != 0) continue;
      const std::string gone = path(5 * (file / 2), file % 2 == 0 ? ".log" : ".index");
      ASSERT_TRUE(files_->remove(gone));
    }
    start();
    ASSERT_FALSE(HasFailure());
    EXPECT_EQ(log_->start_offset(), Offset(15));
    EXPECT_EQ(offsets(), range(15, 17));
    EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{15}));
    for (const std::int64_t base : {0, 5, 10}) EXPECT_FALSE(files_->exists(path(base, ".index")));
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(LogStartTest, OffsetsThatAPowerLossTookFromBelowItAreNotGivenOutAgain) {
  config().durability = Durability::kOs;
  restart();
  append_batch(kNow);
  server_->settle();
  catalog_.topics["t"].start = Offset(9);  // of what was visible, and is lost
  crash(sim::CrashPolicy::kDropAll);
  for (int times = 0; times < 3; ++times) {
    start();
    ASSERT_FALSE(HasFailure());
    EXPECT_EQ(log_->start_offset(), Offset(9));
    EXPECT_EQ(log_->high_watermark().offset, Offset(9));
    EXPECT_EQ(offsets(), range(9, 9));
    EXPECT_TRUE(log_->segments().segments.empty());
    crash(sim::CrashPolicy::kDropAll);
  }
  start();
  append_batch(kNow);
  server_->settle();
  EXPECT_EQ(offsets(), range(9, 10));
  restart();
  EXPECT_EQ(offsets(), range(9, 10));
}

// ---- Retention ---------------------------------------------------------------------------------

TEST_F(LogStartTest, SegmentsWhoseNewestRecordIsTooOldExpire) {
  config().retention_ms = 8 * kHourMs;
  restart();
  fill(17);  // segments 0, 5 and 10 end 12, 7 and 2 hours ago
  for (int round = 0; round < 2; ++round) {
    check_retention();
    EXPECT_EQ(log_->start_offset(), Offset(5));
    EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{5, 10, 15}));
    restart();  // the second time, the segments' times are read from their indexes
  }
  server_->advance_clock(3 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(10));
}

TEST_F(LogStartTest, ATimestampInTheFutureKeepsASegmentAndThoseBehindIt) {
  config().retention_ms = kHourMs;
  restart();
  append_batch(kNow + 1000 * kHourMs);
  fill(16, kNow - 100 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(0));
}

TEST_F(LogStartTest, TheOldestSegmentsExpireWhileTheLogIsTooLarge) {
  config().retention_ms = -1;
  config().retention_bytes = 8 * kBatchBytes;
  restart();
  fill(17, kNow - 1000 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(5)) << "12 batches: without a segment too few of 8";
  fill(1, kNow - 1000 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(10));
}

TEST_F(LogStartTest, WhenEverythingHasExpiredTheActiveSegmentIsRolledAndGoesToo) {
  config().retention_ms = kHourMs;
  restart();
  fill(7, kNow - 2 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(7));
  tick();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{7}));
  check_retention();
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{7})) << "an empty one is not rolled";
  fill(1);
  EXPECT_EQ(offsets(), range(7, 8));
  restart();
  EXPECT_EQ(offsets(), range(7, 8));
}

TEST_F(LogStartTest, NothingExpiresBeyondWhatIsDurable) {
  config().retention_ms = kHourMs;
  restart();
  fill(5, kNow - 2 * kHourMs);
  append_batch(kNow - 2 * kHourMs);  // in memory only
  ASSERT_EQ(log_->high_watermark().offset, Offset(5));
  server_->check_retention();
  EXPECT_TRUE(server_->disk().queued() > 0);
  const Expiry expiry = expiry_of(*log_->tail, Timestamp(kNow));
  EXPECT_EQ(expiry.start, Offset(5));
  EXPECT_FALSE(expiry.everything);
  server_->settle();
}

TEST_F(LogStartTest, NothingExpiresOfACompactedLogOrWithoutLimits) {
  config().cleanup_delete = false;
  config().retention_ms = 1;
  config().retention_bytes = 0;
  restart();
  fill(17, kNow - 1000 * kHourMs);
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(0));
  server_->store().configure(*log_, {.segment_bytes = 256 * kKiB, .retention_ms = -1});
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(0));
  server_->store().configure(*log_, {.segment_bytes = 256 * kKiB, .retention_ms = kHourMs});
  check_retention();
  EXPECT_EQ(log_->start_offset(), Offset(17));
}

// ---- New settings ------------------------------------------------------------------------------

TEST_F(LogStartTest, NewSegmentSizesTakeEffectAtOnce) {
  fill(3);
  LogConfig changed{.segment_bytes = 120 * kKiB};
  server_->store().configure(*log_, changed);
  fill(3);
  EXPECT_EQ(segment_files(), (std::vector<std::int64_t>{0, 3, 5}));
  // Beyond what the active segment was made for: it is rolled where that ends.
  changed.segment_bytes = 1024 * kMiB;
  server_->store().configure(*log_, changed);
  for (int i = 0; i < 3000; ++i) append_batch(kNow);
  server_->settle();
  EXPECT_EQ(log_->high_watermark().offset, Offset(3006));
  EXPECT_EQ(log_->segments().segments.size(), 4U);
}

TEST_F(LogStartTest, VisibilityChangedToAppendedShowsWhatIsThereAndBackHidesNothing) {
  fill(1);
  append_batch(kNow);
  EXPECT_EQ(log_->high_watermark().offset, Offset(1));
  server_->store().configure(*log_, {.visibility = Visibility::kAppended});
  EXPECT_EQ(log_->high_watermark().offset, Offset(2));
  append_batch(kNow);
  server_->store().configure(*log_, {.visibility = Visibility::kDurable});
  Offset seen = log_->high_watermark().offset;
  EXPECT_EQ(seen, Offset(3));
  for (int i = 0; i < 200; ++i) {
    server_->turn();
    ASSERT_GE(log_->high_watermark().offset, seen);
    seen = log_->high_watermark().offset;
  }
}

}  // namespace
}  // namespace duolog::storage

// How old a segment is says the server's clock, from its first record on, over stops and crashes;
// not what its records are dated, and not a clock that was set.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kAgeBegin = 1'700'000'000'000;
constexpr std::int64_t kAgeDayMs = 24 * 3600 * 1000LL;
constexpr std::int64_t kAgeDated[] = {0, 5, kAgeBegin, 4'102'444'800'000};  // 1970 twice, now, 2100

class SegmentAgeTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  SegmentAgeTest() {
    catalog.topics["t"] = {Uuid{{1}}, LogConfig{.segment_ms = 7 * kAgeDayMs}, false, {}};
    start(kAgeBegin);
  }
  ~SegmentAgeTest() override { server->stop(); }

  void start(std::int64_t now_ms) {
    auto started = sim::SimServer::start(*files, catalog, 1, {.now_ms = now_ms});
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
    log = &server->log("t");
  }
  void stop_and_start(std::int64_t now_ms) {
    server->stop();
    server.reset();
    start(now_ms);
  }
  void crash_and_start(std::int64_t now_ms) {
    files->stop();
    server.reset();
    files = files->reboot(sim::CrashPolicy::kKill, 1);
    start(now_ms);
  }
  void append() {
    RecordBatchBuilder builder(1U << 20);
    ASSERT_TRUE(builder.add({Timestamp(GetParam()), std::nullopt, as_bytes("value"), {}}));
    const Bytes batch = builder.finish();
    Offset base;
    while (server->store().append(*log, batch, 1, Timestamp(GetParam()),
                                  Timestamp(server->now_ms()), base) != LogStore::Append::kDone) {
      server->turn();
    }
    server->settle();
  }
  // So much later; how many segments there are then.
  std::size_t segments_after(std::int64_t ms) {
    server->advance_clock(ms);
    server->store().tick(Timestamp(server->now_ms()));
    server->settle();
    return log->segments().segments.size();
  }

  std::unique_ptr<sim::SimFiles> files = std::make_unique<sim::SimFiles>();
  sim::SimCatalog catalog;
  std::unique_ptr<sim::SimServer> server;
  Log* log = nullptr;
};

TEST_P(SegmentAgeTest, ASegmentIsSealedWhenItsFirstRecordIsAsOldAsTheServerSays) {
  append();
  EXPECT_EQ(segments_after(7 * kAgeDayMs - 1), 1U);
  EXPECT_EQ(segments_after(1), 2U);
}

TEST_P(SegmentAgeTest, AnEmptySegmentDoesNotAge) {
  append();
  EXPECT_EQ(segments_after(7 * kAgeDayMs), 2U);
  EXPECT_EQ(segments_after(100 * kAgeDayMs), 2U);
  append();
  EXPECT_EQ(segments_after(7 * kAgeDayMs - 1), 2U);
  EXPECT_EQ(segments_after(1), 3U);
}

TEST_P(SegmentAgeTest, ItGoesOnWhereACleanStopLeftIt) {
  append();
  stop_and_start(kAgeBegin + 6 * kAgeDayMs);
  EXPECT_EQ(segments_after(kAgeDayMs - 1), 1U);
  EXPECT_EQ(segments_after(1), 2U);
}

TEST_P(SegmentAgeTest, ItBeginsWithTheFirstStartAfterACrashAndGoesOnOverMore) {
  append();
  crash_and_start(kAgeBegin + kAgeDayMs);
  EXPECT_EQ(segments_after(0), 1U);
  append();
  crash_and_start(kAgeBegin + 7 * kAgeDayMs);
  EXPECT_EQ(segments_after(kAgeDayMs - 1), 1U);
  EXPECT_EQ(segments_after(1), 2U);
}

TEST_P(SegmentAgeTest, AfterTheClockWasSetBackItBeginsAnew) {
  append();
  stop_and_start(kAgeBegin - 1000 * kAgeDayMs);
  EXPECT_EQ(segments_after(7 * kAgeDayMs - 1), 1U);
  EXPECT_EQ(segments_after(kAgeDayMs), 2U);
}

INSTANTIATE_TEST_SUITE_P(Dated, SegmentAgeTest, ::testing::ValuesIn(kAgeDated));

}  // namespace
}  // namespace duolog::storage

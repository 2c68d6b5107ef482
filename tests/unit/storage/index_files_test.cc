// The index files of a segment are derived from it: whatever becomes of them, nobody who seeks
// notices, and they are written again.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kIndexedFrom = 1'700'000'000'000;
constexpr int kIndexedBatches = 30;

std::string index_path(const char* suffix) {
  return "/logs/t-0/" + segment_file_name(Offset(0), suffix);
}

class IndexFilesTest : public ::testing::Test {
 protected:
  IndexFilesTest() {
    catalog.topics["t"] = {Uuid{{1}}, LogConfig{.segment_bytes = 256 * kKiB}, false, {}};
    start();
    for (int i = 0; i < kIndexedBatches; ++i) append(kIndexedFrom + i);
    server->settle();
    stop();
    offsets = files.content(index_path(".index"));
    times = files.content(index_path(".timeindex"));
  }
  ~IndexFilesTest() override { stop(); }

  void start() {
    auto started = sim::SimServer::start(files, catalog, 1, {});
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
    log = &server->log("t");
  }
  void stop() {
    if (server) server->stop();
    server.reset();
  }
  void append(std::int64_t timestamp) {
    const std::vector<std::uint8_t> value(20 * kKiB, 'v');
    RecordBatchBuilder builder(1U << 20);
    ASSERT_TRUE(builder.add({Timestamp(timestamp), std::nullopt, Bytes(value), {}}));
    const Bytes batch = builder.finish();
    Offset base;
    while (server->store().append(*log, batch, 1, Timestamp(timestamp), Timestamp(timestamp),
                                  base) != LogStore::Append::kDone) {
      server->turn();
    }
  }
  template <class Ask>
  auto warmed(Ask ask) {
    for (;;) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold) return answer;
      bool warm = false;
      warm_up(server->disk(), answer.cold, [&](Result<void> outcome) {
        EXPECT_TRUE(outcome) << outcome.error().message;
        warm = true;
      });
      while (!warm) server->turn();
    }
  }
  // Every offset and every time is found, and the files are as they were.
  void expect_found() {
    start();
    for (int i = 0; i < kIndexedBatches; ++i) {
      const auto sought = warmed([&] { return seek(*log, Offset(i)); });
      ASSERT_EQ(sought.status, ReadStatus::kOk) << i;
      const auto batch = warmed([&] { return read_batch_header(*log, sought.position); });
      ASSERT_EQ(batch.status, ReadStatus::kOk) << i;
      ASSERT_EQ(batch.header.base_offset.value, i);
      const auto timed =
          warmed([&] { return seek_time(*log, Timestamp(kIndexedFrom + i), kFirstPosition); });
      ASSERT_TRUE(timed.found) << i;
      ASSERT_EQ(timed.position, sought.position) << i;
    }
    const Segment& first = *log->segments().segments.front();
    const Segment& second = *log->segments().segments[1];
    EXPECT_EQ(first.max_timestamp.load(),
              kIndexedFrom + (second.base_offset - first.base_offset) - 1);
    stop();
    EXPECT_EQ(files.content(index_path(".index")), offsets);
    EXPECT_EQ(files.content(index_path(".timeindex")), times);
  }

  sim::SimFiles files;
  sim::SimCatalog catalog;
  std::unique_ptr<sim::SimServer> server;
  Log* log = nullptr;
  std::vector<std::uint8_t> offsets;
  std::vector<std::uint8_t> times;
};

TEST_F(IndexFilesTest, AFlippedBitOfAnOffsetOrAPositionIsNotBelieved) {
  ASSERT_GE(offsets.size(), 4 * 8U);
  for (const std::uint64_t at : {3U, 6U, 11U, 14U, 27U, 30U}) {
    SCOPED_TRACE(at);
    files.flip_bit(index_path(".index"), at, 1);
    expect_found();
  }
}

// By these retention decides what goes.
TEST_F(IndexFilesTest, AFlippedBitOfATimeIsNotBelieved) {
  for (std::uint64_t at = 2; at < times.size(); at += 11) {
    SCOPED_TRACE(at);
    files.flip_bit(index_path(".timeindex"), at, 1);
    expect_found();
  }
}

TEST_F(IndexFilesTest, FilesThatAreMissingAreWrittenAgain) {
  for (const char* suffix : {".index", ".timeindex", ".indexhash"}) {
    SCOPED_TRACE(suffix);
    ASSERT_TRUE(files.remove(index_path(suffix)));
    if (std::string(suffix) == ".index") continue;  // then recovery walks the segment
    expect_found();
  }
}

TEST_F(IndexFilesTest, AFlippedBitOfTheHashCostsAnotherLook) {
  files.flip_bit(index_path(".indexhash"), 9, 1);
  expect_found();
}

// The kernel says it of a flush once, and who is not told acknowledges what is not on the disk.
TEST_F(IndexFilesTest, WhatIsDerivedAgainIsNotFlushedSoThatNoFailureOfItCanBePassedOver) {
  files.flip_bit(index_path(".index"), 3, 1);
  files.fail_next(sim::SimFiles::Fault::kSync, "index");
  expect_found();
  auto file = files.open(index_path(".index"), OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  EXPECT_FALSE(files.sync(*file)) << "it has been flushed, and nobody was told of the failure";
  files.close(*file);
}

}  // namespace
}  // namespace duolog::storage

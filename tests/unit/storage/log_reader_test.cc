#include "storage/log_reader.h"

#include <array>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000;

std::vector<std::uint8_t> make_batch(std::size_t value_bytes, std::int64_t timestamp) {
  const std::vector<std::uint8_t> value(value_bytes, static_cast<std::uint8_t>(timestamp));
  RecordBatchBuilder builder(8U << 20);
  EXPECT_TRUE(builder.add({Timestamp(timestamp), std::nullopt, Bytes(value), {}}));
  const Bytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

class LogReaderTest : public ::testing::Test {
 protected:
  LogReaderTest() {
    catalog_.topics["t"] = {Uuid{{1}}, LogConfig{.segment_bytes = 256 * kKiB}, false, {}};
    start();
  }
  ~LogReaderTest() override { stop(); }

  void start() {
    auto started = sim::SimServer::start(files_, catalog_, 1, {});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    log_ = &server_->log("t");
  }
  void stop() {
    server_->stop();
    server_.reset();
  }
  void append(std::size_t value_bytes, std::int64_t timestamp) {
    const auto batch = make_batch(value_bytes, timestamp);
    Offset base;
    while (server_->store().append(*log_, batch, 1, Timestamp(timestamp), Timestamp(kStart),
                                   base) != LogStore::Append::kDone) {
      server_->turn();
    }
  }
  // Fifty batches of 20 KiB and one of 150, over several segments, all of them sealed or stopped.
  void fill() {
    for (int i = 0; i < 50; ++i) append(i == 20 ? 150 * kKiB : 20 * kKiB, kStart + i);
    server_->settle();
  }
  void warm(const Cold& cold) {
    bool warmed = false;
    warm_up(server_->disk(), cold, [&](Result<void> outcome) {
      EXPECT_TRUE(outcome);
      warmed = true;
    });
    while (!warmed) ASSERT_TRUE(server_->disk().step());
  }
  template <class Ask>
  auto warmed(Ask ask) {
    for (;;) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold) return answer;
      warm(answer.cold);
    }
  }

  sim::SimFiles files_;
  sim::SimCatalog catalog_;
  std::unique_ptr<sim::SimServer> server_;
  Log* log_ = nullptr;
  std::array<iovec, 64> out_{};
};

TEST_F(LogReaderTest, SeeksEveryOffsetInMemoryAndOnDisk) {
  fill();
  for (int round = 0; round < 2; ++round) {
    for (int offset = 0; offset < 50; ++offset) {
      const auto sought = warmed([&] { return seek(*log_, Offset(offset)); });
      ASSERT_EQ(sought.status, ReadStatus::kOk);
      const auto batch = warmed([&] { return read_batch_header(*log_, sought.position); });
      EXPECT_EQ(batch.header.base_offset.value, offset);
    }
    EXPECT_EQ(seek(*log_, Offset(50)).position, log_->high_watermark().position);
    EXPECT_EQ(seek(*log_, Offset(51)).status, ReadStatus::kOutOfRange);
    EXPECT_EQ(seek(*log_, Offset(-1)).status, ReadStatus::kOutOfRange);
    stop();
    start();
  }
}

TEST_F(LogReaderTest, ReadsWholeBatchesWithinTheLimitAndAtLeastOne) {
  fill();
  stop();
  start();
  Position from = kFirstPosition;
  int batches = 0;
  while (from < log_->high_watermark().position) {
    const auto slices = warmed([&] { return read(*log_, from, 50 * kKiB, true, out_); });
    ASSERT_EQ(slices.status, ReadStatus::kOk);
    ASSERT_GT(slices.count, 0U);
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < slices.count; ++i) {
      const auto* at = static_cast<const std::uint8_t*>(out_[i].iov_base);
      bytes.insert(bytes.end(), at, at + out_[i].iov_len);
    }
    ASSERT_EQ(bytes.size(), slices.size_bytes);
    int here = 0;
    for (Bytes rest = bytes; !rest.empty(); ++here) {
      const auto header = parse_header(rest);
      ASSERT_TRUE(header);
      ASSERT_LE(header->size_bytes(), rest.size());
      EXPECT_TRUE(crc_matches(rest.first(header->size_bytes())));
      EXPECT_EQ(header->base_offset.value, batches + here);
      rest = rest.subspan(header->size_bytes());
    }
    EXPECT_TRUE(here == 1 || slices.size_bytes <= 50 * kKiB);
    batches += here;
    EXPECT_EQ(slices.next, from + slices.size_bytes);
    from = slices.next;
  }
  EXPECT_EQ(batches, 50);
  const auto none = warmed([&] { return read(*log_, kFirstPosition, 100, false, out_); });
  EXPECT_EQ(none.count, 0U);
}

TEST_F(LogReaderTest, FindsTimestampsBeforeAndAfterARestart) {
  fill();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 50; i += 7) {
      const auto sought =
          warmed([&] { return seek_time(*log_, Timestamp(kStart + i), kFirstPosition); });
      ASSERT_TRUE(sought.found);
      const auto batch = warmed([&] { return read_batch_header(*log_, sought.position); });
      EXPECT_EQ(batch.header.base_offset.value, i);
    }
    EXPECT_FALSE(
        warmed([&] { return seek_time(*log_, Timestamp(kStart + 50), kFirstPosition); }).found);
    const auto newest = warmed([&] { return seek_max_timestamp(*log_); });
    ASSERT_TRUE(newest.found);
    EXPECT_EQ(warmed([&] { return read_batch_header(*log_, newest.position); }).header.base_offset,
              Offset(49));
    stop();
    start();
  }
}

TEST_F(LogReaderTest, AnswersCorruptWhereABatchIsDamagedAndGoesOnBeforeIt) {
  fill();
  stop();
  files_.flip_bit("/logs/t-0/00000000000000000000.log", 3 * (20 * kKiB) + 1000);
  start();
  Buffer scratch;
  Position position = kFirstPosition;
  int good = 0;
  for (;;) {
    const auto batch = warmed([&] { return read_batch(*log_, position, scratch); });
    if (batch.status == ReadStatus::kCorrupt) break;
    ASSERT_EQ(batch.status, ReadStatus::kOk);
    position = batch.next;
    ASSERT_LT(++good, 50);
  }
  EXPECT_EQ(good, 3);
  const auto later = warmed([&] { return seek(*log_, Offset(40)); });
  EXPECT_EQ(later.status, ReadStatus::kOk);
}

TEST_F(LogReaderTest, KnowsWhereEpochsEnd) {
  append(10, kStart);
  append(10, kStart);
  server_->settle();
  stop();
  start();
  append(10, kStart);
  server_->settle();
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(1), LeaderEpoch(2)).end, Offset(2));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(2), LeaderEpoch(2)).end, Offset(3));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(3), LeaderEpoch(2)).end, Offset(-1));
  EXPECT_EQ(end_of_epoch(*log_, LeaderEpoch(0), LeaderEpoch(2)).end, Offset(-1));
}

TEST_F(LogReaderTest, WritesIndexesInKafkasFormat) {
  fill();
  stop();
  const auto index = files_.content("/logs/t-0/00000000000000000000.index");
  const auto times = files_.content("/logs/t-0/00000000000000000000.timeindex");
  ASSERT_GE(index.size(), 16U);
  ASSERT_EQ(index.size() % 8, 0U);
  ASSERT_EQ(times.size() % 12, 0U);
  const std::uint32_t size = static_cast<std::uint32_t>(make_batch(20 * kKiB, kStart).size());
  EXPECT_EQ(load_be<std::uint32_t>(index.data()), 1U);
  EXPECT_EQ(load_be<std::uint32_t>(index.data() + 4), size);
  EXPECT_EQ(load_be<std::uint32_t>(index.data() + 8), 2U);
  EXPECT_EQ(load_be<std::uint32_t>(index.data() + 12), 2 * size);
  EXPECT_EQ(load_be<std::int64_t>(times.data()), kStart);
  EXPECT_EQ(load_be<std::uint32_t>(times.data() + 8), 0U);
  start();
}

TEST_F(LogReaderTest, RemovedLogStaysUntilWhoReadsItIsDone) {
  fill();
  stop();
  start();
  const auto cold = read(*log_, kFirstPosition, kMiB, true, out_);
  ASSERT_EQ(cold.status, ReadStatus::kCold);
  bool warmed = false;
  warm_up(server_->disk(), cold.cold, [&](Result<void>) { warmed = true; });
  server_->remove("t");
  while (!warmed) server_->turn();
  server_->settle();
  EXPECT_FALSE(files_.exists("/logs/t-0"));
  EXPECT_EQ(files_.mappings(), 0U);
}

}  // namespace
}  // namespace duolog::storage

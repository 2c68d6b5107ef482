// One damaged batch is a damaged batch: those before and behind it are read, and it is told once.
#include "storage/damage.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/batch_check.h"
#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "storage/segment_files.h"
#include "storage/time_search.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kDamageStart = 1'700'000'000'000;

// A log "t" whose batches are one record each, at kDamageStart + its offset.
class DamageTest : public ::testing::Test {
 protected:
  DamageTest() { (void)take_damages(); }
  ~DamageTest() override { stop(); }

  void start() {
    auto started = sim::SimServer::start(files_, catalog_, 1, {});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    log_ = &server_->log("t");
  }
  void stop() {
    if (server_) server_->stop();
    server_.reset();
  }
  // What the journal still has of it would mend it.
  void forget_journal() {
    stop();
    start();
    stop();
  }
  template <class Ask>
  auto warmed(Ask ask) {
    for (;;) {
      auto answer = ask();
      if (answer.status != ReadStatus::kCold) return answer;
      bool warm = false;
      warm_up(server_->disk(), answer.cold, [&](const Result<void>& outcome) {
        EXPECT_TRUE(outcome) << outcome.error().message;
        warm = true;
      });
      while (!warm) EXPECT_TRUE(server_->disk().step());
    }
  }
  void fill(int count, std::size_t value_bytes, std::uint64_t segment_bytes) {
    catalog_.topics["t"] = {Uuid{{1}}, LogConfig{.segment_bytes = segment_bytes}, false, {}};
    start();
    for (int i = 0; i < count; ++i) append(value_bytes);
    server_->settle();
    for (Position at = kFirstPosition; at < log_->high_watermark().position;) {
      const auto batch = warmed([&] { return read_batch_header(*log_, at); });
      places_.push_back(at);
      at = batch.next;
    }
    for (const Segment* segment : log_->segments().segments) {
      segments_.push_back({segment->base_offset, segment->base_position});
    }
    forget_journal();
  }
  void append(std::size_t value_bytes) {
    const std::int64_t at = kDamageStart + log_->appended().offset.value;
    const std::vector<std::uint8_t> value(value_bytes, 'v');
    RecordBatchBuilder builder(8U << 20);
    ASSERT_TRUE(builder.add({Timestamp(at), std::nullopt, Bytes(value), {}}));
    const Bytes batch = builder.finish();
    Offset base;
    while (server_->store().append(*log_, batch, 1, Timestamp(at), Timestamp(kDamageStart), base) !=
           LogStore::Append::kDone) {
      server_->turn();
    }
  }
  struct InFile {
    std::string file;
    std::uint64_t at = 0;
  };
  [[nodiscard]] InFile in_file(int offset) const {
    const Position place = places_[static_cast<std::size_t>(offset)];
    auto segment = segments_.end() - 1;
    while (segment->second > place) --segment;
    return {"/logs/t-0/" + segment_file_name(segment->first, ".log"), place - segment->second};
  }
  void flip(int offset, std::uint64_t byte, int bit) {
    const InFile place = in_file(offset);
    files_.flip_bit(place.file, place.at + byte, bit);
  }
  // Of the one record at `offset`: how a consumer that begins there fares.
  ReadStatus consume(int offset) {
    const auto sought = warmed([&] { return seek(*log_, Offset(offset)); });
    if (sought.status != ReadStatus::kOk) return sought.status;
    const auto slices = warmed([&] { return read(*log_, sought.position, 1, true, out_); });
    if (slices.status != ReadStatus::kOk) return slices.status;
    const auto batch = warmed([&] { return read_batch(*log_, sought.position, scratch_); });
    if (batch.status != ReadStatus::kOk) return batch.status;
    EXPECT_EQ(batch.header.base_offset, Offset(offset));
    EXPECT_TRUE(crc_matches(batch.bytes)) << offset;
    EXPECT_EQ(slices.size_bytes, batch.bytes.size());
    return batch.status;
  }
  // Whether the byte of a batch's header says where the next one is.
  static bool is_length(std::uint64_t byte) {
    return byte >= batch_at::kBatchLength && byte < kBatchLengthEnd;
  }
  // All but `damaged` can be read, whatever is read first, and that one is told of, once. If
  // `more`, those behind it may be hidden as well, up to where the index goes on.
  void expect_only(int damaged, bool backwards, bool more = false) {
    const int count = static_cast<int>(places_.size());
    std::vector<bool> good(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      const int offset = backwards ? count - 1 - i : i;
      const ReadStatus status = consume(offset);
      ASSERT_TRUE(status == ReadStatus::kOk || status == ReadStatus::kCorrupt) << offset;
      good[static_cast<std::size_t>(offset)] = status == ReadStatus::kOk;
    }
    int hidden = 0;
    for (int i = 0; i < count; ++i) {
      if (good[static_cast<std::size_t>(i)]) continue;
      ASSERT_EQ(i, damaged + hidden) << "not only those behind it";
      ++hidden;
    }
    ASSERT_GE(hidden, 1);
    ASSERT_LE(hidden, more ? 200 : 1);
    const auto found = take_damages();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].file, in_file(damaged).file);
    EXPECT_EQ(found[0].damage.from, in_file(damaged).at);
    EXPECT_EQ(found[0].damage.offset, Offset(damaged));
  }
  Offset time_search(TimeSearch search) {
    const auto found = warmed([&] { return search.step(*log_, search_scratch_); });
    EXPECT_EQ(found.status, ReadStatus::kOk);
    return found.found ? found.offset : Offset(-1);
  }

  sim::SimFiles files_;
  sim::SimCatalog catalog_;
  std::unique_ptr<sim::SimServer> server_;
  Log* log_ = nullptr;
  std::vector<Position> places_;
  std::vector<std::pair<Offset, Position>> segments_;
  std::array<iovec, 64> out_{};
  Buffer scratch_;
  SearchScratch search_scratch_;
};

TEST_F(DamageTest, HidesOnlyItselfInASealedSegment) {
  fill(60, 20 * kKiB, 512 * kKiB);
  for (const std::uint64_t byte :
       {0, 7, 8, 9, 10, 11, 16, 17, 22, 23, 26, 35, 43, 60, 61, 10'000}) {
    for (const int bit : {0, 7}) {
      SCOPED_TRACE(std::to_string(byte) + " bit " + std::to_string(bit));
      flip(12, byte, bit);
      start();
      expect_only(12, (byte + static_cast<std::uint64_t>(bit)) % 2 == 0);
      stop();
      flip(12, byte, bit);
    }
  }
}

TEST_F(DamageTest, OfASmallBatchBetweenEntriesOfTheIndex) {
  fill(400, 40, 16 * kKiB);
  for (std::uint64_t byte = 0; byte < 90; ++byte) {
    if (byte >= batch_at::kLeaderEpoch && byte < batch_at::kMagic) continue;  // no checksum has it
    SCOPED_TRACE(byte);
    flip(25, byte, static_cast<int>(byte % 8));
    start();
    expect_only(25, byte % 2 == 0, is_length(byte));
    stop();
    flip(25, byte, static_cast<int>(byte % 8));
  }
}

// The walk of a window begins at the index's last entry before it.
TEST_F(DamageTest, JustBeforeTheWindowThatIsReadFirst) {
  fill(12'000, 40, 64 * kMiB);
  int victim = 0;
  while (in_file(victim + 2).at < kWindowBytes) ++victim;
  for (const std::uint64_t byte : {7, 10, 11, 70}) {
    for (const int bit : {2, 4}) {
      SCOPED_TRACE(std::to_string(byte) + " bit " + std::to_string(bit));
      flip(victim, byte, bit);
      start();
      expect_only(victim, true, is_length(byte));
      stop();
      flip(victim, byte, bit);
    }
  }
}

TEST_F(DamageTest, AtTheEndsOfASegment) {
  fill(400, 40, 16 * kKiB);
  const int second = static_cast<int>(segments_[1].first.value);
  for (const int offset : {0, second - 1, second}) {
    for (const std::uint64_t byte : {3, 9, 10, 11, 70}) {
      SCOPED_TRACE(std::to_string(offset) + " byte " + std::to_string(byte));
      flip(offset, byte, 1);
      start();
      expect_only(offset, byte == 9, is_length(byte));
      stop();
      flip(offset, byte, 1);
    }
  }
}

TEST_F(DamageTest, InASegmentThatIsNotSealed) {
  fill(60, 20 * kKiB, 64 * kMiB);
  ASSERT_EQ(segments_.size(), 1U);
  for (const std::uint64_t byte : {7, 8, 9, 60, 5000}) {
    SCOPED_TRACE(byte);
    flip(12, byte, 0);
    start();
    expect_only(12, byte % 2 == 0);
    stop();
    flip(12, byte, 0);
  }
}

TEST_F(DamageTest, AlsoWithoutTheFilesOfTheIndex) {
  fill(400, 40, 16 * kKiB);
  for (const std::uint64_t byte : {7, 16, 23, 70}) {
    SCOPED_TRACE(byte);
    for (const char* suffix : {".index", ".timeindex"}) {
      files_.flip_bit("/logs/t-0/" + segment_file_name(Offset(0), suffix), 9, 1);
    }
    flip(25, byte, 1);
    start();
    expect_only(25, byte % 2 == 0, is_length(byte));
    stop();
    flip(25, byte, 1);
  }
}

TEST_F(DamageTest, ManyOfThemAreEachTold) {
  fill(400, 40, 16 * kKiB);
  for (int i = 5; i < 100; i += 10) flip(i, 70, 1);
  for (int i = 200; i < 210; i += 3) flip(i, 61, 1);
  start();
  for (int i = 0; i < 400; ++i) {
    const bool bad = (i < 100 && i % 10 == 5) || (i >= 200 && i < 210 && i % 3 == 2);
    ASSERT_EQ(consume(i), bad ? ReadStatus::kCorrupt : ReadStatus::kOk) << i;
  }
  EXPECT_EQ(take_damages().size(), 14U);
}

TEST_F(DamageTest, AReadEndsBeforeItAndSaysWhereItGoesOn) {
  fill(60, 20 * kKiB, 2 * kMiB);
  flip(3, 1000, 1);
  start();
  const auto slices = warmed([&] { return read(*log_, kFirstPosition, 1 * kMiB, true, out_); });
  EXPECT_EQ(slices.size_bytes, in_file(3).at);
  const auto batch = warmed([&] { return read_batch(*log_, places_[3], scratch_); });
  EXPECT_EQ(batch.status, ReadStatus::kCorrupt);
  EXPECT_EQ(batch.damaged, Offset(3));
  EXPECT_EQ(batch.damaged_end, Offset(4));
  EXPECT_EQ(batch.next, places_[4]);
  const auto more = warmed([&] { return read(*log_, batch.next, 1 * kMiB, true, out_); });
  EXPECT_EQ(more.status, ReadStatus::kOk);
}

TEST_F(DamageTest, ATimeIsFoundBehindIt) {
  fill(60, 20 * kKiB, 512 * kKiB);
  for (const std::uint64_t byte : {9, 30, 2000}) {
    flip(12, byte, 1);
    flip(59, byte, 1);
    start();
    for (const bool cold : {true, false}) {
      SCOPED_TRACE(std::to_string(byte) + (cold ? " cold" : " known"));
      for (int i = 0; i < 59; i += i == 11 ? 1 : 11) {
        EXPECT_EQ(time_search(TimeSearch::at_or_after(Timestamp(kDamageStart + i))),
                  Offset(i == 12 ? 13 : i));
      }
    }
    stop();
    flip(12, byte, 1);
    flip(59, byte, 1);
  }
  flip(20, 2000, 1);
  start();
  EXPECT_EQ(time_search(TimeSearch::latest()), Offset(59));
}

TEST(DamagesTest, BeyondTheMostNothingBehindIsRead) {
  Damages damages;
  for (std::uint64_t i = 0; i < Damages::kMost; ++i) {
    EXPECT_TRUE(damages.add({.from = i * 100, .to = i * 100 + 50, .offset = Offset(1)}));
    EXPECT_FALSE(damages.add({.from = i * 100, .to = i * 100 + 50, .offset = Offset(1)}));
  }
  EXPECT_EQ(damages.at(199, 150), nullptr);
  EXPECT_TRUE(damages.add({.from = 1'000'000, .to = 1'000'050, .offset = Offset(1)}));
  ASSERT_NE(damages.at(2'000'000, 1'999'000), nullptr);
  EXPECT_TRUE(damages.at(2'000'000, 1'999'000)->rest);
  EXPECT_FALSE(damages.add({.from = 3'000'000, .to = 3'000'050, .offset = Offset(1)}));
  EXPECT_EQ(damages.next_from(10), 100U);
}

// What a client has put into a record looks like a batch, with a good checksum.
TEST(FindGoodBatchTest, APayloadIsNotSearched) {
  RecordBatchBuilder inner;
  ASSERT_TRUE(inner.add({Timestamp(1), std::nullopt, as_bytes("forged"), {}}));
  const MutableBytes forged = inner.finish();
  patch_base_offset_and_epoch(forged, Offset(1), LeaderEpoch(0));
  RecordBatchBuilder outer;
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(outer.add({Timestamp(1), std::nullopt, Bytes(forged), {}}));
  const MutableBytes file = outer.finish();
  file[70] ^= 1;
  const auto nothing = [](std::uint64_t) -> Result<void> { return {}; };
  for (const std::uint64_t beyond : {0, 1}) {
    std::vector<std::uint8_t> bytes(file.begin(), file.end());
    bytes.resize(bytes.size() + beyond * 4096);
    const auto found =
        find_good_batch({bytes.data(), 0, bytes.size(), Offset(0), Offset(2), nothing});
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
  }
}

}  // namespace
}  // namespace duolog::storage

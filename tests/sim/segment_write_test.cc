// What goes to segments: when bulk is acked, what vouches for it, and that nothing is written
// twice.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/journal_format.h"
#include "storage/record_batch.h"
#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr const char* kOnlySegment = "/logs/small-0/00000000000000000000.log";

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

Play with_one_log() {
  Play play({}, {}, 1);
  play.add_topic("small", 4096 * kKiB);
  play.start();
  play.append("small", 100);
  play.server().settle();
  return play;
}

bool writes(const std::string& line, const std::string& part) {
  return line.find(" write ") != std::string::npos && line.find(part) != std::string::npos;
}

TEST(BulkTest, IsAckedOnceAGroupOfTheJournalNamesIt) {
  Play play = with_one_log();
  play.append("small", 300 * kKiB);
  for (int turns = 0; turns < 1000 && play.model("small").acked < 2; ++turns) play.server().turn();
  ASSERT_EQ(play.model("small").acked, 2U);
  const auto& trace = play.files().trace();
  const auto last = std::find_if(trace.rbegin(), trace.rend(), [](const std::string& line) {
    return writes(line, ".log ") || writes(line, ".journal ");
  });
  ASSERT_NE(last, trace.rend());
  EXPECT_TRUE(writes(*last, ".journal ")) << *last;
  EXPECT_TRUE(std::ranges::any_of(trace, [](const auto& line) { return writes(line, ".log "); }));
}

// No checksum of a record batch covers its leader epoch.
TEST(BulkTest, EveryByteOfItIsDamagedWhenItIsFlipped) {
  for (const std::uint64_t at :
       {std::uint64_t{storage::batch_at::kLeaderEpoch} + 2, std::uint64_t{100'000}}) {
    SCOPED_TRACE(at);
    Play play = with_one_log();
    const std::uint64_t bulk = play.model("small").appended[0].size();
    play.append("small", 300 * kKiB);
    play.server().settle();
    ASSERT_EQ(play.model("small").acked, 2U);
    play.files().stop();
    play.reboot(CrashPolicy::kDropAll, 1);
    play.files().flip_bit(kOnlySegment, bulk + at, 0);
    SimCatalog catalog;
    storage::LogConfig config;
    config.segment_bytes = 4096 * kKiB;
    catalog.topics["small"] = {Uuid{{1}}, config, false, {}};
    catalog.incarnation = 7;
    const auto started = SimServer::start(play.files(), catalog, 1, {});
    if (started) play.files().stop();
    ASSERT_FALSE(started) << "what was acked is not what it was";
    EXPECT_EQ(started.error().code, Errc::kCorrupt);
  }
}

// Of the only segment, as the disk was told.
Ranges written_ranges(SimFiles& files) {
  Ranges ranges;
  for (const std::string& line : files.trace()) {
    if (!writes(line, kOnlySegment)) continue;
    const auto at = line.find(".log ");
    unsigned long long from = 0;
    unsigned long long size = 0;
    EXPECT_EQ(std::sscanf(line.c_str() + at, ".log %llu+%llu", &from, &size), 2) << line;
    ranges.emplace_back(from, from + size);
  }
  std::ranges::sort(ranges);
  return ranges;
}

TEST(SegmentWriteTest, NoBlockIsWrittenTwice) {
  Play play = with_one_log();
  for (std::uint64_t i = 0; i < 40; ++i) {
    play.append("small", i % 10 == 0 ? 200 * kKiB : 30'000);
    play.server().settle();
  }
  const Ranges ranges = written_ranges(play.files());
  ASSERT_GT(ranges.size(), 5U);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    EXPECT_GE(ranges[i].first, ranges[i - 1].second);
  }
}

// A log whose last block is incomplete, acked, and in its segment: a recovery has left it there.
Play recovered() {
  Play play = with_one_log();
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
  play.start();
  return play;
}

// The first entry of the newest journal file.
storage::JournalEntry first_entry(SimFiles& files) {
  std::uint64_t newest = 0;
  storage::JournalEntry first;
  for (const char* path : {"/journal/0000/00000001.journal", "/journal/0000/00000002.journal"}) {
    const auto content = files.content(path);
    const auto group = storage::read_group(content);
    if (!group || group->generation <= newest) continue;
    newest = group->generation;
    storage::EntryReader entries(*group, content);
    const auto more = entries.next(first);
    EXPECT_TRUE(more && *more);
  }
  EXPECT_GT(newest, 0U);
  return first;
}

TEST(SegmentWriteTest, AnAckedIncompleteBlockIsJournalledWholeBeforeItIsOverwritten) {
  Play play = recovered();
  play.append("small", 100);
  play.server().settle();
  EXPECT_EQ(first_entry(play.files()).position, 0U);
}

TEST(SegmentWriteTest, BulkWaitsForTheJournalToHaveTheBlockThatItOverwrites) {
  Play play = recovered();
  const std::size_t before = play.files().trace().size();
  play.append("small", 300 * kKiB);
  play.server().settle();
  const auto& trace = play.files().trace();
  const auto first = std::find_if(
      trace.begin() + static_cast<std::ptrdiff_t>(before), trace.end(),
      [](const std::string& line) { return writes(line, ".log ") || writes(line, ".journal "); });
  ASSERT_NE(first, trace.end());
  EXPECT_TRUE(writes(*first, ".journal ")) << *first;
}

}  // namespace
}  // namespace duolog::sim

// The journal after a power loss: a torn write is no damage, damage is no torn write, and what a
// client sends is never taken for a group.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr const char* kFirstJournalFile = "/journal/0000/00000001.journal";

SimCatalog catalog_of_one_topic(std::uint64_t segment_bytes) {
  SimCatalog catalog;
  storage::LogConfig config;
  config.segment_bytes = segment_bytes;
  catalog.topics["small"] = {Uuid{{1}}, config, false, {}};
  return catalog;
}

// Goes around the journal several times, in groups of one block and of many.
Play around_the_journal(std::uint64_t seed, const SimServer::Setup& setup = {}) {
  std::mt19937_64 random(seed);
  Script script;
  for (int i = 0; i < 160; ++i) {
    script.push_back({What::kAppend, "small", random() % 3 == 0 ? 20 : random() % 60'000});
    script.push_back({What::kTurn, "", 1 + random() % 20});
  }
  script.push_back({What::kSettle, "", 0});
  Play play(script, setup, seed);
  play.add_topic("small", 4096 * kKiB);
  return play;
}

// The steps that begin a journal file which was in use before.
std::vector<std::uint64_t> steps_that_begin_files_again(SimFiles& files) {
  std::map<std::string, int> begun;
  std::vector<std::uint64_t> steps;
  for (const std::string& line : files.trace()) {
    const auto at = line.find(".journal 0+");
    if (at == std::string::npos || line.find("durable write") == std::string::npos) continue;
    if (++begun[line.substr(0, at).substr(line.find('/'))] > 1) steps.push_back(std::stoull(line));
  }
  return steps;
}

class JournalCrashTest : public ::testing::TestWithParam<std::uint64_t> {};

// Stops at those steps, at most so many, and starts whatever a power loss has left of them.
void crash_where_files_begin_again(std::uint64_t seed, const SimServer::Setup& setup,
                                   std::size_t most) {
  Play whole = around_the_journal(seed, setup);
  ASSERT_TRUE(whole.run());
  const auto steps = steps_that_begin_files_again(whole.files());
  ASSERT_FALSE(steps.empty());
  const std::size_t stride = std::max<std::size_t>(1, steps.size() / most);
  for (std::size_t i = 0; i < steps.size(); i += stride) {
    Play play = around_the_journal(seed, setup);
    play.files().crash_after(steps[i]);
    ASSERT_FALSE(play.run());
    for (std::uint64_t reboot = 1; reboot <= 16; ++reboot) {
      SCOPED_TRACE("step " + std::to_string(steps[i]) + ", reboot " + std::to_string(reboot));
      const auto files = play.files().reboot(CrashPolicy::kRandom, reboot);
      SimCatalog catalog = catalog_of_one_topic(4096 * kKiB);
      catalog.incarnation = 1;
      const auto started = SimServer::start(*files, catalog, 1, setup);
      ASSERT_TRUE(started) << started.error().message;
      EXPECT_GE(static_cast<std::size_t>((*started)->log("small").high_watermark().offset.value),
                play.model("small").acked);
      files->stop();
    }
  }
}

TEST_P(JournalCrashTest, ATornFirstGroupOfAFileThatIsUsedAgainIsATornWrite) {
  crash_where_files_begin_again(GetParam(), {}, 1000);
}

// Where the file that was given back is used at once, since the journal has no other room.
TEST_P(JournalCrashTest, ATornFirstGroupInAJournalThatIsFullIsATornWrite) {
  SimServer::Setup setup;
  setup.journal_file_bytes = 64 * kKiB;
  setup.options.journal_max_bytes = 2 * setup.journal_file_bytes;
  setup.options.group_max_bytes = 64 * kKiB;
  crash_where_files_begin_again(GetParam(), setup, 12);
}

TEST_P(JournalCrashTest, AStartThatIsCutShortIsNoDamageToTheNext) {
  SimServer::Setup setup;
  setup.journal_files = 6;
  setup.options.journal_max_bytes = 6 * setup.journal_file_bytes;
  Play play = around_the_journal(GetParam(), setup);
  ASSERT_TRUE(play.run());
  play.files().stop();
  bool whole = false;
  for (std::uint64_t step = 1; !whole; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    SimCatalog catalog = catalog_of_one_topic(4096 * kKiB);
    catalog.incarnation = 1;
    const auto first = play.files().reboot(CrashPolicy::kKeepAll, 1);
    first->crash_after(step);
    try {
      const auto started = SimServer::start(*first, catalog, 1, setup);
      whole = started.has_value();
      first->stop();
    } catch (const MachineStopped&) {
    }
    const auto second = first->reboot(CrashPolicy::kKeepAll, 1);
    catalog.incarnation = 2;
    const auto started = SimServer::start(*second, catalog, 1, setup);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_GE(static_cast<std::size_t>((*started)->log("small").high_watermark().offset.value),
              play.model("small").acked);
    second->stop();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, JournalCrashTest, ::testing::Range<std::uint64_t>(1, 5));

TEST(JournalDamageTest, ADamagedGroupThatLaterOnesSayWasFlushedIsDamage) {
  // The first group, in its header and in its body, and one in the middle.
  for (const std::uint64_t position : {8U, 17U, 25U, 48U, 116U, 4096U + 100U, 4096U + 116U}) {
    SCOPED_TRACE(position);
    Play play({}, {}, 1);
    play.add_topic("small", 1024 * kKiB);
    play.start();
    for (int i = 0; i < 10; ++i) {
      play.append("small", 1000);
      play.server().settle();
    }
    play.files().stop();
    play.reboot(CrashPolicy::kDropAll, 1);
    play.files().flip_bit(kFirstJournalFile, position, 3);
    SimCatalog catalog = catalog_of_one_topic(1024 * kKiB);
    const auto started = SimServer::start(play.files(), catalog, 1, {});
    if (started) play.files().stop();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::kCorrupt);
  }
}

TEST(JournalDamageTest, AJournalOfAnotherVersionIsRefused) {
  Play play({}, {}, 1);
  play.add_topic("small", 1024 * kKiB);
  play.start();
  play.append("small", 1000);
  play.server().settle();
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
  play.files().flip_bit(kFirstJournalFile, 4, 0);
  SimCatalog catalog = catalog_of_one_topic(1024 * kKiB);
  const auto started = SimServer::start(play.files(), catalog, 1, {});
  if (started) play.files().stop();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::kUnsupported);
  EXPECT_NE(started.error().message.find("is a journal of format 3"), std::string::npos)
      << started.error().message;
}

// A value with what looks like a group of that server's journal wherever a block of the journal
// will begin: all is right but the secret.
std::vector<std::uint8_t> poison(std::size_t size_bytes, std::uint64_t first_block,
                                 std::uint32_t incarnation, std::uint64_t& file) {
  std::vector<std::uint8_t> value(size_bytes, 'p');
  for (std::uint64_t at = first_block; at + storage::kGroupHeaderBytes <= size_bytes;
       at += storage::kBlockBytes) {
    storage::GroupHeader header;
    header.incarnation = incarnation;
    header.generation = (std::uint64_t{incarnation} << 32) + 1 + ++file % 24;
    header.sequence = 1'000'000;
    header.flushed = UINT64_MAX;
    header.oldest = file % 2 == 0 ? 1 : UINT64_MAX;
    storage::seal_group(header, value.data() + at);
  }
  return value;
}

void append_value(SimServer& server, Bytes value) {
  storage::RecordBatchBuilder builder(8U << 20);
  ASSERT_TRUE(builder.add({Timestamp(1), std::nullopt, value, {}}));
  const Bytes batch = builder.finish();
  Offset offset;
  while (server.store().append(server.log("small"), batch, 1, Timestamp(1),
                               Timestamp(server.now_ms()), offset) != LogStore::Append::kDone) {
    server.turn();
  }
  server.settle();
}

TEST(JournalPoisonTest, ValuesThatLookLikeGroupsAreNeverTakenForGroups) {
  constexpr std::size_t kPoisonBytes = 40'000;
  SimFiles files;
  SimCatalog catalog = catalog_of_one_topic(1024 * kKiB);
  auto started = SimServer::start(files, catalog, 1, {});
  ASSERT_TRUE(started);
  // Where in a value a block begins, whoever reads the source knows.
  append_value(**started, std::vector<std::uint8_t>(kPoisonBytes, 'p'));
  const auto journal = files.content(kFirstJournalFile);
  const auto value_at = std::search_n(journal.begin(), journal.end(), 100, 'p') - journal.begin();
  ASSERT_LT(static_cast<std::uint64_t>(value_at), storage::kBlockBytes);
  const std::uint64_t first_block = storage::kBlockBytes - static_cast<std::uint64_t>(value_at);
  std::uint64_t file = 0;
  for (int i = 0; i < 120; ++i) {
    append_value(**started, poison(kPoisonBytes, first_block, catalog.incarnation, file));
  }
  files.stop();  // a clean stop would leave nothing in the journal
  started->reset();
  const auto killed = files.reboot(CrashPolicy::kKill, 1);
  auto again = SimServer::start(*killed, catalog, 1, {});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->log("small").high_watermark().offset, Offset(121));
  (*again)->stop();
}

TEST(JournalFullTest, WhatOnlyADeletedTopicHadFilledTakesAppendsAgain) {
  int full = 0;
  for (int turns = 0; turns < 4; ++turns) {
    SCOPED_TRACE(turns);
    Play play({}, {}, static_cast<std::uint64_t>(turns));
    play.add_topic("hot", 4096 * kKiB);
    play.add_topic("other", 4096 * kKiB);
    play.start();
    for (int i = 0; i < 2'000 && !play.server().store().congested(); ++i) {
      (void)play.try_append("hot", 60'000);
      if (i % 4 == 0) play.server().turn();
    }
    full += play.server().store().congested() ? 1 : 0;
    for (int i = 0; i < turns; ++i) play.server().turn();
    play.server().remove("hot");
    play.server().settle();
    ASSERT_FALSE(play.server().store().congested());
    // The first makes the log's segment.
    (void)play.try_append("other", 100);
    play.server().settle();
    ASSERT_EQ(play.try_append("other", 100), storage::LogStore::Append::kDone);
    play.server().settle();
  }
  EXPECT_GT(full, 0);
}

// Any number of bytes may be configured; files are of whole blocks, and not so small that the next
// start takes one for what a killed server left of its creation.
class JournalSizeTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(JournalSizeTest, AnySizeIsGrownIntoAndComesBackAfterAKill) {
  SimServer::Setup setup;
  setup.journal_file_bytes += 1000;
  setup.options.journal_max_bytes = 2 * setup.journal_file_bytes + GetParam();
  Play play = around_the_journal(1, setup);
  ASSERT_TRUE(play.run());
  const std::uint64_t grown = play.server().store().journal().total_bytes();
  EXPECT_LE(grown, setup.options.journal_max_bytes);
  EXPECT_EQ(grown > 512 * kKiB, GetParam() > storage::kSmallestJournalFileBytes);
  play.files().stop();
  play.reboot(CrashPolicy::kKill, 1);
  play.start();
  play.check();
  EXPECT_EQ(play.server().store().journal().total_bytes(), grown);
}

INSTANTIATE_TEST_SUITE_P(Sizes, JournalSizeTest,
                         ::testing::Values(1, 5000, storage::kSmallestJournalFileBytes + 5000,
                                           200'000, 300'001));

TEST(JournalDirectoryTest, OneThatAKilledServerMadeIsDurableAfterTheRecovery) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/journal"));
  ASSERT_TRUE(files.sync_directory("/"));
  ASSERT_TRUE(files.make_directory("/journal/0000"));
  const auto killed = files.reboot(CrashPolicy::kKill, 1);
  ASSERT_TRUE(storage::recover(
      *killed, {.journal_directory = "/journal", .kept_directory = "/kept-journals"}));
  EXPECT_TRUE(killed->reboot(CrashPolicy::kDropAll, 1)->exists("/journal/0000"));
}

}  // namespace
}  // namespace duolog::sim

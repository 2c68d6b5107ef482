// What a repair does with each kind of damage, and what a server gives back afterwards.
#include "storage/repair.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/checkpoint.h"
#include "storage/file_util.h"
#include "storage/kept_journals.h"
#include "storage/segment_files.h"
#include "tests/sim/repair_play.h"

namespace duolog::sim {
namespace {

using storage::RepairItem;
using storage::RepairKind;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RepairTest : public ::testing::Test {
 protected:
  explicit RepairTest(int restarts = 2)
      : play_(hurt_play(restarts)), stored_(stored_batches(files())) {
    EXPECT_THAT(stored_, SizeIs(kHurtBatches));
  }

  SimFiles& files() { return play_.files(); }
  void flip(int batch, std::uint64_t byte, unsigned bit = 2) {
    const StoredBatch& stored = stored_.at(static_cast<std::size_t>(batch));
    files().flip_bit(stored.path, stored.position + byte, bit);
  }
  // `size` bytes of a batch, from a byte of it on.
  void zero(int batch, std::uint64_t byte, std::uint64_t size_bytes) {
    const StoredBatch& stored = stored_.at(static_cast<std::size_t>(batch));
    auto file = files().open(stored.path, storage::OpenMode::kReadWrite);
    ASSERT_TRUE(file);
    ASSERT_TRUE(
        files().write(*file, stored.position + byte, std::vector<std::uint8_t>(size_bytes)));
    ASSERT_TRUE(files().sync(*file));
    files().close(*file);
  }
  void overwrite(const std::string& path, const std::string& text) {
    ASSERT_TRUE(storage::replace_file(files(), path, as_bytes(text)));
    ASSERT_TRUE(files().sync_directory(kHurtDirectory));
  }
  void remove(const std::string& name) {
    ASSERT_TRUE(files().remove(std::string(kHurtDirectory) + "/" + name));
    ASSERT_TRUE(files().sync_directory(kHurtDirectory));
  }
  std::vector<RepairItem> repaired() {
    auto done = run_repair(files());
    EXPECT_TRUE(done) << done.error().message;
    if (!done) return {};
    aside_ = done->aside;
    auto again = run_repair(files());
    EXPECT_TRUE(again && again->items.empty())
        << "something is left to be repaired: " << (again ? again->items[0].why : "");
    return done->items;
  }
  std::string manifest() {
    const auto content = files().content(aside_ + "/manifest");
    return {content.begin(), content.end()};
  }
  int last_segment_begins() const {
    int n = kHurtBatches - 1;
    while (stored_[static_cast<std::size_t>(n)].position > 0) --n;
    return n;
  }

  Play play_;
  std::vector<StoredBatch> stored_;
  std::string aside_;
};

TEST_F(RepairTest, LeavesAWholeLogAlone) {
  const auto before = files().tree();
  EXPECT_THAT(repaired(), IsEmpty());
  EXPECT_EQ(aside_, "");
  EXPECT_EQ(files().tree(), before);
  expect_all_but(play_, {});
}

TEST_F(RepairTest, ADamagedBatchOfASealedSegmentIsCutOutAndKeptAside) {
  const auto whole = files().content(stored_[2].path);
  flip(2, 5000);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kBatch);
  EXPECT_EQ(items[0].topic, "hurt");
  EXPECT_EQ(items[0].first, Offset(2));
  EXPECT_EQ(items[0].end, Offset(3));
  EXPECT_EQ(items[0].file, stored_[2].path);
  EXPECT_EQ(items[0].position, static_cast<std::int64_t>(stored_[2].position));
  EXPECT_EQ(items[0].bytes, stored_[2].size_bytes);
  EXPECT_THAT(items[0].why, HasSubstr("CRC"));
  EXPECT_THAT(manifest(), HasSubstr(stored_[2].path + "\t" + std::to_string(stored_[2].position)));
  auto kept = files().content(aside_ + "/0001-" + stored_[2].path.substr(13));
  ASSERT_THAT(kept, SizeIs(stored_[2].size_bytes));
  kept[5000] ^= 4U;
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(),
                         whole.begin() + static_cast<std::ptrdiff_t>(stored_[2].position)));
  expect_all_but(play_, {2});
}

TEST_F(RepairTest, WhatTheCrcDoesNotCoverIsPutRightWithoutLoss) {
  flip(1, 6);                           // the base offset
  flip(7, 10);                          // the length
  flip(8, 13);                          // the leader epoch, above all that there were
  flip(last_segment_begins() + 1, 16);  // the magic
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(4));
  for (const RepairItem& item : items) EXPECT_EQ(item.first, item.end) << item.why;
  expect_all_but(play_, {});
}

TEST_F(RepairTest, ADamagedPageTakesTheBatchesThatItTouches) {
  zero(3, stored_[3].size_bytes - 100, 4096);
  repaired();
  expect_all_but(play_, {3, 4});
}

TEST_F(RepairTest, ThePlaceBehindAnUnreadableHeaderIsTheIndexesNext) {
  zero(9, 0, 200);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].end - items[0].first, 1);
  expect_all_but(play_, {9});
}

TEST_F(RepairTest, TheMiddleOfTheSegmentThatIsWrittenTo) {
  const int first = last_segment_begins();
  flip(first, 3000);
  zero(first + 1, 0, 100);
  repaired();
  expect_all_but(play_, {first, first + 1});
}

TEST_F(RepairTest, TheEndOfALogThatWasFlushedKeepsItsOffsets) {
  flip(kHurtBatches - 1, 3000);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].end, Offset(kHurtBatches));
  expect_all_but(play_, {kHurtBatches - 1});
}

TEST_F(RepairTest, AFileThatWasCutShort) {
  const StoredBatch& last = stored_.back();
  auto file = files().open(last.path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE(files().truncate(*file, last.position));
  files().close(*file);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].bytes, 0U);
  expect_all_but(play_, {kHurtBatches - 1});
}

TEST_F(RepairTest, TheFirstSegmentsAreMissing) {
  std::int64_t second = 1;
  while (stored_[static_cast<std::size_t>(second)].position > 0) ++second;
  remove(storage::segment_file_name(Offset(0), ".log"));
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kStart);
  EXPECT_EQ(items[0].end, Offset(second));
  EXPECT_EQ(repaired_start(files()), Offset(second));
  std::set<std::int64_t> lost;
  for (std::int64_t n = 0; n < second; ++n) lost.insert(n);
  expect_all_but(play_, lost);
}

TEST_F(RepairTest, RetentionCanTellTheAgeOfAFirstSegmentThatIsAllAGap) {
  std::set<std::int64_t> lost;
  for (int n = 0; stored_.at(static_cast<std::size_t>(n)).path == stored_[0].path; ++n) {
    zero(n, 0, stored_[static_cast<std::size_t>(n)].size_bytes);
    lost.insert(n);
  }
  EXPECT_FALSE(repaired().empty());
  const auto gap = storage::parse_header(files().content(stored_[0].path));
  ASSERT_TRUE(gap);
  EXPECT_TRUE(gap->is_control());
  EXPECT_GE(gap->max_timestamp, Timestamp(0));
  expect_all_but(play_, lost);
}

TEST_F(RepairTest, ASegmentInTheMiddleIsMissing) {
  std::int64_t second = 1;
  while (stored_[static_cast<std::size_t>(second)].position > 0) ++second;
  std::int64_t third = second + 1;
  while (stored_[static_cast<std::size_t>(third)].position > 0) ++third;
  remove(storage::segment_file_name(Offset(second), ".log"));
  repaired();
  std::set<std::int64_t> lost;
  for (std::int64_t n = second; n < third; ++n) lost.insert(n);
  expect_all_but(play_, lost);
}

TEST_F(RepairTest, AllSegmentsAreMissing) {
  std::set<std::int64_t> lost;
  for (std::int64_t n = 0; n < kHurtBatches; ++n) {
    lost.insert(n);
    if (stored_[static_cast<std::size_t>(n)].position == 0) {
      remove(storage::segment_file_name(Offset(n), ".log"));
    }
  }
  repaired();
  expect_all_but(play_, lost);
}

TEST_F(RepairTest, AnIndexIsDerivedAgain) {
  const std::string index =
      std::string(kHurtDirectory) + "/" + storage::segment_file_name(Offset(0), ".index");
  const auto whole = files().content(index);
  ASSERT_FALSE(whole.empty());
  files().flip_bit(index, 7);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kIndex);
  EXPECT_EQ(files().content(index), whole);
  remove(storage::segment_file_name(Offset(0), ".indexhash"));
  EXPECT_THAT(repaired(), SizeIs(1));
  EXPECT_EQ(files().content(index), whole);
  expect_all_but(play_, {});
}

// A server was killed after it had begun the next segment and before it sealed this one.
TEST_F(RepairTest, ASegmentThatIsNotSealedYetIsCutBeforeItHasAnIndex) {
  const std::string path = stored_.at(static_cast<std::size_t>(last_segment_begins()) - 1).path;
  const Offset base(std::stoll(path.substr(path.rfind('/') + 1)));
  for (const char* suffix : storage::kIndexSuffixes) {
    remove(storage::segment_file_name(base, suffix));
  }
  const std::uint64_t size_bytes = files().content(path).size();
  auto file = files().open(path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE(
      files().write(*file, size_bytes, std::vector<std::uint8_t>(2 * storage::kBlockBytes)));
  ASSERT_TRUE(files().sync(*file));
  files().close(*file);
  auto checkpoint = storage::read_checkpoint(files(), kHurtDirectory);
  ASSERT_TRUE(checkpoint);
  checkpoint->segment = checkpoint->next_offset = checkpoint->floor = base;
  checkpoint->position = 0;
  checkpoint->index.clear();
  ASSERT_TRUE(storage::write_checkpoint(files(), kHurtDirectory, *checkpoint));
  const auto done = run_repair(files());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(files().content(path).size(), size_bytes);
  expect_all_but(play_, {});
}

// The segment that was to follow is empty, and is dropped: the index of the one before it holds.
TEST_F(RepairTest, ASealedSegmentBeforeAnEmptyOneHasItsIndex) {
  const int end = last_segment_begins();
  const std::string path = stored_.at(static_cast<std::size_t>(end)).path;
  auto file = files().open(path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE(files().truncate(*file, 0));
  ASSERT_TRUE(files().sync(*file));
  files().close(*file);
  storage::Checkpoint checkpoint;
  checkpoint.floor = Offset(end);
  ASSERT_TRUE(storage::write_checkpoint(files(), kHurtDirectory, checkpoint));
  play_.model("hurt").appended.resize(static_cast<std::size_t>(end));
  zero(end - 4, 0, 100);
  EXPECT_THAT(repaired(), SizeIs(1));
  expect_all_but(play_, {end - 4});
}

TEST_F(RepairTest, ADamagedCheckpointIsTakenOut) {
  files().flip_bit(std::string(kHurtDirectory) + "/checkpoint", 20);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kCheckpoint);
  EXPECT_THAT(manifest(), HasSubstr("checkpoint"));
  expect_all_but(play_, {});
}

// Its positions are those of the segment as it was.
TEST_F(RepairTest, ACheckpointWithinASegmentThatBecomesShorterBeginsWithIt) {
  const int first = last_segment_begins();
  const StoredBatch& later = stored_.at(static_cast<std::size_t>(first) + 2);
  auto checkpoint = storage::read_checkpoint(files(), kHurtDirectory);
  ASSERT_TRUE(checkpoint);
  checkpoint->segment = Offset(first);
  checkpoint->position = later.position;
  checkpoint->next_offset = Offset(first + 2);
  checkpoint->index.clear();
  ASSERT_TRUE(storage::write_checkpoint(files(), kHurtDirectory, *checkpoint));
  flip(first, 3000);
  EXPECT_THAT(repaired(), SizeIs(1));
  expect_all_but(play_, {first});
}

TEST_F(RepairTest, ADirectoryThatDoesNotSayWhoseItIsIsTheTopicsOfItsName) {
  overwrite(std::string(kHurtDirectory) + "/partition.metadata", "nonsense");
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kMetadata);
  expect_all_but(play_, {});
}

TEST_F(RepairTest, AnotherTopicsDirectoryIsLeftAloneAndNamed) {
  ASSERT_TRUE(storage::write_partition_metadata(files(), kHurtDirectory, Uuid{{9}}));
  auto done = run_repair(files());
  ASSERT_TRUE(done);
  ASSERT_THAT(done->items, SizeIs(1));
  EXPECT_FALSE(done->items[0].possible);
}

// ---- The journal of a server that was killed

class RepairJournalTest : public RepairTest {
 protected:
  RepairJournalTest() : RepairTest(0) {}
};

TEST_F(RepairJournalTest, WhatTheJournalStillHasIsNoDamage) {
  play_.files().flip_bit(stored_.back().path, stored_.back().position + 3000, 1);
  EXPECT_THAT(repaired(), IsEmpty());
  expect_all_but(play_, {});
}

TEST_F(RepairJournalTest, AFileThatWasCutShortHasAgainWhatTheJournalHasOfIt) {
  auto file = files().open(stored_.back().path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE(files().truncate(*file, stored_.back().position + 3000));
  ASSERT_TRUE(files().sync(*file));
  files().close(*file);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].kind, RepairKind::kBatch);
  EXPECT_EQ(items[0].first, items[0].end);
  expect_all_but(play_, {});
}

TEST_F(RepairJournalTest, BehindADamagedGroupTheJournalIsReadOn) {
  flip(4, 3000);
  flip(5, 3000);
  damage_group(files(), 6);
  const auto items = repaired();
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].kind, RepairKind::kJournal);
  EXPECT_THAT(items[0].why, HasSubstr("group 6"));
  EXPECT_THAT(manifest(), HasSubstr(".journal"));
  EXPECT_EQ(items[1].first, Offset(5));
  expect_all_but(play_, {5});
}

TEST_F(RepairJournalTest, WhatSegmentsHaveIsNotLostWithTheJournal) {
  damage_group(files(), 6);
  EXPECT_THAT(repaired(), SizeIs(1));
  expect_all_but(play_, {});
}

TEST(RepairKeptTest, WhatIsKeptForAPartitionThatWasOfflineIsAppliedAndLetGo) {
  SimServer::Setup setup;
  setup.serves_without = true;
  Play play = hurt_play(0, setup);
  constexpr std::uint64_t kOfItsKey = 12;
  play.files().flip_bit(std::string(kHurtDirectory) + "/partition.metadata", kOfItsKey, 3);
  play.start();
  ASSERT_TRUE(play.server().log("hurt").offline);
  play.files().stop();
  play.reboot(CrashPolicy::kDropAll, 1);
  ASSERT_THAT(*storage::kept_journals(play.files(), "/kept-journals"), SizeIs(1));
  const auto done = run_repair(play.files());
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_THAT(done->items, SizeIs(1));
  EXPECT_EQ(done->items[0].kind, RepairKind::kMetadata);
  EXPECT_THAT(*storage::kept_journals(play.files(), "/kept-journals"), IsEmpty());
  expect_all_but(play, {});
}

// What the journal alone has of a partition stays until its operator has put things right, whatever
// else is repaired meanwhile.
TEST_F(RepairJournalTest, TheJournalIsKeptForAPartitionThatIsNotRepaired) {
  flip(kHurtBatches - 1, 3000, 1);
  auto catalog = storage::Catalog::open(files(), "/meta");
  ASSERT_TRUE(catalog);
  storage::TopicRecord other;
  other.name = "other";
  other.id = Uuid{{2}};
  ASSERT_TRUE(catalog->create_topic(other));
  ASSERT_TRUE(files().make_directory("/logs/other-0"));
  ASSERT_TRUE(storage::replace_file(files(), "/logs/other-0/partition.metadata",
                                    as_bytes(std::string("nonsense"))));
  ASSERT_TRUE(storage::write_partition_metadata(files(), kHurtDirectory, Uuid{{9}}));
  const auto done = run_repair(files());
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_THAT(done->items, SizeIs(2));
  EXPECT_FALSE(done->items[0].possible);
  EXPECT_EQ(done->items[1].topic, "other");
  ASSERT_TRUE(storage::write_partition_metadata(files(), kHurtDirectory, Uuid{{1}}));
  const auto kept = storage::kept_journals(files(), "/kept-journals");
  ASSERT_THAT(*kept, SizeIs(1));
  EXPECT_THAT((*kept)[0].partitions, SizeIs(1));
  expect_all_but(play_, {});
}

TEST_F(RepairJournalTest, WhatTheJournalSaysOfNoTopicIsGivenUpAndNamed) {
  auto catalog = storage::Catalog::open(files(), "/meta");
  storage::RepairInput input =
      storage::repair_input(*catalog, "/logs", "/journal", "/kept-journals");
  input.partitions.clear();
  input.aside = "/aside";
  const auto done = storage::repair(files(), *catalog, input);
  ASSERT_TRUE(done);
  ASSERT_FALSE(done->items.empty());
  EXPECT_EQ(done->items[0].kind, RepairKind::kJournal);
  EXPECT_THAT(done->items[0].why, HasSubstr("topic id"));
}

}  // namespace
}  // namespace duolog::sim

#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/sim_files.h"

namespace duolog::sim {
namespace {

using storage::DiskOp;
using storage::FileId;
using storage::kBlockBytes;
using storage::OpenMode;

std::string text_of(SimFiles& files, const std::string& path) {
  const std::vector<std::uint8_t> bytes = files.content(path);
  return {bytes.begin(), bytes.end()};
}

FileId make(SimFiles& files, const std::string& path, const std::string& content = {},
            OpenMode mode = OpenMode::kCreate) {
  auto file = files.open(path, mode);
  EXPECT_TRUE(file) << file.error().message;
  EXPECT_TRUE(content.empty() || files.write(*file, 0, as_bytes(content)));
  return *file;
}

// A file that a crash leaves alone: its content and its name are durable.
FileId make_durable(SimFiles& files, const std::string& path, const std::string& content,
                    OpenMode mode = OpenMode::kCreate) {
  const FileId file = make(files, path, content, mode);
  EXPECT_TRUE(files.sync(file));
  EXPECT_TRUE(files.sync_directory("/"));
  return file;
}

// One block-aligned write with its memory.
struct TestWrite {
  TestWrite(DiskOp::Kind kind, FileId file, std::uint64_t offset, char fill,
            std::size_t size = kBlockBytes)
      : memory(static_cast<char*>(std::aligned_alloc(kBlockBytes, size)), &std::free) {
    std::fill_n(memory.get(), size, fill);
    vector = {memory.get(), size};
    op.kind = kind;
    op.file = file;
    op.offset = offset;
    if (kind != DiskOp::Kind::kSync) op.data = {&vector, 1};
    op.done = [](DiskOp& self, Result<void> result) {
      auto& write = reinterpret_cast<TestWrite&>(self);
      write.done = true;
      write.outcome = std::move(result);
    };
  }

  DiskOp op;  // first: `done` finds its TestWrite by it
  std::unique_ptr<char, decltype(&std::free)> memory;
  iovec vector{};
  bool done = false;
  Result<void> outcome;
};

TEST(SimFilesTest, UnsyncedWriteIsSeenAndLostByPowerLoss) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "durable!");
  ASSERT_TRUE(files.write(file, 0, as_bytes("volatile")));
  EXPECT_EQ(text_of(files, "/a"), "volatile");
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "durable!");
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kKeepAll), "/a"), "volatile");
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kKill), "/a"), "volatile");
}

TEST(SimFilesTest, SyncMakesContentAndSizeDurable) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "one");
  ASSERT_TRUE(files.write(file, 3, as_bytes("two")));
  ASSERT_TRUE(files.sync(file));
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "onetwo");
}

TEST(SimFilesTest, FileWhoseCreationWasNotSyncedIsGoneWithItsContent) {
  SimFiles files;
  const FileId file = make(files, "/a", "text");
  ASSERT_TRUE(files.sync(file));
  EXPECT_FALSE(files.reboot(CrashPolicy::kDropAll)->exists("/a"));
  EXPECT_TRUE(files.reboot(CrashPolicy::kKill)->exists("/a"));
}

TEST(SimFilesTest, NameMayBeDurableBeforeContent) {
  SimFiles files;
  make(files, "/a", "text");
  ASSERT_TRUE(files.sync_directory("/"));
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "");
}

TEST(SimFilesTest, RenameAndRemoveWithoutDirectorySyncMayBeLost) {
  SimFiles files;
  make_durable(files, "/a", "a");
  make_durable(files, "/b", "b");
  ASSERT_TRUE(files.rename("/a", "/c"));
  ASSERT_TRUE(files.remove("/b"));
  EXPECT_EQ(files.tree(), (std::vector<std::string>{"c 1"}));
  EXPECT_EQ(files.reboot(CrashPolicy::kDropAll)->tree(), (std::vector<std::string>{"a 1", "b 1"}));
  EXPECT_EQ(files.reboot(CrashPolicy::kKeepAll)->tree(), (std::vector<std::string>{"c 1"}));
  ASSERT_TRUE(files.stopped());
}

TEST(SimFilesTest, PowerLossKeepsPrefixOfDirectoryOperations) {
  SimFiles files;
  make(files, "/1");
  make(files, "/2");
  make(files, "/3");
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(files.reboot(CrashPolicy::kRandom, seed)->tree());
  }
  const std::set<std::vector<std::string>> prefixes{
      {}, {"1 0"}, {"1 0", "2 0"}, {"1 0", "2 0", "3 0"}};
  EXPECT_EQ(seen, prefixes);
}

TEST(SimFilesTest, RenameBetweenDirectoriesIsNeverHalf) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/x"));
  ASSERT_TRUE(files.make_directory("/y"));
  make_durable(files, "/x/a", "a");
  ASSERT_TRUE(files.sync_directory("/x"));
  make(files, "/y/b");
  ASSERT_TRUE(files.rename("/x/a", "/y/a"));
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(files.reboot(CrashPolicy::kRandom, seed)->tree());
  }
  const std::set<std::vector<std::string>> expected{
      {"x/", "x/a 1", "y/"}, {"x/", "x/a 1", "y/", "y/b 0"}, {"x/", "y/", "y/a 1", "y/b 0"}};
  EXPECT_EQ(seen, expected);
}

TEST(SimFilesTest, SyncOfOneDirectoryCommitsBothHalvesOfRename) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/x"));
  make_durable(files, "/a", "a");
  ASSERT_TRUE(files.rename("/a", "/x/a"));
  ASSERT_TRUE(files.sync_directory("/x"));
  EXPECT_EQ(files.reboot(CrashPolicy::kDropAll)->tree(), (std::vector<std::string>{"x/", "x/a 1"}));
}

TEST(SimFilesTest, TruncateIsLostWithoutSyncAndReadsZerosAfterGrowing) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "abcdef");
  ASSERT_TRUE(files.truncate(file, 2));
  ASSERT_TRUE(files.truncate(file, 4));
  EXPECT_EQ(text_of(files, "/a"), std::string("ab\0\0", 4));
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "abcdef");
}

TEST(SimFilesTest, UnsyncedWriteIsTornBySectors) {
  SimFiles files;
  const std::string before(8 * kSectorBytes, 'a');
  const FileId file = make_durable(files, "/a", before);
  ASSERT_TRUE(files.write(file, 0, as_bytes(std::string(8 * kSectorBytes, 'b'))));
  bool torn = false;
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::string after = text_of(*files.reboot(CrashPolicy::kRandom, seed), "/a");
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t at = 0; at < after.size(); at += kSectorBytes) {
      const std::string sector = after.substr(at, kSectorBytes);
      EXPECT_EQ(sector, std::string(kSectorBytes, sector[0]));
    }
    torn |= after.contains('a') && after.contains('b');
    outcomes.insert(after);
    EXPECT_EQ(after, text_of(*files.reboot(CrashPolicy::kRandom, seed), "/a"));
  }
  EXPECT_TRUE(torn);
  EXPECT_GT(outcomes.size(), 8U);
}

TEST(SimFilesTest, CrashHappensDuringTheGivenStepAndNothingWorksAfterwards) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "1");
  const std::uint64_t before = files.steps();
  files.crash_after(2);
  ASSERT_TRUE(files.write(file, 0, as_bytes("2")));
  EXPECT_THROW((void)files.write(file, 0, as_bytes("3")), MachineStopped);
  EXPECT_EQ(files.steps(), before + 2);
  EXPECT_EQ(files.write(file, 0, as_bytes("4")).error().code, Errc::kIo);
  EXPECT_EQ(files.open("/a", OpenMode::kRead).error().code, Errc::kIo);
  files.close(file);
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kKeepAll), "/a"), "3");
  std::set<std::string> after_kill;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    after_kill.insert(text_of(*files.reboot(CrashPolicy::kKill, seed), "/a"));
  }
  EXPECT_EQ(after_kill, (std::set<std::string>{"2", "3"}));
}

TEST(SimFilesTest, PowerLossAfterKillStillLosesWhatWasNotSynced) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "1");
  ASSERT_TRUE(files.write(file, 0, as_bytes("2")));
  make(files, "/b");
  auto killed = files.reboot(CrashPolicy::kKill);
  EXPECT_EQ(killed->tree(), (std::vector<std::string>{"a 1", "b 0"}));
  auto lost = killed->reboot(CrashPolicy::kDropAll);
  EXPECT_EQ(lost->tree(), (std::vector<std::string>{"a 1"}));
  EXPECT_EQ(text_of(*lost, "/a"), "1");
}

TEST(SimFilesTest, FullDiskIsAnErrorAndRemovingGivesSpaceBack) {
  SimFiles files;
  files.set_capacity(2 * kSimBlockBytes);
  const FileId file = make(files, "/a");
  ASSERT_TRUE(files.allocate(file, 0, 2 * kSimBlockBytes));
  EXPECT_EQ(*files.size(file), 2 * kSimBlockBytes);
  EXPECT_TRUE(files.write(file, 0, as_bytes("fits, as it is allocated")));
  const FileId other = make(files, "/b");
  EXPECT_EQ(files.write(other, 0, as_bytes("x")).error().code, Errc::kNoSpace);
  EXPECT_EQ(files.allocate(file, 0, 3 * kSimBlockBytes).error().code, Errc::kNoSpace);
  files.close(file);
  ASSERT_TRUE(files.remove("/a"));
  ASSERT_TRUE(files.sync_directory("/"));
  EXPECT_EQ(files.used_bytes(), 0U);
  EXPECT_TRUE(files.write(other, 0, as_bytes("x")));
}

TEST(SimFilesTest, FailedSyncLosesWhatItShouldHaveMadeDurable) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "1");
  ASSERT_TRUE(files.write(file, 0, as_bytes("2")));
  files.fail_next(SimFiles::Fault::kSync, "a");
  EXPECT_EQ(files.sync(file).error().code, Errc::kIo);
  EXPECT_TRUE(files.sync(file));
  EXPECT_EQ(text_of(files, "/a"), "2");
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "1");
}

TEST(SimFilesTest, ReadOnlyFileSystemRefusesEveryChange) {
  SimFiles files;
  const FileId file = make_durable(files, "/a", "1");
  files.set_read_only(true);
  const std::uint64_t steps = files.steps();
  EXPECT_EQ(files.write(file, 0, as_bytes("2")).error().code, Errc::kIo);
  EXPECT_FALSE(files.open("/b", OpenMode::kCreate));
  EXPECT_FALSE(files.open("/a", OpenMode::kReadWrite));
  EXPECT_FALSE(files.lock("/lock"));
  EXPECT_FALSE(files.remove("/a"));
  EXPECT_FALSE(files.rename("/a", "/c"));
  EXPECT_FALSE(files.make_directory("/d"));
  EXPECT_TRUE(files.open("/a", OpenMode::kRead));
  EXPECT_EQ(files.steps(), steps);
}

TEST(SimFilesTest, SecondLockIsBusyUntilTheFirstIsClosedOrTheMachineReboots) {
  SimFiles files;
  auto lock = files.lock("/lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(files.lock("/lock").error().code, Errc::kBusy);
  files.close(*lock);
  ASSERT_TRUE(files.lock("/lock"));
  EXPECT_TRUE(files.reboot(CrashPolicy::kKill)->lock("/lock"));
}

TEST(SimFilesTest, MappingShowsLaterWritesAndKnowsItsPopulatedPages) {
  SimFiles files;
  const FileId file = make(files, "/a", std::string(2 * kSimBlockBytes, 'a'));
  std::atomic<std::uint64_t> lost_at{UINT64_MAX};
  auto mapping = files.map(file, 4 * kSimBlockBytes, lost_at);
  ASSERT_TRUE(mapping);
  ASSERT_TRUE(files.populate(*mapping, 0, kSimBlockBytes));
  EXPECT_TRUE(files.is_populated(*mapping, 0, kSimBlockBytes));
  EXPECT_FALSE(files.is_populated(*mapping, 0, kSimBlockBytes + 1));
  EXPECT_EQ(files.populate(*mapping, 0, 3 * kSimBlockBytes).error().code, Errc::kIo);
  ASSERT_TRUE(files.write(file, 2 * kSimBlockBytes, as_bytes("later")));
  EXPECT_EQ(mapping->data[2 * kSimBlockBytes], 'l');
  EXPECT_TRUE(files.populate(*mapping, 0, 3 * kSimBlockBytes));
  files.unpopulate(*mapping, kSimBlockBytes, 2 * kSimBlockBytes);
  EXPECT_FALSE(files.is_populated(*mapping, 0, 2 * kSimBlockBytes));
  EXPECT_EQ(files.mappings(), 1U);
  files.unmap(*mapping);
}

TEST(SimFilesTest, FlippedBitIsReadAndSurvivesReboot) {
  SimFiles files;
  make_durable(files, "/a", "abc");
  files.flip_bit("/a", 1, 0);
  EXPECT_EQ(text_of(files, "/a"), "acc");
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), "acc");
}

TEST(SimFilesTest, TreeIsCopiedOutAndInAgain) {
  char directory[] = "/tmp/sim-files-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/d"));
  make(files, "/d/a", "content");
  files.copy_out("/", directory);
  SimFiles other;
  other.copy_in(directory, "/");
  std::system(("rm -r " + std::string(directory)).c_str());
  EXPECT_EQ(other.tree(), files.tree());
  EXPECT_EQ(text_of(*other.reboot(CrashPolicy::kDropAll), "/d/a"), "content");
}

TEST(SimDiskTest, NothingCompletesBeforeAStep) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make_durable(files, "/a", std::string(kBlockBytes, 'a'), OpenMode::kCreate);
  TestWrite write(DiskOp::Kind::kWrite, file, 0, 'b');
  disk.submit(write.op);
  EXPECT_FALSE(write.done);
  EXPECT_EQ(text_of(files, "/a")[0], 'a');
  EXPECT_TRUE(disk.step());
  EXPECT_TRUE(write.done);
  EXPECT_TRUE(write.outcome);
  EXPECT_EQ(text_of(files, "/a")[0], 'b');
  EXPECT_FALSE(disk.step());
}

TEST(SimDiskTest, DurableWriteSurvivesPowerLossAndPlainWriteDoesNot) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make_durable(files, "/a", std::string(2 * kBlockBytes, 'a'));
  TestWrite plain(DiskOp::Kind::kWrite, file, 0, 'p');
  TestWrite durable(DiskOp::Kind::kDurableWrite, file, kBlockBytes, 'd');
  disk.submit(plain.op);
  disk.submit(durable.op);
  disk.run_until_idle();
  const std::string after = text_of(*files.reboot(CrashPolicy::kDropAll), "/a");
  EXPECT_EQ(after, std::string(kBlockBytes, 'a') + std::string(kBlockBytes, 'd'));
}

TEST(SimDiskTest, DurableWriteOverPlainWriteWins) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make_durable(files, "/a", std::string(kBlockBytes, 'a'));
  TestWrite plain(DiskOp::Kind::kWrite, file, 0, 'p');
  disk.submit(plain.op);
  disk.run_until_idle();
  TestWrite durable(DiskOp::Kind::kDurableWrite, file, 0, 'd');
  disk.submit(durable.op);
  disk.run_until_idle();
  for (const CrashPolicy policy : kCrashPolicies) {
    EXPECT_EQ(text_of(*files.reboot(policy), "/a"), std::string(kBlockBytes, 'd'));
  }
}

TEST(SimDiskTest, DurableWriteDoesNotMakeTheFilesSizeDurable) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make_durable(files, "/a", std::string(kBlockBytes, 'a'));
  TestWrite durable(DiskOp::Kind::kDurableWrite, file, kBlockBytes, 'd');
  disk.submit(durable.op);
  disk.run_until_idle();
  EXPECT_EQ(files.content("/a").size(), 2 * kBlockBytes);
  EXPECT_EQ(files.reboot(CrashPolicy::kDropAll)->content("/a").size(), kBlockBytes);
}

TEST(SimDiskTest, WriteInFlightIsKeptDroppedOrTorn) {
  SimFiles files;
  SimDisk disk(files, 1);
  const std::string before(kBlockBytes, 'a');
  const FileId file = make_durable(files, "/a", before);
  TestWrite durable(DiskOp::Kind::kDurableWrite, file, 0, 'd');
  disk.submit(durable.op);
  files.crash_after(1);
  EXPECT_THROW(disk.run_until_idle(), MachineStopped);
  EXPECT_FALSE(durable.done);
  EXPECT_FALSE(disk.step());
  const std::string after(kBlockBytes, 'd');
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kDropAll), "/a"), before);
  EXPECT_EQ(text_of(*files.reboot(CrashPolicy::kKeepAll), "/a"), after);
  bool torn = false;
  std::set<std::string> after_kill;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::string content = text_of(*files.reboot(CrashPolicy::kRandom, seed), "/a");
    torn |= content != before && content != after;
    after_kill.insert(text_of(*files.reboot(CrashPolicy::kKill, seed), "/a"));
  }
  EXPECT_TRUE(torn);
  EXPECT_EQ(after_kill, (std::set<std::string>{before, after}));
}

TEST(SimDiskTest, SyncCoversOnlyWritesCompletedBeforeItWasSubmitted) {
  SimFiles files;
  SimDisk disk(files, 1);
  SimDisk other(files, 1);
  const FileId file = make_durable(files, "/a", std::string(2 * kBlockBytes, 'a'));
  TestWrite first(DiskOp::Kind::kWrite, file, 0, '1');
  disk.submit(first.op);
  disk.run_until_idle();
  TestWrite sync(DiskOp::Kind::kSync, file, 0, ' ');
  disk.submit(sync.op);
  TestWrite second(DiskOp::Kind::kWrite, file, kBlockBytes, '2');
  other.submit(second.op);
  other.run_until_idle();
  disk.run_until_idle();
  const std::string after = text_of(*files.reboot(CrashPolicy::kDropAll), "/a");
  EXPECT_EQ(after, std::string(kBlockBytes, '1') + std::string(kBlockBytes, 'a'));
}

TEST(SimDiskTest, FailedWriteAndFullDiskAreOutcomes) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make_durable(files, "/a", std::string(kBlockBytes, 'a'));
  files.fail_next(SimFiles::Fault::kWrite);
  TestWrite fails(DiskOp::Kind::kWrite, file, 0, 'f');
  disk.submit(fails.op);
  disk.run_until_idle();
  EXPECT_EQ(fails.outcome.error().code, Errc::kIo);
  files.set_capacity(kBlockBytes);
  TestWrite full(DiskOp::Kind::kWrite, file, kBlockBytes, 'f');
  disk.submit(full.op);
  disk.run_until_idle();
  EXPECT_EQ(full.outcome.error().code, Errc::kNoSpace);
  EXPECT_EQ(text_of(files, "/a"), std::string(kBlockBytes, 'a'));
}

TEST(SimDiskTest, JobsStartInOrderAndEachDoneFollowsItsWork) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimFiles files;
    SimDisk disk(files, seed);
    std::vector<int> started;
    std::set<int> finished;
    for (int i = 0; i < 5; ++i) {
      disk.run([&started, i] { started.push_back(i); },
               [&, i] {
                 EXPECT_NE(std::find(started.begin(), started.end(), i), started.end());
                 finished.insert(i);
               });
    }
    EXPECT_TRUE(started.empty());
    disk.run_until_idle();
    EXPECT_EQ(started, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_EQ(finished.size(), 5U);
  }
}

std::vector<std::string> trace_of_seed(std::uint64_t seed) {
  SimFiles files;
  SimDisk disk(files, seed);
  const FileId file = make_durable(files, "/a", std::string(8 * kBlockBytes, 'a'));
  std::vector<std::unique_ptr<TestWrite>> writes;
  for (std::uint64_t i = 0; i < 8; ++i) {
    writes.push_back(std::make_unique<TestWrite>(DiskOp::Kind::kWrite, file, i * kBlockBytes, 'w'));
    disk.submit(writes.back()->op);
  }
  disk.run_until_idle();
  return files.trace();
}

TEST(SimDiskTest, SameSeedGivesSameTraceAndAnotherSeedAnotherOrder) {
  EXPECT_EQ(trace_of_seed(7), trace_of_seed(7));
  EXPECT_NE(trace_of_seed(7), trace_of_seed(8));
}

TEST(SimDiskDeathTest, MisalignedDirectWriteIsRefused) {
  SimFiles files;
  SimDisk disk(files, 1);
  const FileId file = make(files, "/a", {}, OpenMode::kCreateDirect);
  TestWrite write(DiskOp::Kind::kWrite, file, 512, 'w');
  EXPECT_DEATH(disk.submit(write.op), "is_block_aligned");
}

}  // namespace
}  // namespace duolog::sim

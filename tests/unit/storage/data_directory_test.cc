#include "storage/data_directory.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/sim_files.h"

namespace duolog::storage {
namespace {

using sim::CrashPolicy;
using sim::MachineStopped;
using sim::SimFiles;
using Tree = std::vector<std::string>;

const Tree kInitialised{"deleted/", "duolog.format 9", "duolog.lock 0",
                        "journal/", "meta/",           "topics/"};

void make_file(SimFiles& files, const std::string& path, const std::string& content) {
  auto file = files.open(path, OpenMode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE(content.empty() || files.write(*file, 0, as_bytes(content)));
  files.close(*file);
}

// Opening fails with `code`, a message that contains `advice`, and changes nothing.
void expect_advice(SimFiles& files, Errc code, const std::string& advice) {
  const Tree before = files.tree();
  const std::uint64_t steps = files.steps();
  auto opened = DataDirectory::open(files, "/data");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, code) << opened.error().message;
  EXPECT_NE(opened.error().message.find(advice), std::string::npos) << opened.error().message;
  EXPECT_NE(opened.error().message.find("/data"), std::string::npos) << opened.error().message;
  EXPECT_EQ(files.tree(), before);
  EXPECT_EQ(files.steps(), steps);
}

TEST(DataDirectoryTest, MissingDirectoryIsCreatedAndDurable) {
  SimFiles files;
  auto opened = DataDirectory::open(files, "/data/");
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->path(), "/data");
  EXPECT_EQ(opened->meta(), "/data/meta");
  EXPECT_EQ(opened->deleted(), "/data/deleted");
  EXPECT_EQ(files.tree("/data"), kInitialised);
  EXPECT_EQ(files.reboot(CrashPolicy::kDropAll)->tree("/data"), kInitialised);
}

TEST(DataDirectoryTest, RelativePathBelongsToTheCurrentDirectory) {
  SimFiles files;
  ASSERT_TRUE(DataDirectory::open(files, "duolog-data"));
  EXPECT_EQ(files.tree("/duolog-data"), kInitialised);
}

TEST(DataDirectoryTest, ParentIsNotCreated) {
  SimFiles files;
  auto opened = DataDirectory::open(files, "/no/data");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kNotFound);
  EXPECT_NE(opened.error().message.find("/no does not exist; create it"), std::string::npos);
  EXPECT_TRUE(files.tree().empty());
}

TEST(DataDirectoryTest, LostAndFoundAloneCountsAsEmpty) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  ASSERT_TRUE(files.make_directory("/data/lost+found"));
  make_file(files, "/data/lost+found/#1", "whatever");
  EXPECT_TRUE(DataDirectory::open(files, "/data"));
}

TEST(DataDirectoryTest, ForeignDirectoryIsRefusedAndUntouched) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  ASSERT_TRUE(files.make_directory("/data/lost+found"));
  make_file(files, "/data/thesis.tex", "chapter 1");
  expect_advice(files, Errc::kInvalid, "thesis.tex");
}

TEST(DataDirectoryTest, OurNamesWithForeignContentAreForeign) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  ASSERT_TRUE(files.make_directory("/data/meta"));
  make_file(files, "/data/meta/thesis.tex", "chapter 1");
  expect_advice(files, Errc::kInvalid, "is not empty");
}

TEST(DataDirectoryTest, FileInsteadOfDirectoryIsRefused) {
  SimFiles files;
  make_file(files, "/data", "I am a file");
  expect_advice(files, Errc::kIo, "Not a directory");
}

TEST(DataDirectoryTest, ReadOnlyDirectoryIsRefusedAndUntouched) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  files.set_read_only(true);
  expect_advice(files, Errc::kIo, "writable");
}

TEST(DataDirectoryTest, SecondProcessIsRefusedUntilTheFirstIsGone) {
  SimFiles files;
  {
    auto first = DataDirectory::open(files, "/data");
    ASSERT_TRUE(first);
    const DataDirectory moved = std::move(*first);
    expect_advice(files, Errc::kBusy, "another Duolog process");
  }
  EXPECT_TRUE(DataDirectory::open(files, "/data"));
}

TEST(DataDirectoryTest, NewerFormatIsRefusedAndUntouched) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  make_file(files, "/data/duolog.format", "duolog 3\n");
  expect_advice(files, Errc::kUnsupported, "format 3");
}

TEST(DataDirectoryTest, OlderFormatIsRefusedAndUntouched) {
  SimFiles files;
  ASSERT_TRUE(files.make_directory("/data"));
  make_file(files, "/data/duolog.format", "duolog 1\n");
  expect_advice(files, Errc::kUnsupported, "format 1");
}

TEST(DataDirectoryTest, DamagedFormatFileIsRefusedAndUntouched) {
  for (const char* content : {"", "duolog", "duolog 2", "duolog 0\n", "duolog x\n", "kafka 1\n"}) {
    SimFiles files;
    ASSERT_TRUE(files.make_directory("/data"));
    make_file(files, "/data/duolog.format", content);
    expect_advice(files, Errc::kCorrupt, "damaged");
  }
}

TEST(DataDirectoryTest, LostPartIsRefusedAndNotMadeAnew) {
  SimFiles files;
  ASSERT_TRUE(DataDirectory::open(files, "/data"));
  ASSERT_TRUE(files.remove("/data/meta"));
  expect_advice(files, Errc::kCorrupt, "/data/meta");
}

TEST(DataDirectoryTest, FullDiskIsAnErrorAndLaterInitialisationGoesOn) {
  SimFiles files;
  files.set_capacity(0);
  auto opened = DataDirectory::open(files, "/data");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kNoSpace);
  files.set_capacity(1 << 20);
  EXPECT_TRUE(DataDirectory::open(files, "/data"));
  EXPECT_EQ(files.tree("/data"), kInitialised);
}

TEST(DataDirectoryTest, InitialisationInterruptedAnywhereIsDoneAgain) {
  SimFiles whole;
  ASSERT_TRUE(DataDirectory::open(whole, "/data"));
  for (std::uint64_t step = 1; step <= whole.steps(); ++step) {
    for (const CrashPolicy policy : sim::kCrashPolicies) {
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        SimFiles files;
        files.crash_after(step);
        EXPECT_THROW((void)DataDirectory::open(files, "/data"), MachineStopped);
        auto after = files.reboot(policy, seed);
        auto opened = DataDirectory::open(*after, "/data");
        ASSERT_TRUE(opened) << "step " << step << ": " << opened.error().message;
        // Once it is open, no power loss takes it back.
        EXPECT_EQ(after->reboot(CrashPolicy::kDropAll)->tree("/data"), kInitialised)
            << "step " << step << " policy " << static_cast<int>(policy) << " seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace duolog::storage

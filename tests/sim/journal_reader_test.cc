// Which groups of a journal are read: each has to be of its file's generation, the next in
// sequence, and name the one before it. A file that is used again has older groups behind the new
// ones.
#include "storage/journal_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/journal.h"
#include "storage/journal_format.h"
#include "tests/sim/log_play.h"

namespace duolog::sim {
namespace {

constexpr std::uint64_t kGeneration = 5;

// A journal of one file, which is written by hand.
class WrittenJournal {
 public:
  WrittenJournal() {
    EXPECT_TRUE(files_.make_directory("/journal"));
    auto made =
        storage::Journal::create_file(files_, "/journal", 1, storage::kSmallestJournalFileBytes);
    EXPECT_TRUE(made);
    file_ = made->file;
  }
  ~WrittenJournal() { files_.close(file_); }
  WrittenJournal(const WrittenJournal&) = delete;
  WrittenJournal& operator=(const WrittenJournal&) = delete;

  // Behind those before it, without entries; returns its hash.
  std::uint64_t add(std::uint64_t generation, std::uint64_t sequence, std::uint64_t previous_hash) {
    storage::GroupHeader header;
    header.incarnation = 1;
    header.generation = generation;
    header.sequence = sequence;
    header.previous_hash = previous_hash;
    header.oldest = 1;
    header.secret = 7;
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> block(
        static_cast<std::uint8_t*>(std::aligned_alloc(storage::kBlockBytes, storage::kBlockBytes)),
        &std::free);
    std::memset(block.get(), 0, storage::kBlockBytes);
    const std::uint64_t hash = storage::seal_group(header, block.get());
    EXPECT_TRUE(files_.write(file_, at_, {block.get(), storage::kBlockBytes}));
    at_ += storage::kBlockBytes;
    return hash;
  }

  // How many of them are read.
  int read() {
    auto reader = storage::JournalReader::open(files_, "/journal");
    EXPECT_TRUE(reader) << reader.error().message;
    int count = 0;
    for (auto group = reader->next(); group && *group; group = reader->next()) ++count;
    for (const auto& file : reader->files()) files_.close(file.file);
    return count;
  }

 private:
  SimFiles files_;
  storage::FileId file_ = storage::kNoFile;
  std::uint64_t at_ = 0;
};

class JournalReaderTest : public ::testing::Test {
 protected:
  JournalReaderTest()
      : first_(journal_.add(kGeneration, 1, 0)), second_(journal_.add(kGeneration, 2, first_)) {}

  WrittenJournal& journal() { return journal_; }
  [[nodiscard]] std::uint64_t first_hash() const { return first_; }
  [[nodiscard]] std::uint64_t second_hash() const { return second_; }

 private:
  WrittenJournal journal_;
  std::uint64_t first_;
  std::uint64_t second_;
};

TEST_F(JournalReaderTest, ReadsTheGroupThatFollows) {
  (void)journal().add(kGeneration, 3, second_hash());
  EXPECT_EQ(journal().read(), 3);
}

TEST_F(JournalReaderTest, PassesOverOneOfAnotherGeneration) {
  (void)journal().add(kGeneration - 1, 3, second_hash());
  EXPECT_EQ(journal().read(), 2);
}

TEST_F(JournalReaderTest, PassesOverOneOutOfSequence) {
  (void)journal().add(kGeneration, 4, second_hash());
  EXPECT_EQ(journal().read(), 2);
}

TEST_F(JournalReaderTest, PassesOverOneThatNamesAnother) {
  (void)journal().add(kGeneration, 3, first_hash());
  EXPECT_EQ(journal().read(), 2);
}

// The newest group's, of whatever file.
std::uint64_t newest_generation(SimFiles& files) {
  std::uint64_t newest = 0;
  for (const char* path : {"/journal/0000/00000001.journal", "/journal/0000/00000002.journal"}) {
    const auto content = files.content(path);
    const auto header = storage::read_group_header(content);
    if (header) newest = std::max(newest, header->generation);
  }
  return newest;
}

TEST(JournalGenerationTest, IsAboveThoseOfEveryStartBefore) {
  std::uint64_t before = 0;
  Play play({}, {}, 1);
  play.add_topic("small", 1024 * kKiB);
  play.start();
  for (int starts = 0; starts < 3; ++starts) {
    play.append("small", 1000);
    play.server().settle();
    const std::uint64_t now = newest_generation(play.files());
    EXPECT_GT(now, before);
    before = now;
    play.perform({What::kRestart, "", 0});
  }
}

}  // namespace
}  // namespace duolog::sim

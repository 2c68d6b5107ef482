// What the disk does not give of a mapped file ends a read, never the process.
#include "engine/runtime/mapped_files.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/runtime/posix_files.h"
#include "storage/record_batch_builder.h"
#include "storage/segment_files.h"

namespace duolog::runtime {
namespace {

using storage::kBlockBytes;

class MappedFilesTest : public ::testing::Test {
 protected:
  MappedFilesTest() {
    char name[] = "/tmp/duolog-mapped-XXXXXX";
    directory = mkdtemp(name);
    (void)take_lost_pages();
  }
  ~MappedFilesTest() override { std::filesystem::remove_all(directory); }

  void write(const std::string& path, std::span<const std::uint8_t> bytes) {
    auto file = files.open(path, storage::OpenMode::kCreate);
    ASSERT_TRUE(file);
    ASSERT_TRUE(files.write(*file, 0, bytes));
    files.close(*file);
  }
  void cut(const std::string& path, std::uint64_t size_bytes) {
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(size_bytes)), 0);
  }
  storage::Mapping map(const std::string& path, std::uint64_t size_bytes) {
    auto file = files.open(path, storage::OpenMode::kRead);
    EXPECT_TRUE(file);
    auto mapping = files.map(*file, size_bytes, lost_at);
    EXPECT_TRUE(mapping);
    files.close(*file);
    return *mapping;
  }

  std::string directory;
  PosixFiles files;
  std::atomic<std::uint64_t> lost_at{UINT64_MAX};
};

TEST_F(MappedFilesTest, ALoadBehindTheEndOfAFileThatWasCutFindsZerosAndSaysWhere) {
  const std::string path = directory + "/file";
  write(path, std::vector<std::uint8_t>(4 * kBlockBytes, 'x'));
  const storage::Mapping mapping = map(path, 4 * kBlockBytes);
  const std::uint64_t before = lost_pages();
  cut(path, kBlockBytes);
  const volatile std::uint8_t* data = mapping.data;
  EXPECT_EQ(data[3 * kBlockBytes + 5], 0);
  EXPECT_EQ(lost_at.load(), 3 * kBlockBytes);
  EXPECT_EQ(data[2 * kBlockBytes], 0);
  EXPECT_EQ(lost_at.load(), 2 * kBlockBytes);
  EXPECT_EQ(data[0], 'x');
  EXPECT_EQ(lost_pages() - before, 2U);
  const auto lost = take_lost_pages();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].path, path);
  EXPECT_EQ(lost[0].position, 2 * kBlockBytes);
  EXPECT_TRUE(take_lost_pages().empty());
  files.unmap(mapping);
}

TEST_F(MappedFilesTest, WhatTheKernelCouldNotReadIsFoundWithoutASignal) {
  const std::string path = directory + "/file";
  write(path, std::vector<std::uint8_t>(4 * kBlockBytes, 'x'));
  const storage::Mapping mapping = map(path, 4 * kBlockBytes);
  cut(path, 2 * kBlockBytes);
  const std::vector<std::uint8_t> elsewhere(10);
  const iovec memory[] = {{const_cast<std::uint8_t*>(elsewhere.data()), elsewhere.size()},
                          {const_cast<std::uint8_t*>(mapping.data) + 100, 4 * kBlockBytes - 100}};
  note_unreadable(memory);
  EXPECT_EQ(lost_at.load(), 2 * kBlockBytes);
  files.unmap(mapping);
}

TEST_F(MappedFilesTest, AsManyAsThereAreAreFound) {
  const std::string path = directory + "/file";
  write(path, std::vector<std::uint8_t>(kBlockBytes, 'x'));
  std::vector<storage::Mapping> mappings;
  std::vector<std::atomic<std::uint64_t>> lost(1000);
  auto file = files.open(path, storage::OpenMode::kRead);
  ASSERT_TRUE(file);
  for (auto& at : lost) {
    at.store(UINT64_MAX);
    mappings.push_back(*files.map(*file, 2 * kBlockBytes, at));
  }
  files.close(*file);
  for (std::size_t i = 0; i < lost.size(); i += 99) {
    EXPECT_EQ(static_cast<const volatile std::uint8_t*>(mappings[i].data)[kBlockBytes], 0);
  }
  for (std::size_t i = 0; i < lost.size(); ++i) {
    EXPECT_EQ(lost[i].load(), i % 99 == 0 ? kBlockBytes : UINT64_MAX) << i;
    files.unmap(mappings[i]);
  }
}

using MappedFilesDeathTest = MappedFilesTest;

TEST_F(MappedFilesDeathTest, ABusErrorAnywhereElseIsFatalAndSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string path = directory + "/file";
  write(path, std::vector<std::uint8_t>(kBlockBytes, 'x'));
  const auto die = [&] {
    const storage::Mapping mapping = map(path, 2 * kBlockBytes);  // which installs the handler
    const int file = open(path.c_str(), O_RDONLY);
    const void* other = mmap(nullptr, 2 * kBlockBytes, PROT_READ, MAP_SHARED, file, 0);
    (void)static_cast<const volatile std::uint8_t*>(other)[kBlockBytes];
    files.unmap(mapping);
  };
  EXPECT_EXIT(die(), testing::KilledBySignal(SIGBUS), "SIGBUS at 0x[0-9a-f]*, which is in no");
// Sanitizers end a process in their own way.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_EXIT(raise(SIGBUS), testing::KilledBySignal(SIGBUS), "");
#endif
}

// ---- Segments ----------------------------------------------------------------------------------

// Batches of one record of 3000 bytes.
std::vector<std::uint8_t> segment_of(int batches) {
  std::vector<std::uint8_t> all;
  for (int i = 0; i < batches; ++i) {
    storage::RecordBatchBuilder builder(1U << 20);
    const std::vector<std::uint8_t> value(3000, 'v');
    EXPECT_TRUE(builder.add({Timestamp(1000), std::nullopt, Bytes(value), {}}));
    const MutableBytes batch = builder.finish();
    storage::patch_base_offset_and_epoch(batch, Offset(i), LeaderEpoch(1));
    all.insert(all.end(), batch.begin(), batch.end());
  }
  return all;
}

TEST_F(MappedFilesTest, ASegmentThatIsCutWhileItIsReadFailsFromThereOnAndNamesTheFile) {
  const auto bytes = segment_of(40);
  storage::Segment segment(directory, Offset(0), Position(0), bytes.size());
  segment.index_loaded.store(false);
  segment.stable_bytes.store(bytes.size());
  write(segment.log_path(), bytes);
  ASSERT_TRUE(storage::warm(files, segment, 0, {}));
  ASSERT_GE(segment.ready_bytes(0), bytes.size());
  ASSERT_TRUE(segment.damages.empty());

  cut(segment.log_path(), 5 * kBlockBytes);
  const auto piece = segment.find(0);
  ASSERT_NE(piece.data, nullptr);
  EXPECT_TRUE(segment.was_read(5 * kBlockBytes));
  const auto sum = std::count(piece.data, piece.data + piece.size_bytes, 'v');
  EXPECT_LT(static_cast<std::uint64_t>(sum), 6 * kBlockBytes);
  EXPECT_FALSE(segment.was_read(5 * kBlockBytes + 1));
  EXPECT_TRUE(segment.was_read(5 * kBlockBytes));
  EXPECT_EQ(segment.find(0).size_bytes, 5 * kBlockBytes);
  EXPECT_EQ(segment.find(5 * kBlockBytes).data, nullptr);
  EXPECT_TRUE(storage::warm(files, segment, 4 * kBlockBytes, {}));
  const auto outcome = storage::warm(files, segment, 5 * kBlockBytes, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::kIo);
  EXPECT_NE(outcome.error().message.find(segment.log_path()), std::string::npos);
  EXPECT_NE(outcome.error().message.find("position 20480"), std::string::npos);
  EXPECT_TRUE(segment.damages.empty()) << "zeros are no damage";
  segment.unmap(files);
}

TEST_F(MappedFilesTest, ASegmentThatWasCutBeforeItIsReadFailsWithoutASignal) {
  const auto bytes = segment_of(40);
  storage::Segment segment(directory, Offset(0), Position(0), bytes.size());
  segment.index_loaded.store(false);
  segment.stable_bytes.store(bytes.size());
  write(segment.log_path(), bytes);
  cut(segment.log_path(), 5 * kBlockBytes);
  const std::uint64_t before = lost_pages();
  const auto outcome = storage::warm(files, segment, 0, {});
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find(segment.log_path()), std::string::npos);
  EXPECT_EQ(lost_pages(), before);
  segment.unmap(files);
}

}  // namespace
}  // namespace duolog::runtime

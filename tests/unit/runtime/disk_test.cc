#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <latch>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/uring_disk.h"
#include "tests/unit/patience.h"

namespace duolog::runtime {
namespace {

using storage::DiskOp;
using storage::kBlockBytes;
using storage::OpenMode;

struct Block {
  explicit Block(std::size_t blocks, int fill)
      : data(static_cast<std::uint8_t*>(std::aligned_alloc(kBlockBytes, blocks * kBlockBytes)),
             &std::free),
        size_bytes(blocks * kBlockBytes) {
    std::fill_n(data.get(), size_bytes, static_cast<std::uint8_t>(fill));
  }
  [[nodiscard]] iovec part() const { return {data.get(), size_bytes}; }
  std::unique_ptr<std::uint8_t, decltype(&std::free)> data;
  std::size_t size_bytes;
};

class DiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "duolog-disk-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    Settings settings;
    settings.shards = 1;
    settings.pin = false;
    settings.disk_operations = 2;
    auto runtime = Runtime::start(settings, {});
    ASSERT_TRUE(runtime) << runtime.error().message;
    runtime_ = std::move(*runtime);
  }
  void TearDown() override {
    runtime_->stop();
    std::filesystem::remove_all(directory_);
  }

  Result<void> run(DiskOp::Kind kind, storage::FileId file, std::uint64_t offset,
                   std::span<const iovec> data) {
    struct Waiting : DiskOp {
      std::promise<Result<void>> outcome;
    } op;
    op.kind = kind;
    op.file = file;
    op.offset = offset;
    op.data = data;
    op.done = [](DiskOp& done, Result<void> outcome) {
      EXPECT_NE(Shard::current(), nullptr);
      static_cast<Waiting&>(done).outcome.set_value(std::move(outcome));
    };
    auto future = op.outcome.get_future();
    runtime_->run_on(ShardId(0), [&](Shard& shard) { shard.disk().submit(op); });
    EXPECT_EQ(future.wait_for(kPatience), std::future_status::ready);
    return future.get();
  }

  std::string directory_;
  PosixFiles files_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(DiskTest, DirectAndBufferedWritesOfAllKindsAreReadBack) {
  for (const OpenMode mode : {OpenMode::kCreateDirect, OpenMode::kCreate}) {
    const std::string path = directory_ + "/file" + std::to_string(static_cast<int>(mode));
    auto file = files_.open(path, mode);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(files_.allocate(*file, 0, 4 * kBlockBytes));
    const Block one(1, 'a');
    const Block two(2, 'b');
    const iovec parts[] = {one.part(), two.part()};
    EXPECT_TRUE(run(DiskOp::Kind::kDurableWrite, *file, 0, parts));
    const iovec last = one.part();
    EXPECT_TRUE(run(DiskOp::Kind::kWrite, *file, 3 * kBlockBytes, {&last, 1}));
    EXPECT_TRUE(run(DiskOp::Kind::kSync, *file, 0, {}));
    const Block read(4, 0);
    EXPECT_EQ(files_.read(*file, 0, {read.data.get(), read.size_bytes}).value(), read.size_bytes);
    EXPECT_EQ(read.data.get()[0], 'a');
    EXPECT_EQ(read.data.get()[kBlockBytes], 'b');
    EXPECT_EQ(read.data.get()[3 * kBlockBytes - 1], 'b');
    EXPECT_EQ(read.data.get()[3 * kBlockBytes], 'a');
    files_.close(*file);
  }
}

TEST_F(DiskTest, MoreOperationsThanSlotsAndIovecsThanOneCallTakesAllComplete) {
  auto file = files_.open(directory_ + "/many", OpenMode::kCreateDirect);
  ASSERT_TRUE(file);
  const Block block(1, 'x');
  const std::vector<iovec> parts(1500, block.part());
  struct Counted : DiskOp {
    int* left = nullptr;
    std::promise<void>* done_all = nullptr;
  };
  std::vector<Counted> ops(8);
  int left = 8;
  std::promise<void> done_all;
  runtime_->run_on(ShardId(0), [&](Shard& shard) {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      ops[i].kind = i == 0 ? DiskOp::Kind::kWrite : DiskOp::Kind::kDurableWrite;
      ops[i].file = *file;
      ops[i].offset = i == 0 ? 0 : (1500 + i) * kBlockBytes;
      ops[i].data = std::span(parts).first(i == 0 ? 1500 : 1);
      ops[i].left = &left;
      ops[i].done_all = &done_all;
      ops[i].done = [](DiskOp& op, Result<void> outcome) {
        EXPECT_TRUE(outcome) << outcome.error().message;
        auto& self = static_cast<Counted&>(op);
        if (--*self.left == 0) self.done_all->set_value();
      };
      shard.disk().submit(ops[i]);
    }
    EXPECT_EQ(left, 8) << "never from within submit";
  });
  ASSERT_EQ(done_all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(files_.size(*file).value(), 1508 * kBlockBytes);
  if (is_direct(*file)) {
    EXPECT_GT(runtime_->shard(ShardId(0)).counters().disk_queued.get(), 0U);
  }
  files_.close(*file);
}

TEST_F(DiskTest, AWriteThatTheKernelCutsShortFailsWithItsReasonAndTheFilesName) {
  for (const OpenMode mode : {OpenMode::kCreateDirect, OpenMode::kCreate}) {
    const std::string path = directory_ + "/limited" + std::to_string(static_cast<int>(mode));
    auto file = files_.open(path, mode);
    ASSERT_TRUE(file);
    rlimit old_limit{};
    getrlimit(RLIMIT_FSIZE, &old_limit);
    const auto old_handler = signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2 * kBlockBytes, old_limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const Block block(4, 'x');
    const iovec part = block.part();
    auto outcome = run(DiskOp::Kind::kDurableWrite, *file, 0, {&part, 1});
    setrlimit(RLIMIT_FSIZE, &old_limit);
    signal(SIGXFSZ, old_handler);
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find(path), std::string::npos) << outcome.error().message;
    EXPECT_NE(outcome.error().message.find("File too large"), std::string::npos)
        << outcome.error().message;
    EXPECT_EQ(files_.size(*file).value(), 2 * kBlockBytes) << "the first part was written";
    files_.close(*file);
  }
}

TEST_F(DiskTest, AFullDeviceIsNoSpace) {
  auto file = files_.open("/dev/full", OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  const Block block(1, 'x');
  const iovec part = block.part();
  auto outcome = run(DiskOp::Kind::kWrite, *file, 0, {&part, 1});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::kNoSpace);
  files_.close(*file);
}

TEST_F(DiskTest, FilesNameWhatFailsAndTellTheClassesApart) {
  EXPECT_EQ(files_.open(directory_ + "/none", OpenMode::kRead).error().code, Errc::kNotFound);
  auto file = files_.open(directory_ + "/some", OpenMode::kCreate);
  ASSERT_TRUE(file);
  EXPECT_EQ(files_.open(directory_ + "/some", OpenMode::kCreateDirect).error().code, Errc::kExists);
  EXPECT_TRUE(files_.write(*file, 0, as_bytes("hello")));
  EXPECT_TRUE(files_.sync(*file));
  EXPECT_TRUE(files_.make_directory(directory_ + "/sub"));
  EXPECT_EQ(files_.make_directory(directory_ + "/sub").error().code, Errc::kExists);
  EXPECT_TRUE(files_.rename(directory_ + "/some", directory_ + "/sub/other"));
  EXPECT_TRUE(files_.sync_directory(directory_ + "/sub"));
  auto entries = files_.list(directory_);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ((*entries)[0].name, "sub");
  EXPECT_TRUE((*entries)[0].is_directory);
  std::atomic<std::uint64_t> lost_at{UINT64_MAX};
  auto mapping = files_.map(*file, 4 * kBlockBytes, lost_at);
  ASSERT_TRUE(mapping);
  EXPECT_TRUE(files_.populate(*mapping, 0, 5));
  EXPECT_EQ(mapping->data[4], 'o');
  EXPECT_EQ(files_.populate(*mapping, 2 * kBlockBytes, 3 * kBlockBytes).error().code, Errc::kIo);
  files_.unpopulate(*mapping, 0, kBlockBytes);
  files_.unmap(*mapping);
  files_.close(*file);
}

TEST_F(DiskTest, ALockedDirectoryIsBusyUntilTheLockIsClosed) {
  auto lock = files_.lock(directory_ + "/.lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(files_.lock(directory_ + "/.lock").error().code, Errc::kBusy);
  files_.close(*lock);
  auto again = files_.lock(directory_ + "/.lock");
  ASSERT_TRUE(again);
  files_.close(*again);
  EXPECT_TRUE(direct_supported(directory_).has_value());
}

// Recovery's: each log once, and many of them at the same time.
TEST(PosixFilesTest, ManyThingsAreDoneOnceEachAndTogether) {
  constexpr std::size_t kCount = 100;
  PosixFiles files;
  std::array<std::atomic<int>, kCount> done{};
  std::latch both(2);
  files.for_each(kCount, [&](std::size_t i) {
    if (i < 2) both.arrive_and_wait();  // for ever, one after the other
    ++done[i];
  });
  for (const auto& times : done) EXPECT_EQ(times.load(), 1);
}

}  // namespace
}  // namespace duolog::runtime

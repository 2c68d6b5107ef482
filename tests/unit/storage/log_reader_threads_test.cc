// One thread appends while another reads, with little memory: chunks are given back, and what was
// in them is read again from the mapping. For the thread sanitizer.
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/log_reader.h"
#include "storage/log_store.h"
#include "storage/record_batch_builder.h"

namespace duolog::storage {
namespace {

// Files in memory, of a fixed size, behind one lock; only what a log needs.
class MemoryFiles final : public Files {
 public:
  static constexpr std::uint64_t kFileBytes = 4 * kMiB;
  ~MemoryFiles() override {
    for (auto& [path, data] : files_) std::free(data);
  }
  Result<FileId> open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    const bool create = mode == OpenMode::kCreate || mode == OpenMode::kCreateDirect;
    auto& data = files_[path];
    if (!data && !create) {
      files_.erase(path);
      return fail(Errc::kNotFound, path);
    }
    if (!data) data = static_cast<std::uint8_t*>(std::calloc(1, kFileBytes));
    open_.push_back(data);
    return static_cast<FileId>(open_.size() - 1);
  }
  void close(FileId) override {}
  Result<std::uint64_t> size(FileId) override { return kFileBytes; }
  Result<std::size_t> read(FileId file, std::uint64_t offset, MutableBytes into) override {
    std::memcpy(into.data(), at(file) + offset, into.size());
    return into.size();
  }
  Result<void> write(FileId file, std::uint64_t offset, Bytes data) override {
    std::memcpy(at(file) + offset, data.data(), data.size());
    return {};
  }
  Result<void> allocate(FileId, std::uint64_t, std::uint64_t) override { return {}; }
  Result<void> truncate(FileId, std::uint64_t) override { return {}; }
  Result<void> sync(FileId) override { return {}; }
  Result<void> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    std::free(std::exchange(files_[to], files_[from]));
    files_.erase(from);
    return {};
  }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<void> sync_directory(const std::string&) override { return {}; }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override {
    return std::vector<DirectoryEntry>{};
  }
  Result<FileId> lock(const std::string&) override { return fail(Errc::kUnsupported, ""); }
  Result<Mapping> map(FileId file, std::uint64_t size_bytes) override {
    return Mapping{at(file), size_bytes};
  }
  void unmap(Mapping) override {}
  Result<void> populate(Mapping, std::uint64_t, std::uint64_t) override { return {}; }
  void unpopulate(Mapping, std::uint64_t, std::uint64_t) override {}

 private:
  std::uint8_t* at(FileId file) {
    const std::lock_guard lock(mutex_);
    return open_[static_cast<std::size_t>(file)];
  }
  std::mutex mutex_;
  std::map<std::string, std::uint8_t*> files_;
  std::vector<std::uint8_t*> open_;
};

// One thread's half; completes when told to.
class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(Files& files) : files_(files) {}
  Files& files() override { return files_; }
  void submit(DiskOp& op) override { submitted_.push_back(&op); }
  void run(std::move_only_function<void()> work, std::move_only_function<void()> done) override {
    jobs_.emplace_back(std::move(work), std::move(done));
  }
  void complete() {
    for (DiskOp* op : std::exchange(submitted_, {})) {
      std::uint64_t at = op->offset;
      for (const iovec& piece : op->data) {
        (void)files_.write(op->file, at,
                           {static_cast<std::uint8_t*>(piece.iov_base), piece.iov_len});
        at += piece.iov_len;
      }
      op->done(*op, {});
    }
    for (auto& [work, done] : std::exchange(jobs_, {})) {
      work();
      done();
    }
  }

 private:
  Files& files_;
  std::vector<DiskOp*> submitted_;
  std::deque<std::pair<std::move_only_function<void()>, std::move_only_function<void()>>> jobs_;
};

std::vector<std::uint8_t> make_batch(std::size_t value_bytes) {
  const std::vector<std::uint8_t> value(value_bytes, 7);
  RecordBatchBuilder builder;
  EXPECT_TRUE(builder.add({Timestamp(1), std::nullopt, Bytes(value), {}}));
  const Bytes batch = builder.finish();
  return {batch.begin(), batch.end()};
}

TEST(LogReaderThreadsTest, ReaderSeesEveryBatchWhileMemoryIsRecycled) {
  constexpr std::int64_t kBatches = 3000;
  MemoryFiles files;
  MemoryDisk disk(files);
  Epochs epochs(2);
  StoreOptions options;
  options.tail_budget_bytes = 2 * kMiB;
  options.journal_file_bytes = kMiB;
  options.journal_max_bytes = 2 * kMiB;
  options.group_max_bytes = 256 * kKiB;
  Journal::Setup journal{"/journal", 1, {}};
  for (std::uint64_t number = 1; number <= 2; ++number) {
    journal.files.push_back(*Journal::create_file(files, "/journal", number, kMiB));
  }
  LogStore store(disk, epochs, options, std::move(journal), LeaderEpoch(1), {});
  Log& log = store.add({"t", Uuid{{1}}, PartitionId(0), "/t-0"}, {.segment_bytes = kMiB});
  std::atomic<bool> give_up{false};

  std::thread reader([&] {
    MemoryDisk own(files);
    Position position;
    Buffer scratch;
    std::int64_t expected = 0;
    while (expected < kBatches && !give_up.load()) {
      epochs.online(1);
      for (int i = 0; i < 20 && position < log.high_watermark().position; ++i) {
        const auto batch = read_batch(log, position, scratch);
        if (batch.status == ReadStatus::kCold) {
          warm_up(own, batch.cold, [](Result<void> outcome) { EXPECT_TRUE(outcome); });
          own.complete();
          continue;
        }
        if (batch.status != ReadStatus::kOk || batch.header.base_offset.value != expected ||
            !crc_matches(batch.bytes)) {
          ADD_FAILURE() << "offset " << expected << ", status " << static_cast<int>(batch.status);
          give_up = true;
          break;
        }
        position = batch.next;
        ++expected;
      }
      epochs.offline(1);
      std::this_thread::yield();
    }
  });

  const auto batch = make_batch(5000);
  const auto turn = [&] {
    epochs.online(0);
    store.flush();
    disk.complete();
    epochs.offline(0);
  };
  for (std::int64_t i = 0; i < kBatches && !give_up.load();) {
    Offset base;
    if (store.append(log, batch, 1, Timestamp(1), Timestamp(1), base) == LogStore::Append::kDone) {
      ++i;
      if (i % 4 == 0) turn();
    } else {
      turn();
    }
  }
  while (log.high_watermark().offset.value < kBatches && !give_up.load()) turn();
  reader.join();
  EXPECT_GT(store.memory().reclaimed_chunks(), 100U);
  bool stopped = false;
  store.stop([&stopped] { stopped = true; });
  while (!stopped) turn();
}

}  // namespace
}  // namespace duolog::storage

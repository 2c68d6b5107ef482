// One thread appends while another reads, with little memory: chunks are given back, and what was
// in them is read again from the mapping. For the thread sanitizer.
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/journal.h"
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
  Result<Mapping> map(FileId file, std::uint64_t size_bytes,
                      std::atomic<std::uint64_t>& /*lost_at*/) override {
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

// Jobs run on a thread that is no shard; what follows them runs where `finish` is called.
class JanitorDisk final : public Disk {
 public:
  explicit JanitorDisk(Files& files) : files_(files) {}
  Files& files() override { return files_; }
  void submit(DiskOp&) override { ADD_FAILURE() << "nothing is written here"; }
  void run(std::move_only_function<void()> work, std::move_only_function<void()> done) override {
    const std::lock_guard lock(mutex_);
    jobs_.emplace_back(std::move(work), std::move(done));
    more_.notify_one();
  }
  void finish() {
    std::deque<std::move_only_function<void()>> finished;
    {
      const std::lock_guard lock(mutex_);
      finished.swap(finished_);
    }
    for (auto& done : finished) done();
  }

 private:
  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (more_.wait(lock, stop, [this] { return !jobs_.empty(); })) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job.first();
      lock.lock();
      finished_.push_back(std::move(job.second));
    }
  }

  Files& files_;
  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<std::pair<std::move_only_function<void()>, std::move_only_function<void()>>> jobs_;
  std::deque<std::move_only_function<void()>> finished_;
  std::jthread janitor_{[this](const std::stop_token& stop) { work(stop); }};
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
  options.journal_min_bytes = 2 * kMiB;
  options.journal_max_bytes = 2 * kMiB;
  options.group_max_bytes = 256 * kKiB;
  JournalSetup journal{"/journal", 1, 1, {}};
  for (std::uint64_t number = 1; number <= 2; ++number) {
    journal.files.push_back(*Journal::create_file(files, "/journal", number, kMiB));
  }
  LogStore store(disk, epochs, options, std::move(journal), LeaderEpoch(1), {});
  Log& log = store.add({"t", Uuid{{1}}, PartitionId(0), "/t-0"}, {.segment_bytes = kMiB});
  std::atomic<bool> give_up{false};

  std::thread reader([&] {
    MemoryDisk own(files);
    Position position = kFirstPosition;
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

TEST(LogReaderThreadsTest, JanitorReadsAheadWhileTheIndexGrows) {
  MemoryFiles files;
  JanitorDisk disk(files);
  Epochs epochs(1);
  RetireList retired(epochs);
  auto batch = make_batch(4096);
  for (std::int64_t round = 0; round < 20; ++round) {
    Segment segment("/t-0", Offset(round), Position(0), MemoryFiles::kFileBytes);
    const auto file = files.open(segment.log_path(), OpenMode::kCreate);
    ASSERT_TRUE(file);
    bool asked = false;
    std::uint64_t at = 0;
    for (; at + batch.size() <= MemoryFiles::kFileBytes; at += batch.size()) {
      store_be<std::int64_t>(batch.data() + batch_at::kBaseOffset,
                             round + static_cast<std::int64_t>(at / batch.size()));
      ASSERT_TRUE(files.write(*file, at, batch));
      epochs.online(0);
      segment.index.note(
          {static_cast<std::uint32_t>(at / batch.size()), static_cast<std::uint32_t>(at), 1, 0},
          retired);
      segment.stable_bytes.store(at + batch.size(), std::memory_order_release);
      if (!std::exchange(asked, true)) {
        warm_up(disk, {&segment, at}, [&](Result<void> outcome) {
          EXPECT_TRUE(outcome);
          asked = false;
        });
      }
      disk.finish();
      epochs.offline(0);
      retired.collect();
    }
    while (asked) disk.finish();
    EXPECT_TRUE(segment.damages.empty());
    segment.unmap(files);
  }
}

// Reads on from wherever the log begins; now and then it keeps what it has read, as a response that
// is half sent does, and reads it again in a later turn.
class OvertakenReader {
 public:
  OvertakenReader(Files& files, Log& log) : disk_(files), log_(log) {}

  // One turn. False: something is wrong.
  bool turn() {
    if (kept_.holds()) {
      const bool good = read(kept_at_, kept_offset_) == ReadStatus::kOk;
      kept_.release();
      if (!good) return false;
    }
    if (position_ >= log_.high_watermark().position) return true;
    const Position at = position_;
    const std::int64_t expected = next_;
    const ReadStatus status = read(at, expected);
    if (status == ReadStatus::kOutOfRange) return seek_start();
    if (status != ReadStatus::kOk) return false;
    if (next_ % 7 == 0 && expected >= log_.start_offset().value) {
      kept_ = pin(log_, at);
      kept_at_ = at;
      kept_offset_ = expected;
    }
    return true;
  }
  // Whether what it would read next has gone.
  [[nodiscard]] bool lost_its_place() const { return log_.segments().at(position_) == nullptr; }
  [[nodiscard]] std::int64_t next() const { return next_; }
  [[nodiscard]] int times_overtaken() const { return times_overtaken_; }

 private:
  ReadStatus read(Position at, std::int64_t expected) {
    auto batch = read_batch(log_, at, scratch_);
    while (batch.status == ReadStatus::kCold) {
      warm_up(disk_, batch.cold, [](Result<void> outcome) { EXPECT_TRUE(outcome); });
      disk_.complete();
      batch = read_batch(log_, at, scratch_);
    }
    if (batch.status != ReadStatus::kOk) return batch.status;
    if (batch.header.base_offset.value != expected || !crc_matches(batch.bytes)) {
      return ReadStatus::kCorrupt;
    }
    position_ = std::max(position_, batch.next);
    next_ = std::max(next_, expected + 1);
    return ReadStatus::kOk;
  }
  bool seek_start() {
    ++times_overtaken_;
    for (;;) {
      const Offset start = log_.start_offset();
      const Sought sought = seek(log_, start);
      if (sought.status == ReadStatus::kOutOfRange) continue;  // it has moved again
      if (sought.status == ReadStatus::kCold) {
        warm_up(disk_, sought.cold, [](Result<void> outcome) { EXPECT_TRUE(outcome); });
        disk_.complete();
        continue;
      }
      if (sought.status != ReadStatus::kOk || start.value < next_) return false;
      position_ = sought.position;
      next_ = start.value;
      return true;
    }
  }

  MemoryDisk disk_;
  Log& log_;
  Buffer scratch_;
  Position position_ = kFirstPosition;
  std::int64_t next_ = 0;
  SegmentPin kept_;
  Position kept_at_;
  std::int64_t kept_offset_ = 0;
  int times_overtaken_ = 0;
};

TEST(LogReaderThreadsTest, ReaderIsOvertakenByTheStartAndWhatItKeepsStays) {
  constexpr std::int64_t kBatches = 3000;
  MemoryFiles files;
  MemoryDisk disk(files);
  Epochs epochs(2);
  StoreOptions options;
  options.tail_budget_bytes = 2 * kMiB;
  options.journal_min_bytes = 2 * kMiB;
  options.journal_max_bytes = 2 * kMiB;
  options.group_max_bytes = 256 * kKiB;
  options.delete_delay_ms = 0;
  JournalSetup journal{"/journal", 1, 1, {}};
  for (std::uint64_t number = 1; number <= 2; ++number) {
    journal.files.push_back(*Journal::create_file(files, "/journal", number, kMiB));
  }
  LogStore store(disk, epochs, options, std::move(journal), LeaderEpoch(1), {});
  Log& log = store.add({"t", Uuid{{1}}, PartitionId(0), "/t-0"}, {.segment_bytes = 128 * kKiB});
  std::atomic<bool> wrong{false};
  std::atomic<std::int64_t> reached{0};
  std::thread reader([&] {
    OvertakenReader overtaken(files, log);
    while (overtaken.next() < kBatches && !wrong.load()) {
      epochs.online(1);
      if (!overtaken.turn()) wrong = true;
      epochs.offline(1);
      reached = overtaken.next();
      // Now and then it does not read for so long that it is overtaken.
      bool waits = overtaken.next() % 500 == 0 && overtaken.next() + 500 < kBatches;
      while (waits && !wrong.load()) {
        std::this_thread::yield();
        epochs.online(1);
        waits = !overtaken.lost_its_place();
        epochs.offline(1);
      }
    }
    EXPECT_GT(overtaken.times_overtaken(), 0);
  });
  const auto batch = make_batch(5000);
  const auto turn = [&] {
    epochs.online(0);
    store.flush();
    disk.complete();
    epochs.offline(0);
  };
  for (std::int64_t i = 0; i < kBatches && !wrong.load();) {
    Offset base;
    if (store.append(log, batch, 1, Timestamp(1), Timestamp(1), base) != LogStore::Append::kDone) {
      turn();
      continue;
    }
    if (++i % 4 == 0) turn();
    // Sometimes far behind the reader, sometimes ahead of it.
    const Offset visible = log.high_watermark().offset;
    if (i % 50 == 0 && visible > Offset(100)) {
      store.move_start(log, visible - (i % 100 == 0 ? 10 : 100));
    }
    store.tick(Timestamp(i));
  }
  while (reached.load() < kBatches && !wrong.load()) {
    turn();
    store.tick(Timestamp(kBatches));
  }
  reader.join();
  EXPECT_FALSE(wrong.load());
  EXPECT_GT(store.trimmer().removed_segments(), 20U);
  bool stopped = false;
  store.stop([&stopped] { stopped = true; });
  while (!stopped) turn();
}

}  // namespace
}  // namespace duolog::storage

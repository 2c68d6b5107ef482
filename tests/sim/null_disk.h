// NullDisk: a storage::Disk that keeps nothing. Every operation succeeds once `complete` is called.
//
// For benchmarks and for tests that are not about files. Reading finds empty files, and a mapping
// zeros. One thread.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "storage/disk.h"

namespace duolog::sim {

class NullFiles final : public storage::Files {
 public:
  Result<storage::FileId> open(const std::string&, storage::OpenMode) override { return 3; }
  void close(storage::FileId) override {}
  Result<std::uint64_t> size(storage::FileId) override { return 0; }
  Result<std::size_t> read(storage::FileId, std::uint64_t, MutableBytes) override { return 0; }
  Result<void> write(storage::FileId, std::uint64_t, Bytes) override { return {}; }
  Result<void> allocate(storage::FileId, std::uint64_t, std::uint64_t) override { return {}; }
  Result<void> truncate(storage::FileId, std::uint64_t) override { return {}; }
  Result<void> sync(storage::FileId) override { return {}; }
  Result<void> rename(const std::string&, const std::string&) override { return {}; }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<void> sync_directory(const std::string&) override { return {}; }
  Result<std::vector<storage::DirectoryEntry>> list(const std::string&) override {
    return std::vector<storage::DirectoryEntry>{};
  }
  Result<storage::FileId> lock(const std::string&) override { return 3; }
  Result<storage::Mapping> map(storage::FileId, std::uint64_t,
                               std::atomic<std::uint64_t>&) override {
    return fail(Errc::kUnsupported, "nothing is kept here");
  }
  void unmap(storage::Mapping) override {}
  Result<void> populate(storage::Mapping, std::uint64_t, std::uint64_t) override { return {}; }
  void unpopulate(storage::Mapping, std::uint64_t, std::uint64_t) override {}
};

class NullDisk final : public storage::Disk {
 public:
  storage::Files& files() override { return files_; }
  void submit(storage::DiskOp& op) override { submitted_.push_back(&op); }
  void run(std::move_only_function<void()> work, std::move_only_function<void()> done) override {
    jobs_.emplace_back(std::move(work), std::move(done));
  }
  // Until nothing is left, also of what completions start.
  void complete() {
    while (!submitted_.empty() || !jobs_.empty()) {
      completing_.swap(submitted_);
      for (storage::DiskOp* op : completing_) op->done(*op, {});
      completing_.clear();
      while (!jobs_.empty()) {
        auto [work, done] = std::move(jobs_.front());
        jobs_.pop_front();
        work();
        done();
      }
    }
  }

 private:
  NullFiles files_;
  std::vector<storage::DiskOp*> submitted_;
  std::vector<storage::DiskOp*> completing_;
  std::deque<std::pair<std::move_only_function<void()>, std::move_only_function<void()>>> jobs_;
};

}  // namespace duolog::sim

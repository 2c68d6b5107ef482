// SimDisk: storage::Disk on a SimFiles. Nothing completes until the test steps, and then in an
// order that the seed decides.
//
// One SimDisk stands for one shard's half; several may share a SimFiles. The owner is the test,
// which keeps it until everything that has submitted to it is gone or the machine has stopped.
// Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "storage/disk.h"
#include "tests/sim/sim_files.h"

namespace duolog::sim {

class SimDisk final : public storage::Disk {
 public:
  SimDisk(SimFiles& files, std::uint64_t seed);
  ~SimDisk() override;
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // Completes one queued operation, runs one job's work, or runs one job's `done`, chosen among
  // all that may run. A sync covers the writes that had completed when it was submitted. False
  // when there is nothing to do or the machine has stopped. Throws MachineStopped when this is
  // the step to crash at.
  bool step();
  // Steps until nothing is queued, also what completions submit. CHECKs that it ends within
  // `most_steps`.
  void run_until_idle(std::uint64_t most_steps = 1'000'000);
  // After the machine has stopped: tells the owner of everything that was queued that it failed, so
  // that it can be taken apart. Nothing reaches the files any more.
  void fail_all();
  [[nodiscard]] std::size_t queued() const {
    return operations_.size() + jobs_.size() + finished_jobs_.size();
  }

  // ---- storage::Disk
  storage::Files& files() override { return files_; }
  void submit(storage::DiskOp& op) override;
  void run(std::move_only_function<void()> work, std::move_only_function<void()> done) override;

 private:
  friend class SimFiles;

  struct Operation {
    storage::DiskOp* op;
    std::uint64_t sync_up_to;  // for a sync: SimFile::recorded() when it was submitted
  };
  struct Job {
    std::move_only_function<void()> work;
    std::move_only_function<void()> done;
  };

  void complete(std::size_t index);
  [[nodiscard]] Result<void> perform(const Operation& operation);
  // The machine stops: what is queued becomes operations in flight of their files.
  void stop();

  SimFiles& files_;
  std::mt19937_64 random_;
  std::vector<Operation> operations_;
  std::vector<storage::DiskOp*> abandoned_;  // queued when the machine stopped
  std::deque<Job> jobs_;
  std::vector<std::move_only_function<void()>> finished_jobs_;
};

}  // namespace duolog::sim

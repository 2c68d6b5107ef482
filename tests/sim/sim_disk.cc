#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "engine/base/check.h"

namespace duolog::sim {

using storage::DiskOp;

namespace {

std::vector<std::uint8_t> gather(const DiskOp& op) {
  std::vector<std::uint8_t> bytes;
  for (const iovec& part : op.data) {
    const auto* from = static_cast<const std::uint8_t*>(part.iov_base);
    bytes.insert(bytes.end(), from, from + part.iov_len);
  }
  return bytes;
}

}  // namespace

SimDisk::SimDisk(SimFiles& files, std::uint64_t seed) : files_(files), random_(seed) {
  files_.disks_.push_back(this);
}

SimDisk::~SimDisk() {
  // What is queued still points into its owner: step it away or stop the machine first.
  CHECK(operations_.empty());
  std::erase(files_.disks_, this);
}

void SimDisk::submit(DiskOp& op) {
  CHECK(op.done != nullptr);
  for (const Operation& other : operations_) CHECK(other.op != &op);
  if (files_.stopped_) {
    abandoned_.push_back(&op);
    return;
  }
  const SimFiles::OpenFile& file = files_.opened(op.file);
  if (op.kind == DiskOp::Kind::kSync) {
    operations_.push_back({&op, file.file->recorded()});
    return;
  }
  CHECK(file.writable && !op.data.empty());
  if (file.direct) {
    CHECK(is_block_aligned(op.offset));
    for (const iovec& part : op.data) {
      CHECK(is_block_aligned(reinterpret_cast<std::uintptr_t>(part.iov_base)));
      CHECK(is_block_aligned(part.iov_len));
    }
  }
  operations_.push_back({&op, 0});
}

void SimDisk::run(std::move_only_function<void()> work, std::move_only_function<void()> done) {
  jobs_.push_back({std::move(work), std::move(done)});
}

bool SimDisk::step() {
  if (files_.stopped_ || queued() == 0) return false;
  const std::size_t startable = jobs_.empty() ? 0 : 1;
  const std::size_t choices = operations_.size() + finished_jobs_.size() + startable;
  std::size_t choice = random_() % choices;
  if (choice < operations_.size()) {
    complete(choice);
    return true;
  }
  choice -= operations_.size();
  if (choice < finished_jobs_.size()) {
    auto done = std::move(finished_jobs_[choice]);
    finished_jobs_.erase(finished_jobs_.begin() + static_cast<std::ptrdiff_t>(choice));
    if (done) done();
    return true;
  }
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  try {
    job.work();
  } catch (const MachineStopped&) {
    job.work();  // what it was to take apart is; on the disk nothing changes any more
    finished_jobs_.push_back(std::move(job.done));
    throw;
  }
  finished_jobs_.push_back(std::move(job.done));
  return true;
}

void SimDisk::run_until_idle(std::uint64_t most_steps) {
  while (step()) CHECK(most_steps-- > 0);
}

void SimDisk::fail_all() {
  CHECK(files_.stopped_);
  while (!abandoned_.empty() || !jobs_.empty() || !finished_jobs_.empty()) {
    for (DiskOp* op : std::exchange(abandoned_, {})) {
      op->done(*op, fail(Errc::kIo, "the machine has stopped"));
    }
    for (Job& job : std::exchange(jobs_, {})) {
      job.work();
      finished_jobs_.push_back(std::move(job.done));
    }
    for (auto& done : std::exchange(finished_jobs_, {})) {
      if (done) done();
    }
  }
}

void SimDisk::complete(std::size_t index) {
  const Operation operation = operations_[index];
  Result<void> outcome = perform(operation);
  operations_.erase(operations_.begin() + static_cast<std::ptrdiff_t>(index));
  operation.op->done(*operation.op, std::move(outcome));
}

Result<void> SimDisk::perform(const Operation& operation) {
  const DiskOp& op = *operation.op;
  SimFiles::OpenFile& file = files_.opened(op.file);
  if (op.kind == DiskOp::Kind::kSync) {
    if (auto fault = files_.take_fault(SimFiles::Fault::kSync, file.path); !fault) {
      file.file->doom();
      return fault;
    }
    if (files_.begin_step("sync " + file.path)) files_.crash();
    file.file->commit(operation.sync_up_to);
    return {};
  }
  std::vector<std::uint8_t> bytes = gather(op);
  if (auto checked = files_.check_write(file, op.offset, bytes.size()); !checked) return checked;
  if (auto fault = files_.take_fault(SimFiles::Fault::kWrite, file.path); !fault) return fault;
  const bool durable = op.kind == DiskOp::Kind::kDurableWrite;
  const bool crashing =
      files_.begin_step((durable ? "durable write " : "write ") + file.path + " " +
                        std::to_string(op.offset) + "+" + std::to_string(bytes.size()));
  if (crashing) files_.crash();
  SimFiles::record_write(*file.file, op.offset, std::move(bytes), durable, false);
  return {};
}

void SimDisk::stop() {
  for (const Operation& operation : operations_) {
    const DiskOp& op = *operation.op;
    abandoned_.push_back(operation.op);
    if (op.kind == DiskOp::Kind::kSync) continue;
    SimFiles::OpenFile& file = files_.opened(op.file);
    SimFiles::record_write(*file.file, op.offset, gather(op), false, true);
  }
  operations_.clear();
}

}  // namespace duolog::sim

#include "engine/runtime/uring_disk.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/runtime/posix_files.h"
#include "engine/runtime/shard.h"

namespace duolog::runtime {

using storage::DiskOp;

namespace {

constexpr std::size_t kMaxIovecs = 1024;  // IOV_MAX

std::uint64_t total_bytes(std::span<const iovec> data) {
  std::uint64_t total = 0;
  for (const iovec& part : data) total += part.iov_len;
  return total;
}

// What is left of `data` after its first `skip` bytes, as far as one call takes it.
std::vector<iovec> remainder(std::span<const iovec> data, std::uint64_t skip) {
  std::vector<iovec> rest;
  for (const iovec& part : data) {
    if (skip >= part.iov_len) {
      skip -= part.iov_len;
      continue;
    }
    if (rest.size() == kMaxIovecs) break;
    rest.push_back({static_cast<std::uint8_t*>(part.iov_base) + skip, part.iov_len - skip});
    skip = 0;
  }
  return rest;
}

std::string describe(const DiskOp& op) {
  if (op.kind == DiskOp::Kind::kSync) return "sync " + path_of(op.file);
  return fmt::format("write {} bytes at {} of {}", total_bytes(op.data), op.offset,
                     path_of(op.file));
}

// On a janitor thread, for files that are not direct.
Result<void> run_blocking(const DiskOp& op) {
  if (op.kind == DiskOp::Kind::kSync) {
    if (fdatasync(op.file) != 0) return fail_errno(Errc::kIo, describe(op), errno);
    return {};
  }
  const int flags = op.kind == DiskOp::Kind::kDurableWrite ? RWF_DSYNC : 0;
  const std::uint64_t total = total_bytes(op.data);
  std::uint64_t done = 0;
  while (done < total) {
    const auto rest = remainder(op.data, done);
    const ssize_t count = pwritev2(op.file, rest.data(), static_cast<int>(rest.size()),
                                   static_cast<off_t>(op.offset + done), flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(Errc::kIo, describe(op), errno);
    if (count == 0) return fail(Errc::kIo, describe(op) + ": nothing was written");
    done += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace

struct UringDisk::Slot : Op {
  Slot() : Op(&UringDisk::on_completion) {}

  UringDisk* disk = nullptr;
  DiskOp* current = nullptr;
  std::uint64_t total = 0;
  std::uint64_t done = 0;
  bool stuck = false;  // the last write ended within its first block
  std::vector<iovec> rest;
};

UringDisk::UringDisk(Shard& shard, PosixFiles& files) : shard_(shard), files_(files) {}
UringDisk::~UringDisk() { CHECK(in_flight_ == 0); }

void UringDisk::open(std::uint32_t slots) {
  CHECK(slots > 0);
  slots_ = std::make_unique<Slot[]>(slots);
  free_.reserve(slots);
  for (std::uint32_t i = 0; i < slots; ++i) {
    slots_[i].disk = this;
    free_.push_back(&slots_[i]);
  }
}

storage::Files& UringDisk::files() { return files_; }

void UringDisk::run(std::move_only_function<void()> work, std::move_only_function<void()> done) {
  shard_.run_on_janitor(std::move(work), std::move(done));
}

void UringDisk::submit(DiskOp& op) {
  ++in_flight_;
  op.next = nullptr;
  if (!is_direct(op.file)) {
    run_on_janitor(op);
    return;
  }
  if (free_.empty()) {
    shard_.counters().disk_queued.add();
    (last_waiting_ == nullptr ? first_waiting_ : last_waiting_->next) = &op;
    last_waiting_ = &op;
    return;
  }
  Slot& slot = *free_.back();
  free_.pop_back();
  begin(slot, op);
}

void UringDisk::begin(Slot& slot, DiskOp& op) {
  slot.current = &op;
  slot.total = total_bytes(op.data);
  slot.done = 0;
  slot.stuck = false;
  start(slot);
}

void UringDisk::start(Slot& slot) {
  DiskOp& op = *slot.current;
  if (op.kind == DiskOp::Kind::kSync) {
    shard_.ring().start(slot, [&](io_uring_sqe* entry) {
      io_uring_prep_fsync(entry, op.file, IORING_FSYNC_DATASYNC);
    });
    return;
  }
  std::span<const iovec> data = op.data;
  if (slot.done > 0 || data.size() > kMaxIovecs) {
    slot.rest = remainder(data, slot.done);
    data = slot.rest;
  }
  const int flags = op.kind == DiskOp::Kind::kDurableWrite ? RWF_DSYNC : 0;
  shard_.ring().start(slot, [&](io_uring_sqe* entry) {
    io_uring_prep_writev2(entry, op.file, data.data(), static_cast<unsigned>(data.size()),
                          op.offset + slot.done, flags);
  });
}

void UringDisk::on_completion(Op& op, std::int32_t result, std::uint32_t /*flags*/) {
  auto& slot = static_cast<Slot&>(op);
  UringDisk& disk = *slot.disk;
  if (result == -EINTR) return disk.start(slot);
  if (result < 0) {
    return disk.finish(slot, fail_errno(Errc::kIo, describe(*slot.current), -result));
  }
  const auto count = static_cast<std::uint64_t>(result);
  if (slot.current->kind == DiskOp::Kind::kSync || slot.done + count == slot.total) {
    return disk.finish(slot, {});
  }
  // A short write goes on from the block that it ended in, since the file is direct. If that is
  // where it began, one more attempt brings out the reason.
  const std::uint64_t progress = align_down(count, storage::kBlockBytes);
  if (progress == 0 && slot.stuck) {
    return disk.finish(
        slot, fail(Errc::kIo, fmt::format("{}: only {} bytes were written", describe(*slot.current),
                                          slot.done + count)));
  }
  slot.stuck = progress == 0;
  slot.done += progress;
  disk.start(slot);
}

void UringDisk::finish(Slot& slot, Result<void> outcome) {
  DiskOp& op = *slot.current;
  slot.current = nullptr;
  slot.rest.clear();
  --in_flight_;
  if (DiskOp* next = first_waiting_; next != nullptr) {
    first_waiting_ = next->next;
    if (first_waiting_ == nullptr) last_waiting_ = nullptr;
    begin(slot, *next);
  } else {
    free_.push_back(&slot);
  }
  op.done(op, std::move(outcome));
}

void UringDisk::run_on_janitor(DiskOp& op) {
  auto outcome = std::make_unique<Result<void>>();
  Result<void>* const to = outcome.get();
  shard_.run_on_janitor([&op, to] { *to = run_blocking(op); },
                        [this, &op, outcome = std::move(outcome)] {
                          --in_flight_;
                          op.done(op, std::move(*outcome));
                        });
}

}  // namespace duolog::runtime

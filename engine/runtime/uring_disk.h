// UringDisk: storage::Disk of one shard, over its ring.
//
// Owned by the shard, used by its thread. Writes to direct files go through the ring: WRITEV, with
// RWF_DSYNC for durable ones, and FSYNC with IORING_FSYNC_DATASYNC; short writes are continued.
// Files that could not be opened with O_DIRECT are written and synced on the janitor: a buffered
// write through the ring can block the shard in the file system's locks.
//
// Limits: `slots` operations in the ring at once; further ones wait in a queue, in order, and are
// counted. Nothing is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/runtime/op.h"
#include "storage/disk.h"

namespace duolog::runtime {

class Shard;
class PosixFiles;

class UringDisk final : public storage::Disk {
 public:
  UringDisk(Shard& shard, PosixFiles& files);
  ~UringDisk() override;

  void open(std::uint32_t slots);

  storage::Files& files() override;
  // A failed operation names the file. One that wrote nothing at all of what was left fails too.
  void submit(storage::DiskOp& op) override;
  void run(std::move_only_function<void()> work, std::move_only_function<void()> done) override;

  // Operations submitted and not done.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

 private:
  struct Slot;
  void begin(Slot& slot, storage::DiskOp& op);
  void start(Slot& slot);
  void run_on_janitor(storage::DiskOp& op);
  void finish(Slot& slot, Result<void> outcome);
  static void on_completion(Op& op, std::int32_t result, std::uint32_t flags);

  Shard& shard_;
  PosixFiles& files_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<Slot*> free_;
  storage::DiskOp* first_waiting_ = nullptr;
  storage::DiskOp* last_waiting_ = nullptr;
  std::size_t in_flight_ = 0;
};

}  // namespace duolog::runtime

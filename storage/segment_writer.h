// SegmentWriter: moves tails into their segment files, and makes the files they go to.
//
// Per log, one operation at a time: a *bulk* write (flushed, before the journal knows), a
// *write-behind* (never beyond what is durable), a sync, a seal or a checkpoint. Whole blocks only,
// each written once: when it is full, or padded with zeros when its segment ends.
//
// The owner shard's thread only; files are made, grown and sealed on janitor threads.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "engine/base/epoch.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/checkpoint.h"
#include "storage/disk.h"
#include "storage/options.h"

namespace duolog::storage {

class Segment;
struct Tail;

class SegmentWriter {
 public:
  struct Events {
    std::function<void(Tail&)> extent;  // tail.extents has grown
    std::function<void(Tail&, Segment&)> sealed;
    std::function<void(Tail&)> progress;  // an operation has ended: decide what comes next
    std::function<void(Tail&)> room;      // a segment or space has been made, or was refused
    std::function<void(Error)> failed;    // a write or any flush failed: nothing may go on
  };
  SegmentWriter(Disk& disk, RetireList& retired, const StoreOptions& options, Events events)
      : disk_(disk), retired_(retired), options_(options), events_(std::move(events)) {}

  // Starts what the log needs most, if it is not busy.
  void advance(Tail& tail);
  // True when the tail's pending bytes should go straight to the segment.
  [[nodiscard]] bool wants_bulk(const Tail& tail) const;

  // Writes the incomplete last block of what is durable to the segment, flushed, before its time:
  // when the journal has no room to keep it. The log is not busy, and all before is synced.
  void write_last_block(Tail& tail);

  // Makes a segment for the next append, of at least `size_bytes`; the active one becomes full.
  // `room` follows.
  void make_segment(Tail& tail, std::uint64_t size_bytes, std::int64_t now_ms);
  // Allocates space in the active segment for at least `size_bytes` more than now. `room` follows.
  void allocate(Tail& tail, std::uint64_t size_bytes, std::int64_t now_ms);

  [[nodiscard]] std::uint64_t bulk_bytes() const { return bulk_bytes_; }
  [[nodiscard]] std::uint64_t write_behind_bytes() const { return write_behind_bytes_; }

 private:
  bool write(Tail& tail, Position limit, bool bulk);
  static void complete_in_place(Tail& tail);
  void submit(Tail& tail, Segment& segment, std::uint64_t from, std::uint64_t to);
  void sync(Tail& tail);
  void seal(Tail& tail);
  void close(Tail& tail);
  static void plan_checkpoint(Tail& tail);
  [[nodiscard]] static bool plan_is_due(const Tail& tail);
  void save_checkpoint(Tail& tail);
  [[nodiscard]] static Checkpoint checkpoint_now(const Tail& tail);
  static void written(DiskOp& op, Result<void> outcome);
  static void was_written_in_place(DiskOp& op, Result<void> outcome);
  static void was_synced(DiskOp& op, Result<void> outcome);
  void switch_segment(Tail& tail, Segment* segment, std::int64_t now_ms);
  void refuse_space(Tail& tail, Error error, std::int64_t now_ms);

  Disk& disk_;
  RetireList& retired_;
  const StoreOptions& options_;
  Events events_;
  std::uint64_t bulk_bytes_ = 0;
  std::uint64_t write_behind_bytes_ = 0;
};

}  // namespace duolog::storage

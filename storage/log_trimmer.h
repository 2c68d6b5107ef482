// LogTrimmer: takes what is below the start of a log out of it, and gives it back.
//
//   move_start    the new start is published                         readers: out of range
//   trim          sealed segments wholly below it leave the table;   half-sent responses: found
//                 their memory goes at once                          and pinned
//                 ... every shard passes a quiescent point: who saw the old start has pinned ...
//   tick          after a delay, pinned by nobody, they are hidden   not found
//                 ... every shard passes a quiescent point ...
//                 a janitor unlinks their files, and they are freed
//
// The start must be in the catalog before: recovery removes what is below it, whichever of the
// files a crash has left. The owner shard's thread only; owned by LogStore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "engine/base/epoch.h"
#include "engine/base/ids.h"
#include "storage/disk.h"
#include "storage/tail_memory.h"

namespace duolog::storage {

struct Tail;

class LogTrimmer {
 public:
  // `progress(tail)`: files have been removed.
  LogTrimmer(Disk& disk, RetireList& retired, TailMemory& memory, std::int64_t delete_delay_ms,
             std::function<void(Tail&)> progress)
      : disk_(disk),
        retired_(retired),
        memory_(memory),
        delete_delay_ms_(delete_delay_ms),
        progress_(std::move(progress)) {}

  // Forward only: an earlier start changes nothing. At most the high watermark.
  void move_start(Tail& tail, Offset start);
  // A segment has been sealed, or the start has moved. Cheap when there is nothing to do.
  void trim(Tail& tail);
  void tick(Tail& tail, std::int64_t now_ms);
  // The store stops: what is to go is left to the next start.
  void stop() { stopping_ = true; }

  [[nodiscard]] std::uint64_t removed_segments() const { return removed_segments_; }

 private:
  void publish(Tail& tail, std::size_t skip);
  void unlink(Tail& tail);

  Disk& disk_;
  RetireList& retired_;
  TailMemory& memory_;
  const std::int64_t delete_delay_ms_;
  std::function<void(Tail&)> progress_;
  std::uint64_t removed_segments_ = 0;
  bool stopping_ = false;
};

}  // namespace duolog::storage

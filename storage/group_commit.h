// GroupCommit: makes appends durable, many at a time, and keeps the journal from filling up.
//
// Logs with something new are on a list. At the end of a turn, if no group write is in flight, as
// much as fits goes into one group: a log's new bytes as redo, or, where there is much, straight
// to its segment with an extent entry here. When the group has been written, what it held is
// durable.
//
// When half of the journal is used, the oldest file is recycled: every log that has redo in it is
// written behind and synced; what does not fill a block is journalled again.
//
// The owner shard's thread only.
#pragma once

#include <functional>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "storage/hash.h"
#include "storage/journal.h"
#include "storage/segment_writer.h"
#include "storage/tail.h"

namespace duolog::storage {

class GroupCommit {
 public:
  struct Events {
    std::function<void(Tail&)> durable;  // tail.durable has grown
    std::function<void()> room;          // the journal can take more than before
    std::function<void(Error)> failed;   // the disk failed: nothing may go on
  };
  GroupCommit(Disk& disk, const StoreOptions& options, JournalSetup setup, SegmentWriter& writer,
              Events events);

  // The log has bytes, or extents, that the journal does not know.
  void add(Tail& tail) {
    if (!tail.pending_hook.linked()) pending_.push_back(tail);
  }
  // Starts a group write, if there is something to write and none is in flight.
  void flush();
  // Recycles journal files if it is time to. `tails`: all logs of the shard.
  void recycle(const std::vector<Tail*>& tails);

  // The journal is so full that producers should not be read for now.
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] bool busy() const { return journal_.writing(); }
  [[nodiscard]] bool settled() const { return !busy() && !journal_.growing() && pending_.empty(); }
  [[nodiscard]] const Journal& journal() const { return journal_; }

 private:
  void recycle(Tail& tail);
  bool collect(Tail& tail);
  bool add_extents(Tail& tail);
  bool add_redo(Tail& tail);
  void join_group(Tail& tail, Position end);
  void written(Result<void> outcome);
  [[nodiscard]] std::uint64_t hash_of(const Tail::Extent& extent);
  [[nodiscard]] static bool needs(const Tail& tail, std::uint64_t generation) {
    return !tail.marks.empty() && tail.marks.front().generation <= generation;
  }

  SegmentWriter& writer_;
  Events events_;
  Hasher hasher_;
  Journal journal_;
  IntrusiveList<Tail, &Tail::pending_hook> pending_;
  std::vector<Tail*> group_;     // logs of the group being collected, or in flight
  std::vector<Tail*> finished_;  // scratch of `written`
  bool durable_ = false;         // the group in flight is flushed
  bool full_ = false;
};

}  // namespace duolog::storage

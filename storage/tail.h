// Tail: one log as its owner writes it, and how far each step of writing has come.
//
//   start          written        durable   journaled     appended
//     |--------------|--------------|----------|--------------|
//     in the segment   in the journal  in flight   in memory only
//     (synced: flushed)
//
// The owner shard's thread only. Owned by LogStore, together with the Log. Only storage's own .cc
// files see it: what readers see of a log is in log.h, what brokers do with it in log_store.h.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/intrusive_list.h"
#include "storage/checkpoint.h"
#include "storage/cleaner/dirty.h"
#include "storage/disk.h"
#include "storage/log.h"
#include "storage/log_waiter.h"
#include "storage/options.h"
#include "storage/producer_state.h"

namespace duolog::storage {

struct Tail {
  Tail(std::unique_ptr<Log> owned, LogConfig log_config, Producers& all_producers)
      : log_owned(std::move(owned)), log(*log_owned), config(log_config), producers(all_producers) {
    log.tail = this;
  }

  std::unique_ptr<Log> log_owned;
  Log& log;
  LogConfig config;
  ProducerTable producers;

  LogEnd end{Offset(0), kFirstPosition};  // appended
  Offset adopted_end{-1};                 // where recovery left it; -1: it is new
  // All at block boundaries of their segment or at its end, but for `journaled` and `durable`.
  Position journaled = kFirstPosition;  // in groups that were handed to the journal
  Position durable = kFirstPosition;    // in groups that have been written
  Position written = kFirstPosition;    // in the segment files
  Position synced = kFirstPosition;     // there, and flushed
  // Beyond `written`: the last block, incomplete, is in the segment too, flushed, up to here.
  Position in_place = kFirstPosition;
  Position checkpointed = kFirstPosition;
  // Made when the log ended at `at`; written once the segments hold what is before that, flushed.
  struct PlannedCheckpoint {
    Checkpoint checkpoint;
    Position at;
  };
  std::unique_ptr<PlannedCheckpoint> planned;
  // The segment of the last one written, or that could not be: what is known of the producers of
  // earlier segments is there.
  Offset checkpoint_segment;
  // The segment that the checkpoint on disk names, where the next start begins to walk; -1: none.
  Offset saved_checkpoint{-1};

  Position flushed_until;  // up to here a group has to be flushed, whatever the durability

  Position acked = kFirstPosition;  // the last end of an append that is durable
  std::deque<LogEnd>
      batch_ends;  // of appends not yet durable: the high watermark moves by whole batches
  IntrusiveList<AckWaiter, &AckWaiter::hook> acks;
  IntrusiveList<AppendWaiter, &AppendWaiter::hook> append_waiters;

  std::deque<Segment*> unsealed;  // the last one is active; those before it are full
  std::int64_t active_since_ms = 0;
  std::int64_t last_append_ms = 0;

  // Which journal files hold redo entries of this log that its segments may lack, and up to where.
  struct JournalMark {
    std::uint64_t generation;
    Position end;
  };
  std::deque<JournalMark> marks;

  // Bytes that went straight to a segment, flushed, and are not in the journal's books yet.
  struct Extent {
    Segment* segment;
    Position from;
    Position to;
  };
  std::deque<Extent> extents;

  // Segment writing: one disk operation or janitor job of this kind at a time.
  struct SegmentOp : DiskOp {
    Tail* tail = nullptr;
    class SegmentWriter* writer = nullptr;
    Segment* segment = nullptr;
    Position to;
    bool bulk = false;
    std::array<iovec, 64> pieces;
  };
  std::unique_ptr<SegmentOp> op;
  bool op_busy = false;

  // Segments below the log's start. First they leave: no part of the log, but to be found; then,
  // when nobody pins them and their time is over, they go, and their files with them.
  struct Leaving {
    static constexpr std::int64_t kNotSettled = -1;
    Segment* segment;
    std::int64_t since_ms;  // kNotSettled: somebody may be about to pin it; 0: not yet known
  };
  std::deque<Leaving> leaving;  // oldest first
  std::vector<Segment*> going;  // oldest first; out of the published table
  bool unlinking = false;       // a janitor removes the files of `going`

  // Segments that have been cleaned, and replaced: found by position for as long as somebody may
  // be reading them. Their files have gone.
  struct Replaced {
    Segment* segment;
    bool settled;  // nobody is about to pin it any more
  };
  std::vector<Replaced> replaced;
  std::vector<Segment*> replaced_going;  // out of the published table
  bool freeing_replaced = false;         // a janitor unmaps `replaced_going`
  Cleaned cleaned;
  bool cleaning = false;             // a janitor reads or writes for its cleaning
  Position lowest = kFirstPosition;  // of all positions that were given

  bool making_segment = false;  // a janitor creates the next segment
  bool allocating = false;      // a janitor allocates space in the active one
  std::int64_t no_space_until_ms = 0;
  Error space_error;

  ListHook pending_hook;  // GroupCommit: there is something to journal
  // The group in flight: whether this log is part of it, up to where it makes the log durable, and
  // from which generation on the redo in it supersedes all before.
  bool in_group = false;
  Position group_end;
  std::uint64_t supersedes_before = 0;
  bool draining = false;       // write behind and sync everything now, however little it is
  bool stopping = false;       // and close the active segment too
  bool needs_journal = false;  // it stopped, and only the journal says what has to be there
  bool stopped = false;
  std::move_only_function<void()> removed;  // set while the log is being removed
  std::string graveyard;                    // where its directory goes then
  bool removing = false;                    // ... and is going

  // A write in flight reads some of `memory`, which must stay as it is until that is over.
  [[nodiscard]] bool is_being_written(Bytes memory) const;
  [[nodiscard]] Segment* active() const { return unsealed.empty() ? nullptr : unsealed.back(); }
  // Where `segment` (unsealed) ends: its successor's begin, or the end of the log.
  [[nodiscard]] Position end_of(const Segment& segment) const;
  [[nodiscard]] bool full(const Segment& segment) const { return &segment != active(); }
  // The unsealed segment that holds the byte at `position`; the active one for the end.
  [[nodiscard]] Segment& segment_at(Position position) const;
  // The start of the block that holds the byte at `position`.
  [[nodiscard]] Position block_start(Position position) const;
  // The age at which the active segment is sealed: segment_ms, less what its jitter takes off. The
  // same whenever it is asked for the same segment.
  [[nodiscard]] std::int64_t roll_after_ms() const;
  [[nodiscard]] bool idle() const {
    return !op_busy && !making_segment && !allocating && !in_group && !unlinking && !cleaning &&
           !freeing_replaced;
  }

  void publish_appended() { log.appended_.publish(end); }
  void publish_high_watermark(LogEnd to) { log.high_watermark_.publish(to); }
  void publish_start(Offset start) { log.start_.store(start.value, std::memory_order_release); }
  // A table of these segments, and of what is leaving.
  [[nodiscard]] SegmentTable* table_of(std::vector<Segment*> segments) const;
  void close() { log.closed_.store(true, std::memory_order_release); }
  // Replace what readers see; the old object is returned, to be retired.
  [[nodiscard]] const SegmentTable* exchange(const SegmentTable* table) {
    return log.segments_.exchange(table, std::memory_order_acq_rel);
  }
  [[nodiscard]] const EpochHistory* exchange(const EpochHistory* history) {
    return log.epochs_.exchange(history, std::memory_order_acq_rel);
  }
};

}  // namespace duolog::storage

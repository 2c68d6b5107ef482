// LogStore: the logs that one shard owns, with their journal, their memory and their files.
//
//              append          flush (end of turn)
//   producer ---------> tail ------------------------> journal
//                        |
//                        |          write-behind, bulk
//                        +----------------------------> segment files
//
// Everything is asynchronous over storage::Disk: an append is in memory when `append` returns, and
// durable when its AckWaiter is called. Readers need only the Log (log.h, log_reader.h).
//
// The owner shard's thread only. After a disk failure nothing is written any more, `failed` is
// called once, and the process is expected to stop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/epoch.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/cleaner/cleaner.h"
#include "storage/disk.h"
#include "storage/log.h"
#include "storage/log_trimmer.h"
#include "storage/log_waiter.h"
#include "storage/options.h"
#include "storage/producer_state.h"
#include "storage/retention.h"
#include "storage/segment_writer.h"
#include "storage/tail_memory.h"

namespace duolog::storage {

class GroupCommit;
class Journal;
struct JournalSetup;
struct RecoveredLog;

class LogStore {
 public:
  struct Events {
    // The log's high watermark has moved. May be called inside `append`.
    void (*visible)(void* context, Log& log) = nullptr;
    void (*failed)(void* context, Error error) = nullptr;
    // `flush` has something to do: call it at the end of this turn.
    void (*work)(void* context) = nullptr;
    // By its retention the log should begin at `start`, later than now: record that, then move it.
    void (*expired)(void* context, Log& log, Offset start) = nullptr;
    void* context = nullptr;
  };
  LogStore(Disk& disk, Epochs& epochs, const StoreOptions& options, JournalSetup journal,
           LeaderEpoch leader_epoch, Events events);
  // After `stop`, or after a failure with nothing in flight.
  ~LogStore();

  // Adds a log: a new one, whose files appear with its first append, or one that was recovered.
  [[nodiscard]] Log& add(LogIdentity identity, LogConfig config);
  [[nodiscard]] Result<Log*> adopt(LogIdentity identity, LogConfig config, RecoveredLog recovered);
  // Adds one that recovery took offline: nothing of it is read or written, and of its files nothing
  // is touched until it is removed.
  [[nodiscard]] Log& add_offline(LogIdentity identity, LogConfig config);
  // Takes a log out: waiters fail, nothing more is written. Once nothing is in flight its directory
  // is moved to `graveyard` and removed there, then the log is freed, then `done` runs.
  // The deletion must be durable in the catalog before.
  void remove(Log& log, std::string graveyard, std::move_only_function<void()> done);

  // Moves the log's start forward to `start`, at most the high watermark; an earlier one changes
  // nothing. It must be durable in the catalog before. Segments wholly below it leave the log, and
  // their files go after StoreOptions::delete_delay_ms, once nobody pins them.
  void move_start(Log& log, Offset start);
  // Looks at every log's retention; Events::expired follows, here or later. `now`: the time of day,
  // which records are dated with.
  void check_retention(Timestamp now) { retention_.start(now); }
  // Cleans what is to be compacted (cleaner/), a step at a time: about once a second. `now` as in
  // check_retention, `steady` as in tick.
  void clean(Timestamp now, Timestamp steady) {
    if (!stopping_ && !failed_) cleaner_.tick(now, steady.value);
  }
  // The log's settings from now on. Offsets and what is visible never go back.
  void configure(Log& log, const LogConfig& config);

  enum class Append : std::uint8_t {
    kDone,    // `base_offset` is set
    kWait,    // no room now: use `wait`
    kFailed,  // see last_error(): no space (kNoSpace), a deleted log (kClosed), a store that stops
              // (kBusy), a batch beyond max_batch_bytes (kTooLarge), a log that is offline (kIo)
    // Of a batch with a producer id, see producer_state.h. The log has not changed.
    kDuplicate,   // it is in the log already, at `base_offset`: see duplicate()
    kOutOfOrder,  // its sequence is not the next one
    kOldEpoch,    // of its producer
  };
  // Copies one validated batch into the log. `records`: how many offsets it takes.
  // `now`, here and in `tick`: of a clock that nobody sets and that never goes back, for intervals;
  // in milliseconds about since 1970, for some go on after a restart. `base_offset`: out.
  [[nodiscard]] Append append(Log& log, Bytes batch, std::int32_t records, Timestamp max_timestamp,
                              Timestamp now, Offset& base_offset);
  // The first copy of what `append` has just found to be a duplicate. It may not be durable yet.
  [[nodiscard]] const ProducerBatch& duplicate() const { return duplicate_; }
  // True when earlier appends are waiting: a new one must wait behind them.
  [[nodiscard]] static bool must_wait(const Log& log);
  static void wait(Log& log, AppendWaiter& waiter);
  [[nodiscard]] const Error& last_error() const { return error_; }
  // A larger batch would wait for ever, and all that comes behind it: it is refused (kTooLarge).
  [[nodiscard]] std::uint64_t max_batch_bytes() const;

  // Calls waiter.done once the log is durable up to `until`, which is an end of an append; never
  // inside this call.
  static void when_durable(Log& log, Position until, AckWaiter& waiter);
  // What is appended up to `until`, an end of an append, becomes durable only flushed, whatever the
  // log's durability. In the turn of that append: what is durable already is not flushed again.
  static void flush_up_to(Log& log, Position until);
  [[nodiscard]] static Position durable(const Log& log);
  [[nodiscard]] static const LogConfig& config(const Log& log);

  // At the end of each turn in which `work` was called.
  void flush();
  // Somebody waits for memory that is free as soon as every shard has passed a quiescent point:
  // call `flush` again soon, though nothing else happens.
  [[nodiscard]] bool wants_turn() const { return memory_.starved() && !retired_.empty(); }
  // About once a second: rolls by age, writes idle tails behind, removes files below the start.
  void tick(Timestamp now);
  // Writes everything to the segments, cuts them to their size, then calls `done`. No appends
  // after.
  void stop(std::move_only_function<void()> done);

  [[nodiscard]] std::size_t log_count() const { return tails_.size(); }
  [[nodiscard]] std::size_t offline_count() const { return offline_; }
  [[nodiscard]] bool congested() const;
  [[nodiscard]] const TailMemory& memory() const { return memory_; }
  [[nodiscard]] TailMemory& memory() { return memory_; }
  [[nodiscard]] const Journal& journal() const;
  [[nodiscard]] const SegmentWriter& writer() const { return writer_; }
  [[nodiscard]] const LogTrimmer& trimmer() const { return trimmer_; }
  [[nodiscard]] const Cleaner& cleaner() const { return cleaner_; }
  [[nodiscard]] const Producers& producers() const { return producers_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] RetireList& retired() { return retired_; }

 private:
  [[nodiscard]] Append judge(const Tail& tail, Bytes batch, Offset& base_offset);
  [[nodiscard]] Append prepare(Tail& tail, std::uint64_t size_bytes, std::int32_t records,
                               Timestamp now);
  void copy_in(Tail& tail, Segment& segment, Bytes batch);
  void note_epoch(Tail& tail);
  void now_durable(Tail& tail);
  void publish_visible(Tail& tail, LogEnd to);
  void work();
  void retry(Tail& tail);
  void retry_all();
  void progress(Tail& tail);
  [[nodiscard]] static bool is_old(Tail& tail, std::int64_t now_ms);
  void roll(Tail& tail, std::int64_t now_ms);
  void try_remove(Tail& tail);
  void free_when_unpinned(Tail& tail);
  void free_log(Tail& tail);
  void fail(Error error);
  void check_stopped();

  Disk& disk_;
  RetireList retired_;
  const StoreOptions options_;
  const LeaderEpoch leader_epoch_;
  Events events_;
  Error error_;
  bool failed_ = false;
  bool retry_all_ = false;
  bool stopping_ = false;
  bool ended_ = false;       // everything is in the segments: the journal is being emptied
  std::int64_t now_ms_ = 0;  // at the last tick
  bool ending_ = false;      // the destructor runs
  std::move_only_function<void()> stopped_;  // until it has been called
  Producers producers_;
  // What `judge` has found, of the append under way.
  ProducerStamp stamp_;
  ProducerTable::Finding producer_;
  ProducerBatch duplicate_;
  std::vector<std::unique_ptr<Tail>> owned_;
  std::vector<Tail*> tails_;
  std::size_t offline_ = 0;       // of them
  const std::uint64_t key_seed_;  // of the hash of records' keys
  SegmentWriter writer_;
  std::unique_ptr<GroupCommit> commit_;
  TailMemory memory_;
  LogTrimmer trimmer_;
  RetentionCheck retention_;
  Cleaner cleaner_;
};

}  // namespace duolog::storage

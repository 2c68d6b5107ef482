// Cleaner: log compaction of one shard's logs, one after the other, on its janitors.
//
//   dirty_of     which log is the dirtiest, of those for which it is worth it
//   KeyReader    the latest offset of each key in its dirty part, as far as there is memory
//   SegmentRewrite   from its first segment on, those that fit into one: what stays of them, in a
//                new file, which takes the place of theirs (segment_swap.h)
//   here         another Segment takes the place of theirs in the table, at positions of its own;
//                they leave: who reads them goes on there, or seeks again by its offset
//   ... until there is none left that has anything before the end of what was read
//
// A job of a janitor reads CleanerLimits::step_bytes, so that others of the shard have not to wait.
// Whose log is removed, or store stops, gives up at the next step, and leaves nothing half done; a
// log's start that moves on meanwhile takes segments away between two rewrites, never within one.
// A failure (no space, a disk that does not give it) ends this cleaning; it is tried again later.
//
// Who holds what: the cleaning pins the segments that a janitor reads; their log is not freed, nor
// do they leave it, before that job has ended, whatever happens to the log. Replaced segments are
// freed once no shard can hold them and nobody pins them.
//
// The owner shard's thread only; owned by LogStore.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/base/epoch.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/cleaner/dirty.h"
#include "storage/cleaner/key_offsets.h"
#include "storage/disk.h"
#include "storage/options.h"
#include "storage/tail_memory.h"

namespace duolog::storage {

class Segment;
struct Tail;

class Cleaner {
 public:
  struct Events {
    std::function<void(Tail&)> progress;  // the tail is not busy with this any more
    std::function<void(Error)> failed;    // a flush failed: nothing may go on
  };
  // `seed`: of the hash of keys; clients do not know it. What is given is outlived by its owner.
  Cleaner(Disk& disk, RetireList& retired, TailMemory& memory, const CleanerLimits& limits,
          const std::vector<Tail*>& tails, std::uint64_t seed, Events events);
  ~Cleaner();
  Cleaner(const Cleaner&) = delete;
  Cleaner& operator=(const Cleaner&) = delete;

  // About once a second: goes on, begins, frees what was replaced. `now`: the time of day;
  // `steady_ms`: of a clock that nobody sets.
  void tick(Timestamp now, std::int64_t steady_ms);
  // The log is being removed.
  void forget(const Tail& tail);
  // The store stops.
  void stop();
  // Nothing is in flight any more, and nothing follows: pins go.
  void end();

  [[nodiscard]] std::uint64_t cleanings() const { return cleanings_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::uint64_t read_bytes() const { return read_bytes_; }
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_; }
  // As of the last look: of all logs, and of the dirtiest.
  [[nodiscard]] std::uint64_t dirty_bytes() const { return dirty_bytes_; }
  [[nodiscard]] std::uint64_t max_dirty_percent() const { return max_dirty_percent_; }
  // The time of day; 0: none since the start.
  [[nodiscard]] Timestamp last_cleaned() const { return last_cleaned_; }
  [[nodiscard]] const Error& last_failure() const { return last_failure_; }

 private:
  struct Work;

  void look(Timestamp now);
  void ask_disk(Tail& tail, Segment* segment);
  void begin(Tail& tail, const Dirty& dirty, Timestamp now);
  void go_on();
  void step_done();
  void next_group();
  void install();
  void close(bool whole);
  void release_replaced(Tail& tail);
  void free_replaced(Tail& tail);

  Disk& disk_;
  RetireList& retired_;
  TailMemory& memory_;
  const CleanerLimits limits_;
  const std::vector<Tail*>& tails_;
  const std::uint64_t seed_;
  Events events_;
  std::unique_ptr<Work> work_;
  bool running_ = false;  // a janitor is at it
  bool asking_ = false;   // a janitor reads what dirty_of has to know
  bool stopping_ = false;
  std::int64_t left_bytes_ = 0;  // of this second
  Timestamp now_;
  std::int64_t steady_ms_ = 0;
  std::int64_t next_look_ms_ = 0;
  std::uint64_t cleanings_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t dirty_bytes_ = 0;
  std::uint64_t max_dirty_percent_ = 0;
  Timestamp last_cleaned_;
  Error last_failure_;
};

}  // namespace duolog::storage

#include "storage/cleaner/cleaner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/check.h"
#include "storage/cleaner/cleaned_state.h"
#include "storage/cleaner/key_reader.h"
#include "storage/cleaner/segment_rewrite.h"
#include "storage/file_util.h"
#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {
namespace {

// After a failure a log is not tried again at once.
constexpr std::int64_t kFailedRetryMs = 60'000;

LastBatches last_batches_of(const ProducerTable& producers) {
  LastBatches last;
  for (const ProducerState& state : producers.snapshot()) {
    last[state.id] = state.batches[state.count - 1U].first_offset;
  }
  return last;
}

}  // namespace

// One log's cleaning. A janitor's while one runs, but for `given_up`; else the owner's.
struct Cleaner::Work {
  enum class Phase : std::uint8_t { kKeys, kRewrite, kCommit, kSave };

  ~Work() { unpin(); }
  void pin(Segment& segment) {
    segment.pins.fetch_add(1);
    pinned.push_back(&segment);
  }
  void unpin() {
    for (Segment* segment : pinned) {
      segment->being_cleaned = false;
      segment->pins.fetch_sub(1);
    }
    pinned.clear();
  }
  // A janitor's job.
  void run(Files& files, const CleanerLimits& limits, std::uint64_t seed);
  void run_phase(Files& files, const CleanerLimits& limits, std::uint64_t seed);
  void take_made();

  Tail* tail = nullptr;
  Dirty dirty;
  CompactionRules rules;
  LastBatches last_batches;
  std::atomic<bool> given_up{false};
  Phase phase = Phase::kKeys;
  std::vector<Segment*> pinned;
  Offset next_group;  // the next one begins at or after it
  Offset group_end;

  std::unique_ptr<KeyOffsets> keys;
  std::unique_ptr<KeyReader> reader;
  std::unique_ptr<SegmentRewrite> rewrite;

  // Of the last job.
  Result<void> outcome;
  bool keys_done = false;
  bool half_done = false;
  SegmentRewrite::Step step = SegmentRewrite::Step::kMore;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
  // What a commit has made.
  bool made = false;
  std::uint64_t made_bytes = 0;
  std::vector<IndexEntry> index;
  IndexEntry last;
};

void Cleaner::Work::run(Files& files, const CleanerLimits& limits, std::uint64_t seed) {
  outcome = {};
  read_bytes = written_bytes = 0;
  if (!given_up.load()) run_phase(files, limits, seed);
  if (given_up.load() || !outcome) {
    reader.reset();
    if (rewrite) rewrite->discard();
    rewrite.reset();
  }
}

void Cleaner::Work::run_phase(Files& files, const CleanerLimits& limits, std::uint64_t seed) {
  switch (phase) {
    case Phase::kKeys: {
      if (!keys) {
        const auto most = static_cast<std::uint64_t>(dirty.end - dirty.from);
        keys = std::make_unique<KeyOffsets>(limits.map_bytes, most, seed);
        reader = std::make_unique<KeyReader>(files, pinned, dirty.from, dirty.end, *keys);
      }
      const std::uint64_t before = reader->read_bytes();
      auto read = reader->step(limits.step_bytes);
      read_bytes = reader->read_bytes() - before;
      keys_done = read && *read;
      if (!read) outcome = std::unexpected(read.error());
      if (keys_done) reader.reset();
      return;
    }
    case Phase::kRewrite: {
      if (!rewrite) {
        rewrite =
            std::make_unique<SegmentRewrite>(files, pinned, group_end, *keys, rules, last_batches);
      }
      const std::uint64_t read_before = rewrite->read_bytes();
      const std::uint64_t written_before = rewrite->size_bytes();
      auto done = rewrite->step(limits.step_bytes);
      read_bytes = rewrite->read_bytes() - read_before;
      written_bytes = rewrite->size_bytes() - written_before;
      if (!done) {
        outcome = std::unexpected(done.error());
        return;
      }
      step = *done;
      if (step == SegmentRewrite::Step::kUnchanged || step == SegmentRewrite::Step::kDamaged) {
        rewrite->discard();
        rewrite.reset();
      }
      return;
    }
    case Phase::kCommit:
      outcome = rewrite->commit();
      half_done = rewrite->half_done();
      if (outcome) take_made();
      return;
    case Phase::kSave:
      outcome = unless_unflushed(
          write_cleaned_state(files, tail->log.identity.directory, {keys->end(), rules.now.value}));
      return;
  }
}

void Cleaner::Work::take_made() {
  made = true;
  made_bytes = rewrite->size_bytes();
  index = rewrite->index();
  last = rewrite->last();
  rewrite.reset();
}

Cleaner::Cleaner(Disk& disk, RetireList& retired, TailMemory& memory, const CleanerLimits& limits,
                 const std::vector<Tail*>& tails, std::uint64_t seed, Events events)
    : disk_(disk),
      retired_(retired),
      memory_(memory),
      limits_(limits),
      tails_(tails),
      seed_(seed),
      events_(std::move(events)) {}

Cleaner::~Cleaner() = default;

void Cleaner::end() {
  stopping_ = true;
  work_.reset();
}

void Cleaner::stop() {
  stopping_ = true;
  if (!work_) return;
  work_->given_up.store(true);
  go_on();
}

void Cleaner::forget(const Tail& tail) {
  if (!work_ || work_->tail != &tail) return;
  work_->given_up.store(true);
  go_on();
}

void Cleaner::tick(Timestamp now, std::int64_t steady_ms) {
  now_ = now;
  steady_ms_ = steady_ms;
  if (stopping_) return;
  for (Tail* tail : tails_) {
    if (!tail->replaced.empty()) release_replaced(*tail);
  }
  // What was too much in the last second goes off this one.
  left_bytes_ = limits_.max_bytes_per_second < 0
                    ? std::numeric_limits<std::int64_t>::max()
                    : std::min<std::int64_t>(left_bytes_, 0) + limits_.max_bytes_per_second;
  if (work_) return go_on();
  if (limits_.enabled && !asking_ && steady_ms >= next_look_ms_) look(now);
}

// ---- Which log
// -----------------------------------------------------------------------------------

void Cleaner::look(Timestamp now) {
  Tail* best = nullptr;
  Dirty best_dirty;
  std::uint64_t all_bytes = 0;
  double dirtiest = 0;
  for (Tail* tail : tails_) {
    if (!tail->config.cleanup_compact || tail->removed || tail->cleaned.stuck ||
        steady_ms_ < tail->cleaned.retry_ms || tail->unsealed.empty()) {
      continue;
    }
    if (!tail->cleaned.known) return ask_disk(*tail, nullptr);
    const Dirty dirty = dirty_of(*tail, now);
    if (dirty.unknown) return ask_disk(*tail, dirty.unknown);
    all_bytes += dirty.dirty_bytes;
    dirtiest = std::max(dirtiest, dirty.ratio());
    if (dirty.dirty_bytes == 0) continue;
    if (!dirty.overdue && dirty.ratio() < tail->config.min_dirty_ratio) continue;
    if (best && dirty.ratio() <= best_dirty.ratio()) continue;
    best = tail;
    best_dirty = dirty;
  }
  dirty_bytes_ = all_bytes;
  max_dirty_percent_ = static_cast<std::uint64_t>(dirtiest * 100);
  if (best) return begin(*best, best_dirty, now);
  next_look_ms_ = steady_ms_ + limits_.backoff_ms;
}

// What dirty_of lacks: how far the log has been cleaned, or the times of a segment.
void Cleaner::ask_disk(Tail& tail, Segment* segment) {
  asking_ = true;
  tail.cleaning = true;
  if (segment) segment->pins.fetch_add(1);
  struct Asked {
    CleanedState state;
    Result<void> outcome;
  };
  auto asked = std::make_unique<Asked>();
  auto* result = asked.get();
  disk_.run(
      [this, result, segment, &directory = tail.log.identity.directory] {
        if (segment) {
          result->outcome = load_times(disk_.files(), *segment);
        } else {
          result->state = read_cleaned_state(disk_.files(), directory);
        }
      },
      [this, &tail, segment, asked = std::move(asked)] {
        asking_ = false;
        tail.cleaning = false;
        if (segment) {
          segment->pins.fetch_sub(1);
        } else {
          tail.cleaned.known = true;
          tail.cleaned.first_dirty = asked->state.first_dirty;
          tail.cleaned.cleaned_ms = asked->state.cleaned_ms;
        }
        if (!asked->outcome) {
          ++failures_;
          last_failure_ = asked->outcome.error();
          tail.cleaned.retry_ms = steady_ms_ + kFailedRetryMs;
        }
        events_.progress(tail);
        if (!stopping_ && !work_ && !asking_) look(now_);
      });
}

// ---- One cleaning
// ----------------------------------------------------------------------------------

void Cleaner::begin(Tail& tail, const Dirty& dirty, Timestamp now) {
  work_ = std::make_unique<Work>();
  work_->tail = &tail;
  work_->dirty = dirty;
  work_->rules = {now, tail.config.delete_retention_ms};
  work_->last_batches = last_batches_of(tail.producers);
  const auto& segments = tail.log.segments().segments;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i + 1]->base_offset <= dirty.from) continue;
    if (segments[i]->base_offset >= dirty.end) break;
    work_->pin(*segments[i]);
  }
  tail.cleaning = true;
  go_on();
}

void Cleaner::go_on() {
  if (running_ || (left_bytes_ <= 0 && !work_->given_up.load())) return;
  running_ = true;
  disk_.run([this, work = work_.get()] { work->run(disk_.files(), limits_, seed_); },
            [this] { step_done(); });
}

void Cleaner::step_done() {
  running_ = false;
  Work& work = *work_;
  left_bytes_ -= static_cast<std::int64_t>(work.read_bytes + work.written_bytes);
  read_bytes_ += work.read_bytes;
  written_bytes_ += work.written_bytes;
  if (!work.outcome) {
    ++failures_;
    last_failure_ = work.outcome.error();
    work.tail->cleaned.stuck = work.half_done;
    work.tail->cleaned.retry_ms = steady_ms_ + kFailedRetryMs;
    close(false);
    if (last_failure_.code == Errc::kUnflushed) events_.failed(last_failure_);
    return;
  }
  if (work.made && !work.tail->removed) install();
  if (work.given_up.load()) return close(false);
  switch (work.phase) {
    case Work::Phase::kKeys:
      return work.keys_done ? next_group() : go_on();
    case Work::Phase::kRewrite:
      if (work.step == SegmentRewrite::Step::kMore) return go_on();
      if (work.step != SegmentRewrite::Step::kWritten) return next_group();
      work.phase = Work::Phase::kCommit;
      return go_on();
    case Work::Phase::kCommit:
      return next_group();
    case Work::Phase::kSave:
      return close(true);
  }
}

// The next segments that fit into one, as Kafka groups them. None is left: it is done.
void Cleaner::next_group() {
  Work& work = *work_;
  work.unpin();
  const LogConfig& config = work.tail->config;
  const SegmentTable& table = work.tail->log.segments();
  const auto& segments = table.segments;
  const LogEnd end = work.tail->end;
  std::uint64_t bytes = 0;
  std::uint64_t index_bytes = 0;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    Segment& segment = *segments[i];
    const Offset behind = segments[i + 1]->base_offset;
    if (segment.base_offset < work.next_group) continue;
    if (segment.base_offset >= work.keys->end() || behind > work.dirty.end) break;
    if (segment.uncleanable.load() && work.pinned.empty()) continue;
    const std::uint64_t more = size_bytes(table, segment, end);
    const std::uint64_t more_index =
        more / SegmentIndex::kFirstStrideBytes * SegmentIndex::kOffsetEntryBytes;
    const bool fits =
        work.pinned.empty() ||
        (bytes + more <= config.segment_bytes &&
         index_bytes + more_index <= config.segment_index_bytes &&
         behind - work.pinned.front()->base_offset <= std::numeric_limits<std::int32_t>::max());
    if (!fits || segment.uncleanable.load()) break;
    work.pin(segment);
    segment.being_cleaned = true;
    work.group_end = work.next_group = behind;
    bytes += more;
    index_bytes += more_index;
  }
  work.phase = work.pinned.empty() ? Work::Phase::kSave : Work::Phase::kRewrite;
  go_on();
}

// What was made takes the place of what it was made of.
void Cleaner::install() {
  Work& work = *work_;
  Tail& tail = *work.tail;
  const std::vector<Segment*> group = work.pinned;
  work.made = false;
  work.unpin();
  const Segment& first = *group.front();
  // One byte is left between two: where one ends no other begins.
  auto* cleaned = new Segment(first.directory, first.base_offset,
                              tail.lowest - (work.made_bytes + 1), work.made_bytes, true);
  tail.lowest = cleaned->base_position;
  cleaned->index.load(work.index);
  cleaned->max_timestamp.store(work.last.max_timestamp);
  cleaned->max_timestamp_offset.store(work.last.max_timestamp_offset);
  cleaned->stable_bytes.store(work.made_bytes);
  cleaned->sealed.store(true, std::memory_order_release);

  std::vector<Segment*> segments;
  for (Segment* segment : tail.log.segments().segments) {
    if (segment == &first) segments.push_back(cleaned);
    if (std::ranges::find(group, segment) == group.end()) segments.push_back(segment);
  }
  for (Segment* segment : group) tail.replaced.push_back({segment, false});
  const SegmentTable* old = tail.exchange(tail.table_of(std::move(segments)));
  memory_.forget(tail, group);
  retired_.retire([&tail, old, group] {
    delete old;
    for (Tail::Replaced& replaced : tail.replaced) {
      if (std::ranges::find(group, replaced.segment) != group.end()) replaced.settled = true;
    }
  });
}

void Cleaner::close(bool whole) {
  const std::unique_ptr<Work> work = std::move(work_);
  Tail& tail = *work->tail;
  work->unpin();
  tail.cleaning = false;
  if (whole) {
    ++cleanings_;
    tail.cleaned.first_dirty = work->keys->end();
    tail.cleaned.cleaned_ms = work->rules.now.value;
    last_cleaned_ = work->rules.now;
  }
  events_.progress(tail);
  if (!stopping_ && !work_ && !asking_) look(now_);
}

// ---- What was replaced
// -----------------------------------------------------------------------------

// Hides those that nobody reads; frees them when no shard can have found them before.
void Cleaner::release_replaced(Tail& tail) {
  if (!tail.replaced_going.empty() || tail.removed) return;
  std::erase_if(tail.replaced, [&](const Tail::Replaced& old) {
    if (!old.settled || old.segment->pins.load() > 0) return false;
    tail.replaced_going.push_back(old.segment);
    return true;
  });
  if (tail.replaced_going.empty()) return;
  const SegmentTable* old = tail.exchange(tail.table_of(tail.log.segments().segments));
  retired_.retire([this, &tail, old] {
    delete old;
    free_replaced(tail);
  });
}

void Cleaner::free_replaced(Tail& tail) {
  if (stopping_ || tail.removed) return;  // they go with the log
  const bool pinned = std::ranges::any_of(
      tail.replaced_going, [](const Segment* segment) { return segment->pins.load() > 0; });
  if (pinned) {  // while it was being hidden: once more from the beginning
    for (Segment* segment : tail.replaced_going) tail.replaced.push_back({segment, true});
    tail.replaced_going.clear();
    const SegmentTable* old = tail.exchange(tail.table_of(tail.log.segments().segments));
    retired_.retire([old] { delete old; });
    return;
  }
  tail.freeing_replaced = true;
  disk_.run(
      [this, going = tail.replaced_going] {
        for (Segment* segment : going) segment->unmap(disk_.files());
      },
      [this, &tail] {
        for (const Segment* segment : tail.replaced_going) delete segment;
        tail.replaced_going.clear();
        tail.freeing_replaced = false;
        events_.progress(tail);
      });
}

}  // namespace duolog::storage

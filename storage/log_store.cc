#include "storage/log_store.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "engine/base/check.h"
#include "storage/checkpoint.h"
#include "storage/group_commit.h"
#include "storage/journal.h"
#include "storage/record_batch.h"
#include "storage/recovered_log.h"
#include "storage/tail.h"

namespace duolog::storage {

LogStore::LogStore(Disk& disk, Epochs& epochs, const StoreOptions& options, JournalSetup journal,
                   LeaderEpoch leader_epoch, Events events)
    : disk_(disk),
      retired_(epochs),
      options_(options),
      leader_epoch_(leader_epoch),
      events_(events),
      producers_(options_.producers),
      key_seed_(journal.secret),
      writer_(disk, retired_, options_,
              {.extent =
                   [this](Tail& tail) {
                     commit_->add(tail);
                     work();
                   },
               .sealed = [this](Tail& tail, Segment& segment) { memory_.sealed(tail, segment); },
               .progress = [this](Tail& tail) { progress(tail); },
               .room = [this](Tail& tail) { retry(tail); },
               .failed = [this](Error error) { fail(std::move(error)); }}),
      commit_(std::make_unique<GroupCommit>(
          disk, options_, std::move(journal), writer_,
          GroupCommit::Events{.durable = [this](Tail& tail) { now_durable(tail); },
                              .room =
                                  [this] {
                                    retry_all_ = true;
                                    work();
                                  },
                              .failed = [this](Error error) { fail(std::move(error)); }})),
      memory_(
          disk, retired_, options_.tail_budget_bytes,
          [this](Tail& tail) {
            tail.draining = true;
            writer_.advance(tail);
          },
          [this] {
            retry_all_ = true;
            work();
          }),
      trimmer_(disk, retired_, memory_, options_.delete_delay_ms,
               [this](Tail& tail) { progress(tail); }),
      retention_(disk, tails_,
                 {.expired =
                      [this](Tail& tail, Offset start) {
                        if (events_.expired) events_.expired(events_.context, tail.log, start);
                      },
                  .roll = [this](Tail& tail) { roll(tail, now_ms_); }}),
      cleaner_(disk, retired_, memory_, options_.cleaner, tails_, key_seed_,
               {.progress = [this](Tail& tail) { progress(tail); },
                .failed = [this](Error error) { fail(std::move(error)); }}) {}

LogStore::~LogStore() {
  ending_ = true;
  trimmer_.stop();
  cleaner_.end();
  retired_.drain();
  while (!owned_.empty()) free_log(*owned_.back());
}

Log& LogStore::add(LogIdentity identity, LogConfig config) {
  owned_.push_back(
      std::make_unique<Tail>(std::make_unique<Log>(std::move(identity)), config, producers_));
  tails_.push_back(owned_.back().get());
  return tails_.back()->log;
}

Log& LogStore::add_offline(LogIdentity identity, LogConfig config) {
  Log& log = add(std::move(identity), config);
  log.offline = true;
  ++offline_;
  return log;
}

Result<Log*> LogStore::adopt(LogIdentity identity, LogConfig config, RecoveredLog recovered) {
  Log& log = add(std::move(identity), config);
  Tail& tail = *log.tail;
  auto* table = new SegmentTable;
  Position position = kFirstPosition;
  for (const RecoveredSegment& found : recovered.segments) {
    const bool active = &found == &recovered.segments.back();
    auto* segment =
        new Segment(log.identity.directory, found.base_offset, position,
                    active ? segment_limit_bytes(std::max(found.size_bytes, config.segment_bytes))
                           : found.size_bytes,
                    found.compacted);
    segment->index_loaded.store(active);
    segment->stable_bytes.store(active ? align_down(found.size_bytes, kBlockBytes)
                                       : found.size_bytes);
    segment->sealed.store(!active);
    table->segments.push_back(segment);
    position += found.size_bytes;
  }
  table->sort();
  delete tail.exchange(table);
  delete tail.exchange(new EpochHistory(history_from(recovered.epochs, recovered.start)));
  tail.end = {recovered.end, position};
  tail.journaled = tail.durable = tail.written = tail.synced = tail.checkpointed = position;
  tail.acked = position;
  tail.adopted_end = recovered.end;
  tail.saved_checkpoint = recovered.checkpoint_segment;
  tail.publish_start(recovered.start);
  tail.active_since_ms = recovered.active_since_ms;
  tail.producers.load(recovered.producers);
  if (!table->segments.empty()) {
    Segment& active = *table->segments.back();
    tail.checkpoint_segment = active.base_offset;
    auto file = disk_.files().open(active.log_path(), OpenMode::kDirect);
    if (!file) return std::unexpected(file.error());
    active.file = *file;
    active.allocated_bytes = align_down(recovered.segments.back().size_bytes, kBlockBytes);
    active.index.load(recovered.index);
    active.max_timestamp.store(recovered.max_timestamp);
    active.max_timestamp_offset.store(recovered.max_timestamp_offset);
    tail.unsealed.push_back(&active);
    // The incomplete last block stays in memory, and goes through the journal again as a whole,
    // before anything is written over it.
    tail.in_place = position;
    const Position block = tail.block_start(position);
    if (block != position) {
      if (!memory_.adopt_last_block(active, block - active.base_position, recovered.last_block)) {
        return duolog::fail(Errc::kTooLarge,
                            "there is no memory for the last block of every partition");
      }
      tail.journaled = tail.written = tail.synced = tail.checkpointed = block;
    }
  }
  tail.publish_appended();
  tail.publish_high_watermark(tail.end);
  trimmer_.trim(tail);
  return &log;
}

LogStore::Append LogStore::append(Log& log, Bytes batch, std::int32_t records,
                                  Timestamp max_timestamp, Timestamp now, Offset& base_offset) {
  Tail& tail = *log.tail;
  if (tail.removed) {
    error_ = {Errc::kClosed, "the topic was deleted"};
    return Append::kFailed;
  }
  if (stopping_ || failed_) {
    error_ = {Errc::kBusy, "the server stops"};
    return Append::kFailed;
  }
  if (log.offline) {
    error_ = {Errc::kIo,
              "the partition is offline: it could not be recovered when the server started"};
    return Append::kFailed;
  }
  const bool idempotent = has_producer_id(batch);
  if (idempotent) {
    const Append verdict = judge(tail, batch, base_offset);
    if (verdict != Append::kDone) return verdict;
  }
  if (const Append outcome = prepare(tail, batch.size(), records, now); outcome != Append::kDone) {
    return outcome;
  }
  Segment& segment = *tail.active();
  base_offset = tail.end.offset;
  note_epoch(tail);
  copy_in(tail, segment, batch);

  IndexEntry entry = segment.last_entry();
  entry.relative_offset = static_cast<std::uint32_t>(tail.end.offset - segment.base_offset);
  entry.position = static_cast<std::uint32_t>(tail.end.position - segment.base_position);
  segment.index.note(entry, retired_);
  if (entry.position == 0) tail.active_since_ms = now.value;  // however long it was empty
  tail.end.offset += records;
  tail.end.position += batch.size();
  if (max_timestamp.value > entry.max_timestamp) {
    segment.max_timestamp_offset.store(
        static_cast<std::uint32_t>(tail.end.offset - segment.base_offset - 1),
        std::memory_order_relaxed);
    segment.max_timestamp.store(max_timestamp.value, std::memory_order_relaxed);
  }
  tail.last_append_ms = now.value;
  if (idempotent) {
    tail.producers.note(producer_.known, stamp_,
                        {base_offset, tail.end.position, max_timestamp, stamp_.first_sequence,
                         stamp_.last_sequence},
                        now.value);
  }
  tail.batch_ends.push_back(tail.end);
  tail.publish_appended();
  commit_->add(tail);
  work();
  if (tail.config.visibility == Visibility::kAppended) publish_visible(tail, tail.end);
  return Append::kDone;
}

// Whether its producer's batch is the next one. What there is no room for in the end is judged
// again when there is.
LogStore::Append LogStore::judge(const Tail& tail, Bytes batch, Offset& base_offset) {
  stamp_ = producer_stamp(batch);
  producer_ = tail.producers.check(stamp_);
  switch (producer_.verdict) {
    case ProducerTable::Verdict::kDuplicate:
      duplicate_ = *producer_.first;
      base_offset = duplicate_.first_offset;
      return Append::kDuplicate;
    case ProducerTable::Verdict::kOutOfOrder:
      return Append::kOutOfOrder;
    case ProducerTable::Verdict::kOldEpoch:
      return Append::kOldEpoch;
    case ProducerTable::Verdict::kNext:
      break;
  }
  return Append::kDone;
}

// Makes sure that the active segment exists, has space on disk, and has memory for the batch.
LogStore::Append LogStore::prepare(Tail& tail, std::uint64_t size_bytes, std::int32_t records,
                                   Timestamp now) {
  if (size_bytes > max_batch_bytes()) {
    error_ = {Errc::kTooLarge,
              "a record batch of more than " + std::to_string(max_batch_bytes()) +
                  " bytes has no place in a segment and in the memory for new records"};
    return Append::kFailed;
  }
  if (commit_->full() || tail.making_segment) return Append::kWait;
  const auto no_space = [&] {
    error_ = tail.space_error;
    return Append::kFailed;
  };
  const bool retry_space = now.value >= tail.no_space_until_ms;
  Segment* segment = tail.active();
  const std::uint64_t at = segment ? tail.end.position - segment->base_position : 0;
  const bool full =
      !segment ||
      (at > 0 &&
       (at + size_bytes > tail.config.segment_bytes || at + size_bytes > segment->max_bytes ||
        segment->index.offset_index_bytes() + SegmentIndex::kOffsetEntryBytes >
            tail.config.segment_index_bytes ||
        tail.end.offset + records - segment->base_offset >
            std::numeric_limits<std::int32_t>::max() ||
        is_old(tail, now.value)));
  if (full) {
    if (!retry_space) return no_space();
    writer_.make_segment(tail, size_bytes, now.value);
    return Append::kWait;
  }
  const std::uint64_t space = segment->allocated_bytes - std::min(at, segment->allocated_bytes);
  // Space is asked for ahead of need, when half of the last step is used up.
  const std::uint64_t ahead = std::clamp(segment->allocated_bytes, options_.allocate_min_bytes,
                                         options_.allocate_max_bytes) /
                              2;
  if (space < size_bytes + ahead && segment->allocated_bytes < segment->max_bytes && retry_space) {
    writer_.allocate(tail, size_bytes, now.value);
  }
  if (align_up(at + size_bytes, kBlockBytes) > segment->allocated_bytes) {
    return retry_space || tail.allocating ? Append::kWait : no_space();
  }
  return memory_.ensure(tail, *segment, at, size_bytes) ? Append::kDone : Append::kWait;
}

void LogStore::copy_in(Tail& tail, Segment& segment, Bytes batch) {
  std::uint8_t head[kBatchHeaderBytes];
  std::memcpy(head, batch.data(), sizeof head);
  patch_base_offset_and_epoch(head, tail.end.offset, leader_epoch_);
  std::uint64_t at = tail.end.position - segment.base_position;
  const auto copy = [&](Bytes bytes) {
    while (!bytes.empty()) {
      const std::uint64_t size =
          std::min<std::uint64_t>(bytes.size(), align_down(at, kChunkBytes) + kChunkBytes - at);
      std::memcpy(segment.writable(at), bytes.data(), size);
      at += size;
      bytes = bytes.subspan(size);
    }
  };
  copy({head, sizeof head});
  copy(batch.subspan(sizeof head));
}

void LogStore::note_epoch(Tail& tail) {
  const EpochHistory& epochs = tail.log.epochs();
  if (!epochs.empty() && epochs.back().epoch == leader_epoch_) return;
  auto* longer = new EpochHistory(epochs);
  longer->push_back({leader_epoch_, tail.end.offset});
  const EpochHistory* old = tail.exchange(longer);
  retired_.retire([old] { delete old; });
}

void LogStore::move_start(Log& log, Offset start) {
  if (!log.offline) trimmer_.move_start(*log.tail, start);
}

bool LogStore::must_wait(const Log& log) { return !log.tail->append_waiters.empty(); }

void LogStore::wait(Log& log, AppendWaiter& waiter) { log.tail->append_waiters.push_back(waiter); }

Position LogStore::durable(const Log& log) { return log.tail->durable; }

const LogConfig& LogStore::config(const Log& log) { return log.tail->config; }

std::uint64_t LogStore::max_batch_bytes() const {
  return std::min(kSegmentHeadroomBytes, memory_.max_size_bytes());
}

bool LogStore::congested() const { return commit_->full(); }

const Journal& LogStore::journal() const { return commit_->journal(); }

void LogStore::when_durable(Log& log, Position until, AckWaiter& waiter) {
  waiter.until = until;
  log.tail->acks.push_back(waiter);
}

void LogStore::flush_up_to(Log& log, Position until) {
  log.tail->flushed_until = std::max(log.tail->flushed_until, until);
}

void LogStore::now_durable(Tail& tail) {
  LogEnd reached;
  while (!tail.batch_ends.empty() && tail.batch_ends.front().position <= tail.durable) {
    reached = tail.batch_ends.front();
    tail.acked = reached.position;
    tail.batch_ends.pop_front();
  }
  if (reached.position > Position(0) && tail.config.visibility == Visibility::kDurable) {
    publish_visible(tail, reached);
  }
  while (AckWaiter* waiter = tail.acks.front()) {
    if (waiter->until > tail.durable) break;
    waiter->hook.unlink();
    waiter->done(*waiter, {});
  }
  progress(tail);
}

// A log that was visible as appended until now may have shown more already.
void LogStore::publish_visible(Tail& tail, LogEnd to) {
  if (to.position <= tail.log.high_watermark().position) return;
  tail.publish_high_watermark(to);
  if (events_.visible) events_.visible(events_.context, tail.log);
}

void LogStore::retry(Tail& tail) {
  while (AppendWaiter* waiter = tail.append_waiters.front()) {
    // Unlinked first: once it is served its owner may free it.
    waiter->hook.unlink();
    if (!waiter->retry(*waiter)) {
      tail.append_waiters.push_front(*waiter);
      break;
    }
  }
  progress(tail);
}

void LogStore::retry_all() {
  retry_all_ = false;
  for (std::size_t i = 0; i < tails_.size(); ++i) {
    if (!tails_[i]->append_waiters.empty()) retry(*tails_[i]);
  }
}

void LogStore::work() {
  if (events_.work) events_.work(events_.context);
}

void LogStore::progress(Tail& tail) {
  if (failed_) return;
  work();
  if (tail.removed) return try_remove(tail);
  trimmer_.trim(tail);
  writer_.advance(tail);
  if (stopping_) check_stopped();
}

void LogStore::flush() {
  retired_.collect();
  if (failed_ || ended_) return;
  if (retry_all_) retry_all();
  commit_->flush();
  commit_->recycle(tails_);
  if (!stopping_) memory_.reclaim();  // nobody waits for memory any more
  // What recycling made room for goes out now: the next turn may be long in coming.
  if (retry_all_) {
    retry_all();
    commit_->flush();
  }
  if (stopping_) check_stopped();
}

void LogStore::tick(Timestamp now) {
  now_ms_ = now.value;
  if (stopping_ || failed_) return;
  producers_.expire(now.value);
  for (Tail* tail : tails_) {
    const Segment* active = tail->active();
    if (!active || tail->removed) continue;
    if (is_old(*tail, now.value)) roll(*tail, now.value);
    trimmer_.tick(*tail, now.value);
    const bool unwritten = tail->block_start(tail->durable) > tail->written;
    if (unwritten && now.value - tail->last_append_ms >= options_.idle_ms) {
      tail->draining = true;
      writer_.advance(*tail);
    }
  }
}

// Whether the active segment is to be sealed for its age, which is this server's to tell: what its
// records are dated is the clients'. An age from before this start that is not known, or is of a
// clock that has been set back since, begins now.
bool LogStore::is_old(Tail& tail, std::int64_t now_ms) {
  std::int64_t& since_ms = tail.active_since_ms;
  if (since_ms == kUnknownSince || since_ms > now_ms) since_ms = now_ms;
  return now_ms - since_ms >= tail.roll_after_ms();
}

// Seals the active segment, unless it is empty.
void LogStore::roll(Tail& tail, std::int64_t now_ms) {
  const Segment* active = tail.active();
  if (!active || tail.end.position == active->base_position) return;
  if (now_ms >= tail.no_space_until_ms) writer_.make_segment(tail, 0, now_ms);
}

void LogStore::configure(Log& log, const LogConfig& config) {
  Tail& tail = *log.tail;
  tail.config = config;
  if (config.visibility == Visibility::kAppended) publish_visible(tail, tail.end);
}

}  // namespace duolog::storage

#include "engine/session/feed_subscription.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/broker/broker.h"
#include "engine/session/http_door.h"
#include "storage/log_reader.h"

namespace duolog::session {
namespace {

// What one partition adds to a send while others are ready too.
constexpr std::size_t kFairBytes = 64U << 10;
// Batches without anything to send that are passed over in one turn.
constexpr int kMaxEmptyBatches = 64;
// A fetch that fails this often in a row is not tried again.
constexpr std::uint8_t kMaxFailedFetches = 3;

}  // namespace

FeedSubscription::FeedSubscription(HttpDoor& door, std::span<broker::Partition* const> partitions,
                                   const ws::FeedTarget& target, void (*ready)(void*),
                                   void* context)
    : door_(door),
      ready_(ready),
      context_(context),
      binary_(target.format == ws::FeedTarget::Format::kBinary) {
  Cursor* cursor = add_cursors(partitions);
  for (broker::Partition* partition : partitions) {
    switch (target.from) {
      case ws::FeedTarget::From::kLatest:
        cursor->place.position = partition->log->high_watermark().position;
        cursor->placed = true;
        break;
      case ws::FeedTarget::From::kEarliest:
        cursor->from = partition->log->start_offset();
        break;
      case ws::FeedTarget::From::kOffset:
        cursor->from = target.offset;
        break;
    }
    reading_.push_back(*cursor++);
  }
}

void FeedSubscription::read_too(std::span<broker::Partition* const> partitions) {
  Cursor* cursor = add_cursors(partitions);
  for (const broker::Partition* partition : partitions) {
    cursor->from = partition->log->start_offset();
    reading_.push_back(*cursor++);
  }
}

FeedSubscription::Cursor* FeedSubscription::add_cursors(
    std::span<broker::Partition* const> partitions) {
  cursors_.push_back(std::make_unique<Cursor[]>(partitions.size()));
  Cursor* const added = cursors_.back().get();
  Cursor* cursor = added;
  for (broker::Partition* partition : partitions) {
    cursor->owner = this;
    cursor->partition = partition;
    cursor->Waiter::ready = on_visible;
    cursor->WarmWaiter::ready = on_warm;
    ++cursor;
  }
  return added;
}

void FeedSubscription::stop() {
  cut_ = nullptr;
  head_bytes_ = 0;
  cursors_.clear();
}

// ---- Where a cursor is -------------------------------------------------------------------------

FeedSubscription::Look FeedSubscription::put_in_place(Cursor& cursor) {
  const storage::Sought sought = storage::seek(*cursor.partition->log, cursor.from);
  Look look;
  look.cold = sought.cold;
  switch (sought.status) {
    case storage::ReadStatus::kOk:
      cursor.place.position = sought.position;
      cursor.placed = true;
      break;
    case storage::ReadStatus::kCold:
      look.found = Found::kCold;
      break;
    case storage::ReadStatus::kOutOfRange:
      look.found = Found::kLost;
      break;
    case storage::ReadStatus::kCorrupt:
      look.offset = cursor.from;
      look.error = {Errc::kCorrupt, "damaged on disk"};
      look.found = Found::kDamaged;
      break;
  }
  return look;
}

FeedSubscription::Look FeedSubscription::look_into_cache(Cursor& cursor, Position position) {
  auto found = door_.cache().find(*cursor.partition->log, position, binary_);
  Look look{.batch = found.batch, .next = found.next, .cold = found.cold};
  switch (found.status) {
    case FeedCache::Status::kOk:
      if (found.cold.segment != nullptr) door_.warm_ups().fetch_ahead(found.cold);
      break;
    case FeedCache::Status::kCold:
      look.found = Found::kCold;
      break;
    case FeedCache::Status::kBusy:
      look.found = Found::kNextTurn;
      break;
    case FeedCache::Status::kPositionLost:
      look.found = Found::kLost;
      break;
    case FeedCache::Status::kDamaged:
      look.offset = found.offset;
      look.error = std::move(found.error);
      look.found = Found::kDamaged;
      break;
  }
  return look;
}

FeedSubscription::Look FeedSubscription::look_up(Cursor& cursor, Place& place) {
  if (cursor.failed_fetches >= kMaxFailedFetches) {
    return {.found = Found::kDamaged,
            .offset = cursor.from,
            .error = {Errc::kIo, "the disk does not give it (from here on)"}};
  }
  if (!cursor.placed) {
    if (Look look = put_in_place(cursor); look.found != Found::kOk) return look;
  }
  const storage::Log& log = *cursor.partition->log;
  for (int passed = 0; passed < kMaxEmptyBatches; ++passed) {
    if (place.position >= log.high_watermark().position) return {.found = Found::kCaughtUp};
    Look look = look_into_cache(cursor, place.position);
    if (look.found != Found::kOk) return look;
    if (place.at == 0) place.at = place.frame = look.batch->stream_at(cursor.from);
    if (place.passed > 0) count_passed(place, *look.batch);
    if (place.at < look.batch->size_bytes()) return look;
    place = {.position = look.next, .passed = place.passed};
  }
  return {.found = Found::kNextTurn};
}

void FeedSubscription::count_passed(Place& place, const FeedBatch& batch) {
  const auto bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(place.passed, batch.size_bytes() - place.at));
  const std::uint32_t to = place.at + bytes;
  door_.counters().messages_pushed.add(batch.messages_ending(place.frame, place.at, to));
  place.passed -= bytes;
  place.frame = batch.frame_at(place.frame, to);
  place.at = to;
}

void FeedSubscription::report_damage(const Cursor& cursor, const Look& look) {
  const broker::Partition& partition = *cursor.partition;
  door_.counters().batches_damaged.add();
  door_.warn(
      fmt::format("feed of topic {}, partition {}: the batch at offset {} cannot be read: {}",
                  partition.topic.name, partition.id.value, look.offset.value, look.error.message));
}

FeedSubscription::Status FeedSubscription::wait_for(Cursor& cursor, Position seen,
                                                    const Look& look) {
  switch (look.found) {
    case Found::kOk:
      break;
    case Found::kCaughtUp:
      // A closed log has nothing more to come; its deletion is about to be told.
      if (!door_.broker().wait(cursor, *cursor.partition, seen) &&
          !cursor.partition->log->closed()) {
        keep_reading(cursor);
      }
      break;
    case Found::kCold:
      door_.warm_ups().fetch(look.cold, cursor);
      break;
    case Found::kNextTurn:
      door_.warm_ups().wait_a_turn(cursor);
      break;
    case Found::kLost:
      return Status::kPositionLost;
    case Found::kDamaged:
      report_damage(cursor, look);
      return Status::kDamaged;
  }
  return Status::kOk;
}

void FeedSubscription::keep_reading(Cursor& cursor) {
  if (!cursor.reading.linked() && !waits(cursor)) reading_.push_back(cursor);
}

void FeedSubscription::woken(Cursor& cursor) {
  if (&cursor != cut_) keep_reading(cursor);
  ready_(context_);
}

void FeedSubscription::on_visible(broker::Waiter& waiter, broker::Partition& /*partition*/) {
  auto& cursor = static_cast<Cursor&>(waiter);
  cursor.owner->woken(cursor);
}

void FeedSubscription::on_warm(WarmWaiter& waiter, const Result<void>& outcome) {
  auto& cursor = static_cast<Cursor&>(waiter);
  if (outcome) {
    cursor.failed_fetches = 0;
  } else {
    ++cursor.failed_fetches;
  }
  cursor.owner->woken(cursor);
}

// ---- Planning ----------------------------------------------------------------------------------

FeedSubscription::Status FeedSubscription::begin(FeedSendList& list) {
  CHECK(planned_.empty());
  head_bytes_ = 0;
  full_ = severed_ = false;
  if (cut_ == nullptr) return Status::kOk;
  Cursor& cursor = *cut_;
  if (cursor.WarmWaiter::hook.linked()) return Status::kBlocked;
  const Look look = look_up(cursor, cursor.place);
  if (look.found == Found::kOk && cursor.place.at != cursor.place.frame) {
    const std::uint32_t end = look.batch->frame_end(cursor.place.frame);
    Look missing{.found = Found::kNextTurn};
    const std::uint32_t added =
        add(*cursor.partition->log, *look.batch, cursor.place, end, list, missing);
    if (added == 0) {
      const Status status = wait_for(cursor, cursor.place.position, missing);
      return status == Status::kOk ? Status::kBlocked : status;
    }
    head_bytes_ = added;
    head_messages_ =
        look.batch->messages_ending(cursor.place.frame, cursor.place.at, cursor.place.at + added);
    head_end_ = cursor.place;
    head_end_.at += added;
    severed_ = head_end_.at < end;
    if (!severed_) head_end_.frame = end;
    if (!severed_ && !waits(cursor)) reading_.push_front(cursor);
    return severed_ ? Status::kBlocked : Status::kOk;
  }
  if (look.found == Found::kOk || look.found == Found::kCaughtUp) {
    cut_ = nullptr;
    if (!waits(cursor)) reading_.push_front(cursor);
    return Status::kOk;
  }
  const Status status = wait_for(cursor, cursor.place.position, look);
  return status == Status::kOk ? Status::kBlocked : status;
}

FeedSubscription::Status FeedSubscription::collect(FeedSendList& list) {
  Cursor* first = reading_.front();
  const bool alone = first != nullptr && reading_.next(*first) == nullptr;
  const std::size_t quantum = alone ? SIZE_MAX : kFairBytes;
  while (!full_ && !severed_ && list.room_bytes() > 0) {
    Cursor* cursor = reading_.pop_front();
    if (cursor == nullptr) break;
    if (const Status status = run(*cursor, quantum, list); status != Status::kOk) return status;
  }
  return Status::kOk;
}

// Adds what one cursor has ready: whole frames of one batch after the other.
FeedSubscription::Status FeedSubscription::run(Cursor& cursor, std::size_t quantum,
                                               FeedSendList& list) {
  const storage::Log& log = *cursor.partition->log;
  Place& start = &cursor == cut_ ? head_end_ : cursor.place;
  Look look = look_up(cursor, start);
  if (look.found != Found::kOk) return wait_for(cursor, start.position, look);
  Place place = start;
  Look missing;
  std::size_t bytes = 0;
  std::uint32_t messages = 0;
  while (look.found == Found::kOk && bytes < quantum) {
    const std::size_t limit = std::min(quantum - bytes, list.room_bytes());
    std::uint32_t end = look.batch->last_frame_end(place.at, limit);
    if (end == place.at) {
      full_ = list.size_bytes() > 0 && (bytes == 0 || list.room_bytes() <= limit);
      if (list.size_bytes() > 0) break;
      end = look.batch->frame_end(place.at);
    }
    const std::uint32_t added = add(log, *look.batch, place, end, list, missing);
    messages += look.batch->messages_ending(place.frame, place.at, place.at + added);
    bytes += added;
    const std::uint32_t from = place.frame;
    place.at += added;
    place.frame = place.at == end ? end : look.batch->frame_at(from, place.at);
    if (place.at < end) {
      severed_ = place.at != place.frame;
      full_ = true;
      break;
    }
    if (place.at < look.batch->size_bytes()) continue;
    place = {.position = look.next};
    look = look_up(cursor, place);
  }
  if (bytes == 0 && missing.found != Found::kOk) return wait_for(cursor, start.position, missing);
  if (bytes == 0) {
    full_ = true;
    reading_.push_front(cursor);
    return Status::kOk;
  }
  cursor.planned = place;
  cursor.planned_bytes = static_cast<std::uint32_t>(bytes);
  cursor.planned_messages = messages;
  planned_.push_back(cursor);
  return Status::kOk;
}

// Adds [place.at, end) of a batch's stream; returns how much of it there was memory or room for.
// `missing`: why there was not more, if it lies with the log.
std::uint32_t FeedSubscription::add(const storage::Log& log, const FeedBatch& batch,
                                    const Place& place, std::uint32_t end, FeedSendList& list,
                                    Look& missing) {
  std::uint32_t at = place.at;
  while (at < end) {
    const FeedBatch::Piece& piece = *batch.piece_at(at);
    const std::uint32_t into = at - piece.stream_at;
    if (into < piece.inline_size) {
      const std::uint32_t size = std::min(piece.inline_size - into, end - at);
      if (!list.add(batch.inline_bytes().subspan(piece.inline_at + into, size))) break;
      at += size;
      continue;
    }
    const std::span<iovec> room = list.free_slices();
    if (room.empty()) break;
    const std::uint32_t into_log = into - piece.inline_size;
    const std::uint32_t size = std::min(piece.log_size - into_log, end - at);
    const Position from = place.position + piece.log_at + into_log;
    const storage::Slices slices = storage::read_exactly(log, from, from + size, room);
    list.took(slices.count, slices.size_bytes);
    at += static_cast<std::uint32_t>(slices.size_bytes);
    if (slices.status == storage::ReadStatus::kCold) {
      missing = {.found = Found::kCold, .cold = slices.cold};
    } else if (slices.status == storage::ReadStatus::kOutOfRange) {
      missing = {.found = Found::kLost};  // the log's start has overtaken it
    }
    if (slices.size_bytes < size) break;
  }
  return at - place.at;
}

// ---- What the kernel took ----------------------------------------------------------------------

void FeedSubscription::head_sent(std::size_t bytes) {
  Cursor& cursor = *cut_;
  if (bytes < head_bytes_) {
    cursor.place.passed += bytes;
    cursor.reading.unlink();  // cut_ goes first, by itself
  } else {
    cursor.place = head_end_;
    door_.counters().messages_pushed.add(head_messages_);
    if (!severed_) {
      cut_ = nullptr;
      keep_reading(cursor);
    }
  }
  head_bytes_ = 0;
}

void FeedSubscription::sent(std::size_t of_begin, std::size_t of_collect) {
  if (cursors_.empty()) return;  // stopped meanwhile
  if (head_bytes_ > 0) head_sent(of_begin);
  while (Cursor* cursor = planned_.pop_front()) {
    if (of_collect >= cursor->planned_bytes) {
      of_collect -= cursor->planned_bytes;
      cursor->place = cursor->planned;
      door_.counters().messages_pushed.add(cursor->planned_messages);
      if (cursor->place.at != cursor->place.frame) {
        cut_ = cursor;
        continue;
      }
    } else if (of_collect > 0) {
      cursor->place.passed += of_collect;
      of_collect = 0;
      cut_ = cursor;
      continue;
    }
    if (cursor != cut_) reading_.push_back(*cursor);
  }
}

}  // namespace duolog::session

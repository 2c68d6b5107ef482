#include "engine/session/feed/subscription.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/broker/broker.h"
#include "engine/session/feed/shard.h"
#include "storage/log_reader.h"

namespace duolog::session {
namespace {

// What one partition adds to a send while others are ready too.
constexpr std::size_t kFairBytes = 64U << 10;
// Batches without anything to send that are passed over in one turn.
constexpr int kMaxEmptyBatches = 64;

}  // namespace

FeedSubscription::FeedSubscription(FeedShard& feeds, std::span<broker::Partition* const> partitions,
                                   const ws::FeedTarget& target, bool deflated,
                                   void (*ready)(void*), void* context)
    : feeds_(feeds),
      live_(feeds.live()),
      ready_(ready),
      context_(context),
      format_{.binary = target.format == ws::FeedTarget::Format::kBinary, .deflated = deflated} {
  Cursor* cursor = add_cursors(partitions);
  for (broker::Partition* partition : partitions) {
    switch (target.from) {
      case ws::FeedTarget::From::kLatest:
        cursor->place.position = partition->log->high_watermark().position;
        cursor->place.next = partition->log->high_watermark().offset;
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

Look FeedSubscription::look_up(Cursor& cursor, Place& place, const FeedBatch*& batch) {
  if (Look look = check_fetches(cursor, cursor.from); look.found != Found::kOk) return look;
  if (!cursor.placed) {
    if (Look look = seek(cursor, cursor.from, cursor.place.position); look.found != Found::kOk) {
      return look;
    }
    cursor.place.next = cursor.from;
  }
  for (int passed = 0; passed < kMaxEmptyBatches; ++passed) {
    if (place.position >= cursor.log().high_watermark().position) {
      return {.found = Found::kCaughtUp};
    }
    Look look = find_batch(live_, feeds_.cache(), cursor, place.position, format_, batch);
    if (look.found == Found::kDamaged && look.end.value >= 0 && place.at == 0 &&
        place.passed == 0) {
      place = {.position = look.next, .next = look.end};  // a feed has no word for a gap
      continue;
    }
    if (look.found == Found::kLost) {
      look = seek_again(cursor, place);
      if (look.found == Found::kOk) continue;
    }
    if (look.found != Found::kOk) return look;
    if (place.at == 0) place.at = place.frame = batch->stream_at(cursor.from);
    if (place.passed > 0) count_passed(place, *batch);
    if (place.at < batch->size_bytes()) return look;
    place = {.position = look.next, .next = batch->next_offset(), .passed = place.passed};
    if (!live_.shard().share().allows()) break;
  }
  return {.found = Found::kNextTurn};
}

Look FeedSubscription::seek_again(Cursor& cursor, Place& place) {
  if (place.passed > 0 || place.at != place.frame || place.next < cursor.log().start_offset()) {
    return {.found = Found::kLost};
  }
  cursor.from = std::max(cursor.from, place.next);
  Place found{.next = cursor.from};
  Look look = seek(cursor, cursor.from, found.position);
  if (look.found == Found::kOk) place = found;
  return look;
}

void FeedSubscription::count_passed(Place& place, const FeedBatch& batch) {
  const auto bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(place.passed, batch.size_bytes() - place.at));
  const std::uint32_t to = place.at + bytes;
  live_.counters().messages_pushed.add(batch.messages_ending(place.frame, place.at, to));
  place.passed -= bytes;
  place.frame = batch.frame_at(place.frame, to);
  place.at = to;
}

FeedSubscription::Status FeedSubscription::wait_for(Cursor& cursor, Position seen,
                                                    const Look& look) {
  if (look.found == Found::kLost) return Status::kPositionLost;
  if (look.found == Found::kDamaged) {
    report_damage(live_, cursor, look);
    return Status::kDamaged;
  }
  if (!session::wait_for(live_, cursor, seen, look)) keep_reading(cursor);
  return Status::kOk;
}

void FeedSubscription::keep_reading(Cursor& cursor) {
  if (!cursor.reading.linked() && !cursor.waits()) reading_.push_back(cursor);
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
  cursor.fetched(outcome);
  cursor.owner->woken(cursor);
}

// ---- Planning ----------------------------------------------------------------------------------

FeedSubscription::Status FeedSubscription::begin(SendList& list) {
  CHECK(planned_.empty());
  head_bytes_ = 0;
  full_ = severed_ = false;
  if (cut_ == nullptr) return Status::kOk;
  Cursor& cursor = *cut_;
  if (cursor.WarmWaiter::hook.linked()) return Status::kBlocked;
  const FeedBatch* batch = nullptr;
  const Look look = look_up(cursor, cursor.place, batch);
  if (look.found == Found::kOk && cursor.place.at != cursor.place.frame) {
    const std::uint32_t end = batch->frame_end(cursor.place.frame);
    Look missing{.found = Found::kNextTurn};
    const std::uint32_t added =
        add(*cursor.partition->log, *batch, cursor.place, end, list, missing);
    if (added == 0) {
      const Status status = wait_for(cursor, cursor.place.position, missing);
      return status == Status::kOk ? Status::kBlocked : status;
    }
    head_bytes_ = added;
    head_messages_ =
        batch->messages_ending(cursor.place.frame, cursor.place.at, cursor.place.at + added);
    head_end_ = cursor.place;
    head_end_.at += added;
    severed_ = head_end_.at < end;
    if (!severed_) {
      head_end_.frame = end;
      head_end_.next = batch->offset_at(end);
    }
    if (!severed_ && !cursor.waits()) reading_.push_front(cursor);
    return severed_ ? Status::kBlocked : Status::kOk;
  }
  if (look.found == Found::kOk || look.found == Found::kCaughtUp) {
    cut_ = nullptr;
    if (!cursor.waits()) reading_.push_front(cursor);
    return Status::kOk;
  }
  const Status status = wait_for(cursor, cursor.place.position, look);
  return status == Status::kOk ? Status::kBlocked : status;
}

FeedSubscription::Status FeedSubscription::collect(SendList& list) {
  Cursor* first = reading_.front();
  const bool alone = first != nullptr && reading_.next(*first) == nullptr;
  const std::size_t quantum = alone ? SIZE_MAX : kFairBytes;
  encoded_ = live_.counters().batches_encoded.get();
  while (!full_ && !severed_ && list.room_bytes() > 0) {
    Cursor* cursor = reading_.pop_front();
    if (cursor == nullptr) break;
    if (const Status status = run(*cursor, quantum, list); status != Status::kOk) return status;
    if (!live_.shard().share().allows_small()) break;
  }
  // What has been planned calls again when it is sent.
  if (!reading_.empty() && list.size_bytes() == 0) ready_(context_);
  return Status::kOk;
}

// Adds what one cursor has ready: whole frames of one batch after the other.
FeedSubscription::Status FeedSubscription::run(Cursor& cursor, std::size_t quantum,
                                               SendList& list) {
  const storage::Log& log = *cursor.partition->log;
  Place& start = &cursor == cut_ ? head_end_ : cursor.place;
  const FeedBatch* batch = nullptr;
  Look look = look_up(cursor, start, batch);
  if (look.found != Found::kOk) return wait_for(cursor, start.position, look);
  Place place = start;
  Look missing;
  std::size_t bytes = 0;
  std::uint32_t messages = 0;
  while (look.found == Found::kOk && bytes < quantum) {
    const std::size_t limit = std::min(quantum - bytes, list.room_bytes());
    std::uint32_t end = batch->last_frame_end(place.at, limit);
    if (end == place.at) {
      full_ = list.size_bytes() > 0 && (bytes == 0 || list.room_bytes() <= limit);
      if (list.size_bytes() > 0) break;
      end = batch->frame_end(place.at);
    }
    const std::uint32_t added = add(log, *batch, place, end, list, missing);
    messages += batch->messages_ending(place.frame, place.at, place.at + added);
    bytes += added;
    const std::uint32_t from = place.frame;
    place.at += added;
    place.frame = place.at == end ? end : batch->frame_at(from, place.at);
    if (place.at < end) {
      severed_ = place.at != place.frame;
      full_ = true;
      break;
    }
    if (place.at < batch->size_bytes()) continue;
    place = {.position = look.next, .next = batch->next_offset()};
    if (turn_spent()) {
      full_ = true;
      break;
    }
    look = look_up(cursor, place, batch);
  }
  if (bytes == 0 && missing.found != Found::kOk) return wait_for(cursor, start.position, missing);
  if (bytes == 0) {
    full_ = true;
    reading_.push_front(cursor);
    return Status::kOk;
  }
  if (place.at > 0 && place.at == place.frame) place.next = batch->offset_at(place.at);
  cursor.planned = place;
  cursor.planned_bytes = static_cast<std::uint32_t>(bytes);
  cursor.planned_messages = messages;
  planned_.push_back(cursor);
  return Status::kOk;
}

// What many read is encoded once: only when something was is the clock worth asking.
bool FeedSubscription::turn_spent() {
  const std::uint64_t encoded = live_.counters().batches_encoded.get();
  if (encoded == encoded_) return false;
  encoded_ = encoded;
  return !live_.shard().share().allows();
}

// Adds [place.at, end) of a batch's stream; returns how much of it there was memory or room for.
// `missing`: why there was not more, if it lies with the log.
std::uint32_t FeedSubscription::add(const storage::Log& log, const FeedBatch& batch,
                                    const Place& place, std::uint32_t end, SendList& list,
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
    live_.counters().messages_pushed.add(head_messages_);
    // Whether its own frame is whole: `severed_` may be about what the plan has behind it.
    if (cursor.place.at == cursor.place.frame) {
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
      live_.counters().messages_pushed.add(cursor->planned_messages);
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

#include "engine/session/push/sender.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/broker/cluster.h"
#include "engine/session/push/message.h"
#include "net/push/reply.h"

namespace duolog::session {
namespace {

// What one cursor adds to a send while others are ready too.
constexpr std::size_t kFairBytes = 64U << 10;
// Batches without anything to send that are passed over in one turn.
constexpr int kMaxEmptyBatches = 64;
// The slices of a message that is one frame.
constexpr std::size_t kSlicesOfFrame = 4;

using Plan = WsEndpoint::Plan;

}  // namespace

PushSender::~PushSender() {
  if (plan_) pushes_.give_back(std::move(plan_));
}

LeaderEpoch PushSender::leader_epoch() const { return live_.broker().cluster().leader_epoch(); }

void PushSender::read(Cursor& cursor) {
  if (!cursor.reading.linked() && !cursor.planned && !cursor.waits()) reading_.push_back(cursor);
}

void PushSender::read(PushSubscription& subscription) {
  for (const auto& cursor : subscription.cursors) read(*cursor);
}

void PushSender::woken(Cursor& cursor) {
  read(cursor);
  ready_(context_);
}

bool PushSender::more() const { return !reading_.empty() || (cut_ != nullptr && !cut_->waits()); }

// ---- Where a cursor is -------------------------------------------------------------------------

// Finds the batch that has place.next, or the next one that has anything; moves `place` there.
Look PushSender::look_up(Cursor& cursor, PushSubscription::Place& place, const PushBatch*& batch) {
  if (Look look = check_fetches(cursor, place.next); look.found != Found::kOk) return look;
  if (place.next < cursor.log().start_offset()) return {.found = Found::kLost};
  if (!cursor.placed) {
    if (Look look = seek(cursor, place.next, place.position); look.found != Found::kOk) return look;
    cursor.place.position = place.position;
  }
  for (int passed = 0; passed < kMaxEmptyBatches; ++passed) {
    if (place.position >= cursor.log().high_watermark().position) {
      return {.found = Found::kCaughtUp};
    }
    Look look = find_batch(live_, pushes_.cache(), cursor, place.position, format_, batch);
    if (look.found != Found::kOk || batch->item_at(place.next) < batch->item_count()) return look;
    place = {look.next, std::max(place.next, batch->next_of(batch->item_count()))};
    // So that what was passed over need not be again.
    if (!cursor.planned) cursor.place = place;
    if (!live_.shard().share().allows()) break;
  }
  return {.found = Found::kNextTurn};
}

// ---- Planning ----------------------------------------------------------------------------------

RecordsMessage PushSender::lay_out(const PlannedPush& message, const PushBatch& batch) const {
  const Bytes items = message.deflated ? batch.bytes_of(*batch.deflated_from(message.first))
                                       : batch.text(message.first, message.end);
  return RecordsMessage({.sid = message.sid,
                         .partition = message.partition->id,
                         .base = batch.offset(message.first),
                         .next = message.next.next,
                         .epoch = batch.epoch()},
                        items, message.deflated);
}

Plan PushSender::begin(SendList& list) {
  begun_bytes_ = continued_bytes_ = 0;
  full_ = false;
  if (!cut_) return {};
  unpin_if_late();
  if (cut_->waits()) return {.status = Plan::Status::kBlocked};
  const PlannedPush& message = cut_->message;
  const PushBatch* batch = nullptr;
  Look look = check_fetches(*cut_, message.next.next);
  if (look.found == Found::kOk) {
    look = find_batch(live_, pushes_.cache(), *cut_, message.position, format_, batch);
  }
  if (look.found == Found::kLost || look.found == Found::kDamaged) {
    return {Plan::Status::kFailed, ws::close_code::kPositionLost, "half a message is lost"};
  }
  if (look.found != Found::kOk) {
    (void)wait_for(live_, *cut_, message.position, look);
    return {.status = Plan::Status::kBlocked};
  }
  const RecordsMessage wire = lay_out(message, *batch);
  const std::uint64_t end = wire.frame_end(cut_->at);
  begun_bytes_ = wire.add(list, live_.shard().arena(), cut_->at, end);
  if (cut_->at + begun_bytes_ == end) return {};
  return {.status = Plan::Status::kBlocked};
}

// Retention must not wait for a peer that reads a little now and then.
void PushSender::unpin_if_late() {
  const std::uint64_t limit_ns = pushes_.settings().half_sent_pin_ms * kNsPerMs;
  if (!cut_->pin.holds() || live_.shard().now_ns() - cut_->since_ns < limit_ns) return;
  cut_->pin = {};
  pushes_.counters().pins_given_up.add();
}

bool PushSender::continue_cut(SendList& list) {
  if (!cut_) return true;
  const std::uint64_t from = cut_->at + begun_bytes_;
  if (from == cut_->message.wire_bytes) return true;
  const PushBatch* batch = nullptr;
  const Look look =
      find_batch(live_, pushes_.cache(), *cut_, cut_->message.position, format_, batch);
  if (look.found != Found::kOk) return false;  // begin() will wait for it
  const std::uint64_t to = cut_->message.wire_bytes;
  continued_bytes_ = lay_out(cut_->message, *batch).add(list, live_.shard().arena(), from, to);
  return from + continued_bytes_ == to;
}

void PushSender::collect(SendList& list) {
  const Cursor* first = reading_.front();
  const bool alone = first != nullptr && reading_.next(*reading_.front()) == nullptr;
  const std::size_t quantum = alone ? std::numeric_limits<std::size_t>::max() : kFairBytes;
  while (!full_ && list.room_bytes() > 0) {
    Cursor* cursor = reading_.pop_front();
    if (cursor == nullptr) break;
    run(*cursor, quantum, list);
    if (!live_.shard().share().allows_small()) break;
  }
  // What has been planned calls again when it is sent.
  if (!reading_.empty() && list.size_bytes() == 0) ready_(context_);
}

// Plans what one cursor has ready.
void PushSender::run(Cursor& cursor, std::size_t quantum, SendList& list) {
  PushSubscription::Place place = cursor.place;
  Look look;
  const std::size_t before = list.size_bytes();
  while (cursor.subscription->may_send() && !full_ && list.size_bytes() - before < quantum) {
    const PushBatch* batch = nullptr;
    const std::uint64_t encoded = live_.counters().batches_encoded.get();
    look = look_up(cursor, place, batch);
    if (look.found != Found::kOk || !plan_message(cursor, place, look, *batch, list)) break;
    if (live_.counters().batches_encoded.get() == encoded) continue;
    // What many read is encoded once: only then is the clock worth asking.
    if (!live_.shard().share().allows()) full_ = true;
  }
  if (cursor.planned) return;
  if (full_) {
    reading_.push_front(cursor);
  } else if (look.found != Found::kOk) {
    nothing_ready(cursor, look);
  }  // else it is paused, or out of credit: the command that changes this reads on
}

// Plans one message of a batch, and moves `place` behind it. False, and full_: there was no room.
bool PushSender::plan_message(Cursor& cursor, PushSubscription::Place& place, const Look& look,
                              const PushBatch& batch, SendList& list) {
  PushSubscription& subscription = *cursor.subscription;
  PlannedPush message{.cursor = &cursor,
                      .partition = cursor.partition,
                      .sid = subscription.sid,
                      .position = place.position};
  message.first = batch.item_at(place.next);
  const auto most_bytes = std::min<std::uint64_t>(
      PushBatch::kMostTextBytes, static_cast<std::uint64_t>(subscription.credit.bytes()));
  const std::int64_t most_items =
      std::min<std::int64_t>(batch.item_count() - message.first, subscription.credit.records());
  message.end = std::min(batch.end_within(message.first, most_bytes),
                         message.first + static_cast<std::uint32_t>(most_items));
  const bool whole = message.end == batch.item_count();
  message.next = {whole ? look.next : place.position, batch.next_of(message.end)};
  message.text_bytes = lay_out(message, batch).text_bytes();
  const PushBatch::Deflated* run = batch.deflated_from(message.first);
  message.deflated = run != nullptr && run->end == message.end;
  const RecordsMessage wire = lay_out(message, batch);
  message.wire_bytes = wire.wire_bytes();
  if (list.size_bytes() > 0 &&
      (message.wire_bytes > list.room_bytes() || list.free_slices().size() < kSlicesOfFrame)) {
    full_ = true;
    return false;
  }
  const std::uint64_t added = wire.add(list, live_.shard().arena(), 0, message.wire_bytes);
  if (added < message.wire_bytes) full_ = true;
  if (added == 0) return false;
  subscription.credit.spend(message.end - message.first,
                            static_cast<std::int64_t>(message.text_bytes));
  if (!plan_) plan_ = pushes_.take_plan();
  plan_->push_back(message);
  cursor.planned = true;
  place = message.next;
  return true;
}

void PushSender::nothing_ready(Cursor& cursor, const Look& look) {
  switch (look.found) {
    case Found::kLost:
      return position_lost(cursor);
    case Found::kDamaged:
      if (look.end.value >= 0) return pass_over(cursor, look);
      report_damage(live_, cursor, look);
      cursor.subscription->doomed = doomed_ = true;
      return;
    default:
      if (!wait_for(live_, cursor, cursor.place.position, look)) read(cursor);
  }
}

// The log's start has overtaken the cursor: it goes on there, and says what is missing.
void PushSender::position_lost(Cursor& cursor) {
  const Offset start = cursor.log().start_offset();
  if (cursor.place.next < start) {
    std::string& text = pushes_.text();
    push::append_gap(text, cursor.subscription->sid, cursor.partition->id, cursor.place.next, start,
                     "retention");
    replies_.add(text);
    pushes_.counters().gaps.add();
    cursor.place.next = start;
  } else if (cursor.place.next > cursor.log().high_watermark().offset) {
    cursor.subscription->doomed = doomed_ = true;
    return;
  }
  cursor.placed = false;
  live_.warm_ups().wait_a_turn(cursor);  // what follows goes out behind the gap
}

// A batch that cannot be read: the cursor goes on behind it, and says so.
void PushSender::pass_over(Cursor& cursor, const Look& look) {
  const Offset end = std::max(cursor.place.next, look.end);
  std::string& text = pushes_.text();
  push::append_gap(text, cursor.subscription->sid, cursor.partition->id, cursor.place.next, end,
                   "damaged");
  replies_.add(text);
  pushes_.counters().gaps.add();
  cursor.place = {look.next, end};
  live_.warm_ups().wait_a_turn(cursor);  // what follows goes out behind the gap
}

// ---- What the kernel took ----------------------------------------------------------------------

void PushSender::commit(const PlannedPush& message) {
  live_.counters().messages_pushed.add(message.end - message.first);
  if (message.cursor != nullptr) message.cursor->place = message.next;
}

void PushSender::cut_short(const PlannedPush& message, std::uint64_t at) {
  cut_ = std::make_unique<Cut>();
  cut_->owner = this;
  cut_->partition = message.partition;
  cut_->placed = true;
  cut_->WarmWaiter::ready = [](WarmWaiter& waiter, const Result<void>& outcome) {
    auto& cut = static_cast<Cut&>(waiter);
    cut.fetched(outcome);
    cut.owner->ready_(cut.owner->context_);
  };
  cut_->message = message;
  cut_->at = at;
  cut_->since_ns = live_.shard().now_ns();
  cut_->pin = storage::pin(*message.partition->log, message.position);
}

void PushSender::end_cut() {
  Cursor* cursor = cut_->message.cursor;
  commit(cut_->message);
  cut_.reset();
  if (cursor == nullptr) return;
  cursor->planned = false;
  read(*cursor);
}

void PushSender::sent(std::uint64_t of_cut, std::uint64_t of_plan) {
  begun_bytes_ = continued_bytes_ = 0;
  if (cut_) {
    cut_->at += of_cut;
    if (cut_->at == cut_->message.wire_bytes) end_cut();
  }
  if (!plan_) return;
  for (const PlannedPush& message : *plan_) {
    if (of_plan >= message.wire_bytes) {
      of_plan -= message.wire_bytes;
      commit(message);
      continue;
    }
    if (of_plan > 0) {
      cut_short(message, of_plan);
      of_plan = 0;
    } else if (message.cursor != nullptr) {
      message.cursor->subscription->credit.give_back(message.end - message.first,
                                                     static_cast<std::int64_t>(message.text_bytes));
    }
  }
  const Cursor* half_sent = cut_ ? cut_->message.cursor : nullptr;
  for (const PlannedPush& message : *plan_) {
    if (message.cursor == nullptr || message.cursor == half_sent) continue;
    message.cursor->planned = false;
    read(*message.cursor);
  }
  pushes_.give_back(std::move(plan_));
}

// ---- What goes ---------------------------------------------------------------------------------

void PushSender::let_go(const PushSubscription& subscription) {
  const auto its = [&](const Cursor* cursor) {
    return cursor != nullptr && cursor->subscription == &subscription;
  };
  if (cut_ && its(cut_->message.cursor)) cut_->message.cursor = nullptr;
  if (!plan_) return;
  for (PlannedPush& message : *plan_) {
    if (its(message.cursor)) message.cursor = nullptr;
  }
}

std::optional<std::string> PushSender::forget(const broker::Topic& topic, bool sending) {
  const auto its = [&](const broker::Partition& partition) { return &partition.topic == &topic; };
  bool planned = false;
  if (plan_) {
    for (const PlannedPush& message : *plan_) planned = planned || its(*message.partition);
  }
  const bool half_sent = cut_ && its(*cut_->partition);
  if (!planned && !half_sent) return std::string();
  // While a send is under way, how much of what the peer has is not known.
  std::optional<std::string> rest;
  if (!sending) rest = rest_of_cut();
  if (rest) {
    end_cut();
  } else {
    cut_.reset();
    if (plan_) plan_->clear();
  }
  return rest;
}

bool PushSender::mid_frame() const { return cut_ && RecordsMessage::mid_frame(cut_->at); }

std::optional<std::string> PushSender::rest_of_cut() {
  const PushBatch* batch = nullptr;
  const Look look =
      find_batch(live_, pushes_.cache(), *cut_, cut_->message.position, format_, batch);
  if (look.found != Found::kOk) return std::nullopt;
  SendList& list = live_.ws().send_list();
  list.begin(cut_->message.wire_bytes);
  const std::uint64_t left = cut_->message.wire_bytes - cut_->at;
  const std::uint64_t added =
      lay_out(cut_->message, *batch)
          .add(list, live_.shard().arena(), cut_->at, cut_->message.wire_bytes);
  if (added != left) return std::nullopt;
  std::string rest;
  for (const iovec& slice : list.slices()) {
    rest.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  }
  return rest;
}

}  // namespace duolog::session

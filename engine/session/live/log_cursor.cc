#include "engine/session/live/log_cursor.h"

#include <utility>

#include <fmt/format.h>

#include "engine/broker/broker.h"
#include "engine/session/http/door.h"

namespace duolog::session {
namespace {

// A fetch that fails this often in a row is not tried again.
constexpr std::uint8_t kMaxFailedFetches = 3;

}  // namespace

Look check_fetches(const LogCursor& cursor, Offset from) {
  if (cursor.failed_fetches < kMaxFailedFetches) return {};
  return {.found = Found::kDamaged,
          .offset = from,
          .error = {Errc::kIo, "the disk does not give it (from here on)"}};
}

Look seek(LogCursor& cursor, Offset from, Position& position) {
  const storage::Sought sought = storage::seek(cursor.log(), from);
  Look look{.cold = sought.cold};
  switch (sought.status) {
    case storage::ReadStatus::kOk:
      position = sought.position;
      cursor.placed = true;
      break;
    case storage::ReadStatus::kCold:
      look.found = Found::kCold;
      break;
    case storage::ReadStatus::kOutOfRange:
      look.found = Found::kLost;
      break;
    case storage::ReadStatus::kCorrupt:
      look.offset = from;
      look.error = {Errc::kCorrupt, "damaged on disk"};
      look.found = Found::kDamaged;
      break;
  }
  return look;
}

template <class Encoded>
Look find_batch(HttpDoor& door, BatchCache<Encoded>& cache, const LogCursor& cursor,
                Position position, typename Encoded::Format format, const Encoded*& batch) {
  using Status = typename BatchCache<Encoded>::Status;
  auto found = cache.find(cursor.log(), position, format);
  Look look{.next = found.next, .cold = found.cold};
  batch = found.batch;
  switch (found.status) {
    case Status::kOk:
      if (found.cold.segment != nullptr) door.warm_ups().fetch_ahead(found.cold);
      break;
    case Status::kCold:
      look.found = Found::kCold;
      break;
    case Status::kBusy:
      look.found = Found::kNextTurn;
      break;
    case Status::kPositionLost:
      look.found = Found::kLost;
      break;
    case Status::kDamaged:
      look.offset = found.offset;
      look.error = std::move(found.error);
      look.found = Found::kDamaged;
      break;
  }
  return look;
}

template Look find_batch(HttpDoor&, FeedCache&, const LogCursor&, Position, FeedBatch::Format,
                         const FeedBatch*&);
template Look find_batch(HttpDoor&, PushCache&, const LogCursor&, Position, PushBatch::Format,
                         const PushBatch*&);

bool wait_for(HttpDoor& door, LogCursor& cursor, Position seen, const Look& look) {
  switch (look.found) {
    case Found::kCaughtUp:
      // A closed log has nothing more to come; its deletion is about to be told.
      return door.broker().wait(cursor, *cursor.partition, seen) || cursor.log().closed();
    case Found::kCold:
      door.warm_ups().fetch(look.cold, cursor);
      return true;
    case Found::kNextTurn:
      door.warm_ups().wait_a_turn(cursor);
      return true;
    case Found::kOk:
    case Found::kLost:
    case Found::kDamaged:
      break;
  }
  return false;
}

void report_damage(HttpDoor& door, const LogCursor& cursor, const Look& look) {
  const broker::Partition& partition = *cursor.partition;
  door.counters().batches_damaged.add();
  door.warn(fmt::format("feed of topic {}, partition {}: the batch at offset {} cannot be read: {}",
                        partition.topic.name, partition.id.value, look.offset.value,
                        look.error.message));
}

}  // namespace duolog::session

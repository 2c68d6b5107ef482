#include "engine/session/live/log_cursor.h"

#include <string>

#include <fmt/format.h>

#include "engine/broker/broker.h"

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
    case storage::ReadStatus::kCorrupt:  // who reads it finds out, and where it goes on
      position = sought.position;
      cursor.placed = true;
      break;
    case storage::ReadStatus::kCold:
      look.found = Found::kCold;
      break;
    case storage::ReadStatus::kOutOfRange:
      look.found = Found::kLost;
      break;
  }
  return look;
}

bool wait_for(LiveShard& live, LogCursor& cursor, Position seen, const Look& look) {
  switch (look.found) {
    case Found::kCaughtUp:
      // A closed log has nothing more to come; its deletion is about to be told.
      return live.broker().wait(cursor, *cursor.partition, seen) || cursor.log().closed();
    case Found::kCold:
      live.warm_ups().fetch(look.cold, cursor);
      return true;
    case Found::kNextTurn:
      live.warm_ups().wait_a_turn(cursor);
      return true;
    case Found::kOk:
    case Found::kLost:
    case Found::kDamaged:
      break;
  }
  return false;
}

void report_damage(LiveShard& live, const LogCursor& cursor, const Look& look) {
  const broker::Partition& partition = *cursor.partition;
  if (!live.first_damage(partition.topic.id, partition.id, look.offset)) return;
  live.counters().batches_damaged.add();
  if (look.told) return;
  const std::string which = look.offset.value < 0
                                ? "a batch whose offset is not known"
                                : fmt::format("the batch at offset {}", look.offset.value);
  live.warn(fmt::format("feed of topic {}, partition {}: {} cannot be read: {}",
                        partition.topic.name, partition.id.value, which, look.error.message));
}

}  // namespace duolog::session

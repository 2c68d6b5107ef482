// PushSubscription: one subscription of the push protocol: where it is in each partition, and what
// it may be sent.
//
// It is cursors, not a queue: what it has not been sent lies in the log. Owned by a PushEndpoint,
// read by its PushSender, on the shard's thread. Cost: sizeof and kBytesPerPartition a partition.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/session/live/log_cursor.h"
#include "net/push/command.h"
#include "net/push/reply.h"
#include "storage/time_search.h"

namespace duolog::session {

class PushSender;

// What is left of a credit; without a limit it never ends.
class PushCredit {
 public:
  PushCredit() = default;
  explicit PushCredit(const push::Credit& granted) {
    if (granted.records) records_ = clamp(*granted.records);
    if (granted.bytes) bytes_ = clamp(*granted.bytes);
  }

  [[nodiscard]] bool left() const { return records_ > 0 && bytes_ > 0; }
  [[nodiscard]] std::int64_t records() const { return records_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  void spend(std::int64_t records, std::int64_t bytes) { take(records, bytes); }
  void give_back(std::int64_t records, std::int64_t bytes) { take(-records, -bytes); }
  // False: it has no such limit.
  [[nodiscard]] bool add(const push::Credit& more);

 private:
  static constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t kMost = std::int64_t{1} << 62;
  [[nodiscard]] static std::int64_t clamp(std::uint64_t value) {
    return value < std::uint64_t{kMost} ? static_cast<std::int64_t>(value) : kMost;
  }
  void take(std::int64_t records, std::int64_t bytes) {
    if (records_ != kUnlimited) records_ -= records;
    if (bytes_ != kUnlimited) bytes_ -= bytes;
  }

  std::int64_t records_ = kUnlimited;
  std::int64_t bytes_ = kUnlimited;  // the last push may take more than was left
};

struct PushSubscription {
  struct Place {
    Position position;  // of a batch: the one that holds `next`, or an earlier one
    Offset next;        // of the record to be sent
  };
  struct Cursor : LogCursor {
    PushSubscription* subscription = nullptr;
    ListHook reading;  // in the sender's list: may have something to send
    Place place;
    bool planned = false;  // messages of it are on their way; `place` is before them
  };
  static constexpr std::size_t kBytesPerPartition = sizeof(Cursor) + sizeof(void*);
  // What is to be said once it is known where it begins.
  struct Gap {
    PartitionId partition;
    Offset from;
    Offset to;
  };
  struct Beginning {
    std::uint64_t id = 0;  // of the command
    std::optional<bool> recovered;
    std::vector<Gap> gaps;
  };
  // While that is being searched for.
  struct Searching {
    Beginning beginning;
    std::vector<std::pair<Cursor*, storage::TimeSearch>> searches;  // those not yet ended
  };

  PushSubscription(PushSender& its_sender, std::uint32_t its_sid, broker::Topic& its_topic)
      : sender(its_sender), topic(&its_topic), sid(its_sid) {}

  Cursor& add(broker::Partition& partition);
  [[nodiscard]] bool may_send() const { return !paused && !searching && credit.left(); }
  // Where it is now, with or without where the partitions begin.
  void positions(std::vector<push::PositionText>& out, bool with_start) const;

  PushSender& sender;
  broker::Topic* topic;
  std::vector<std::unique_ptr<Cursor>> cursors;
  PushCredit credit;
  std::unique_ptr<Searching> searching;
  std::uint32_t sid;
  std::uint32_t partitions = 0;  // of the whole topic that are read; 0: only those asked for
  bool paused = false;
  bool doomed = false;  // a batch of it cannot be read
};

}  // namespace duolog::session

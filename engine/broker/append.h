// AppendRequest: one batch on its way into a partition, whichever shard owns it.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/runtime/mailbox.h"
#include "net/kafka/errors.h"
#include "storage/log_waiter.h"

namespace duolog::broker {

struct Partition;
class Broker;

// When `done` is called. Kafka's, and two more.
enum class Acks : std::int8_t {
  kAll = -1,     // consumers may see it: as durable as the topic says, or as its visibility does
  kNone = 0,     // at once: nobody waits
  kLeader = 1,   // as kAll: there is one node
  kDurable = 2,  // as durable as the topic says, whoever may see it before
  kFlushed = 3,  // flushed, whatever the topic says: something older is given up for it
};

// Lives in its sender (a connection's request), on the sender's shard, until `done` has been
// called: exactly once, on that shard, perhaps from within Broker::append. The sender does not
// destroy it before. `appended`, which may be null, is called before it, at most once, when the
// batch is in the log with its offset and `done` has to wait for the disk. The topic may be gone by
// then: neither of the two touches `partition`.
struct AppendRequest {
  // In. The batch has been validated.
  Partition* partition = nullptr;
  Bytes batch;
  std::int32_t records = 0;
  Timestamp max_timestamp;
  Acks acks = Acks::kAll;
  void (*done)(AppendRequest& request) = nullptr;
  void (*appended)(AppendRequest& request) = nullptr;
  void* context = nullptr;

  // Out.
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  Offset base_offset{-1};
  Offset log_start{-1};
  // It was in the log already, by its producer's sequence: its first copy is at `base_offset`, and
  // may have been of other records.
  bool duplicate = false;
  // Of a duplicate: its first copy's time, as Kafka answers it. -1: it was appended now.
  Timestamp first_timestamp{-1};

  // The broker's.
  AppendRequest();
  AppendRequest(const AppendRequest&) = delete;
  AppendRequest& operator=(const AppendRequest&) = delete;
  void resend();
  Broker* broker = nullptr;  // the sender's
  Broker* owner = nullptr;   // the partition's
  storage::AckWaiter ack;
  storage::AppendWaiter room;
  runtime::CreditWaiter credit;
  ListHook waiting;  // in its broker's list, for as long as `credit` waits
};

}  // namespace duolog::broker

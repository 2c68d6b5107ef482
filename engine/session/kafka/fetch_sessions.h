// FetchSessions: what clients have asked for in earlier fetches, so that they need not repeat it
// (KIP-227).
//
//   epoch 0          a full request: it lists every partition, and begins a session
//   epoch 1, 2, ...  an incremental one: what has changed since the last, and forgotten partitions;
//                    answered with the partitions of which there is something new to say
//   epoch -1         a full request that ends the session
//
// One per shard, the KafkaSessions'; the shard's thread only. A session belongs to the connection
// that began it and ends with it; clients begin a new one when they connect again. Beyond
// `max_fetch_sessions`, and `max_fetch_session_partitions` in all of them together, the session
// longest unused is evicted once it is old enough; else no session is begun, which clients are told
// by the session id 0 and need not mind.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "engine/session/kafka/settings.h"
#include "net/kafka/errors.h"
#include "net/kafka/fetch.h"

namespace duolog::session {

class KafkaConnection;

// One client's session.
class FetchSession {
 public:
  using AskedPartition = kafka::FetchRequest::Topic::Partition;

  // What a client was last told of a partition.
  struct Said {
    Offset high_watermark{-1};
    Offset log_start{-1};

    // Whether an incremental response says something of this partition; notes what it says.
    [[nodiscard]] bool worth_saying(const kafka::FetchResponse::Topic::Partition& response);
  };
  struct Partition {
    std::string topic;  // one of the two
    Uuid topic_id;
    AskedPartition asked;
    Said said;
    bool forgotten = false;
    bool had_records = false;
  };

  FetchSession(const KafkaConnection& owner, std::int32_t id, bool by_ids)
      : owner_(owner), id_(id), by_ids_(by_ids) {}

  ListHook hook;  // the FetchSessions', by last use

  [[nodiscard]] std::int32_t id() const { return id_; }
  // Of the request that is to come.
  [[nodiscard]] std::int32_t epoch() const { return epoch_; }
  // In the order of responses: who had records last comes last.
  [[nodiscard]] const std::vector<Partition*>& partitions() const { return order_; }
  // After a response: partitions that had records go to the end, so that all get their turn.
  void rotate();

 private:
  friend class FetchSessions;
  void add(const kafka::FetchRequest& request);
  void forget(const kafka::FetchRequest& request);
  [[nodiscard]] const std::string& key_of(std::string_view topic, const Uuid& id,
                                          PartitionId partition);
  // 1, 2, ... and 1 again.
  void next_epoch() {
    epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  }

  const KafkaConnection& owner_;
  const std::int32_t id_;
  const bool by_ids_;
  std::int32_t epoch_ = 1;
  std::uint64_t used_ns_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Partition>> by_key_;
  std::vector<Partition*> order_;
  std::string key_;
};

class FetchSessions {
 public:
  FetchSessions(const KafkaSettings& settings, KafkaCounters& counters)
      : settings_(settings), counters_(counters) {}

  struct Begun {
    kafka::ErrorCode error = kafka::ErrorCode::kNone;
    FetchSession* session = nullptr;  // null: the request stands for itself
    bool incremental = false;         // it asks for what the session holds; without one: nothing
  };
  // Finds or begins the session of a request, and brings it up to date. Errors:
  // FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
  [[nodiscard]] Begun begin(const KafkaConnection& owner, const kafka::FetchRequest& request,
                            bool by_ids, std::uint64_t now_ns);
  // The session, if no request came after the one that made its epoch this; else null.
  [[nodiscard]] FetchSession* find(std::int32_t id, std::int32_t epoch);
  // The connection has ended.
  void drop(const KafkaConnection& owner);

 private:
  [[nodiscard]] FetchSession* create(const KafkaConnection& owner,
                                     const kafka::FetchRequest& request, bool by_ids,
                                     std::uint64_t now_ns);
  [[nodiscard]] bool make_room(std::uint64_t partitions, std::uint64_t now_ns);
  void use(FetchSession& session, std::uint64_t now_ns);
  void remove(FetchSession& session);
  void recount();

  const KafkaSettings& settings_;
  KafkaCounters& counters_;
  std::unordered_map<std::int32_t, std::unique_ptr<FetchSession>> by_id_;
  IntrusiveList<FetchSession, &FetchSession::hook> by_use_;  // longest unused first
  std::uint64_t partitions_ = 0;                             // of all sessions
};

}  // namespace duolog::session

// ResponseSlot: one request, from when it was read until its response has been sent.
//
// Slots are taken in the order of requests, completed in any order, and sent in the order of
// requests. They belong to a connection, which uses them again and again: a warm connection
// allocates nothing. A slot is used again only when its response is sent and no append of it is
// under way; warm-ups that come back later find another `generation`.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/session/transport/send_queue.h"
#include "net/kafka/api.h"
#include "net/kafka/arena.h"
#include "net/kafka/writer.h"

namespace duolog::session {

class KafkaConnection;
class ProduceJob;
class FetchJob;
struct ServedApi;

// What is left of a request that could not be answered at once. These calls are for what seldom
// happens; each may answer the request.
class KafkaJob {
 public:
  virtual ~KafkaJob() = default;
  // The topic goes away: nothing of it may be touched afterwards.
  virtual void topic_gone(broker::Topic&) {}
  // The connection ends: answer with what there is.
  virtual void hurry() {}
  // The connection is closed: leave every list and timer.
  virtual void abandon() {}
};

struct ResponseSlot {
  explicit ResponseSlot(KafkaConnection& its_connection);
  ~ResponseSlot();

  KafkaConnection& connection;
  ListHook hook;
  std::uint64_t generation = 0;

  const kafka::Api* api = nullptr;
  const ServedApi* served = nullptr;  // its row
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id;    // while the request is started
  bool cluster_allowed = false;  // what the door was told, where the row says that it asks

  Buffer frame;                     // the request, where it has to outlive its turn
  std::uint64_t charged_bytes = 0;  // to the shard's budget, for it
  std::uint64_t held_bytes = 0;     // counted by the connection
  kafka::Arena arena;               // the decoded request, the response's arrays
  kafka::Writer response;
  std::vector<LogRange> ranges;           // what the response's splices stand for, by token
  std::vector<storage::SegmentPin> pins;  // of their segments, until the response is sent
  bool done = false;                      // the response is written, or there is none
  std::uint64_t unsent_bytes = 0;

  KafkaJob* job = nullptr;  // one of the following, while the request waits
  std::unique_ptr<ProduceJob> produce;
  std::unique_ptr<FetchJob> fetch;
  std::unique_ptr<KafkaJob> other;
};

}  // namespace duolog::session

// FeedEndpoint: a plain feed. Each message that comes is a record's value, and each record of the
// topic that is not null goes out as a message (feed_target.h says how a client asks).
//
// Over max_unacked_bytes published and not acked, receiving pauses; sending goes on. A publish that
// fails closes the connection. Owned by its WsConnection, on the shard's thread.
#pragma once

#include <cstdint>
#include <span>

#include "engine/broker/topic.h"
#include "engine/session/feed/publisher.h"
#include "engine/session/feed/shard.h"
#include "engine/session/feed/subscription.h"
#include "engine/session/live/endpoint.h"
#include "engine/session/websocket/connection.h"
#include "net/ws/feed_target.h"

namespace duolog::session {

// What a feed was opened on.
struct FeedSource {
  broker::Topic* topic = nullptr;
  std::span<broker::Partition* const> read;
  broker::Partition* write = nullptr;
  bool whole_topic = false;  // partitions that are added are read too
};

class FeedEndpoint final : public LiveEndpoint {
 public:
  FeedEndpoint(FeedShard& feeds, WsConnection& connection, const FeedSource& source,
               const ws::FeedTarget& target);
  ~FeedEndpoint() override;

  void on_message(ws::Opcode opcode, Bytes payload) override;
  void turn_ended() override { publisher_.submit(); }
  [[nodiscard]] Plan begin(SendList& list) override;
  [[nodiscard]] Plan collect(SendList& list) override;
  [[nodiscard]] std::size_t begun_bytes() const override;
  void sent(std::size_t of_begin, std::size_t of_collect) override;
  [[nodiscard]] bool more() const override { return topic_ != nullptr && subscription_.more(); }
  [[nodiscard]] bool busy() const override { return publisher_.busy(); }
  [[nodiscard]] bool answering() const override { return publisher_.busy(); }
  void topic_grown(const broker::Topic& topic) override;
  void topic_gone(const broker::Topic& topic) override;
  void drain() override { connection_.close(ws::close_code::kUnavailable, "draining"); }

 private:
  static void on_ready(void* context);
  static void on_acked(void* context, kafka::ErrorCode error);

  FeedShard& feeds_;
  WsConnection& connection_;
  broker::Topic* topic_;  // null: gone
  FeedSubscription subscription_;
  FeedPublisher publisher_;
  std::size_t partitions_;  // of the whole topic that are read; 0: only the one that was asked for
};

}  // namespace duolog::session

// FeedPublisher: the records that one plain feed's client sends.
//
// All of a connection's records go to one partition. What arrives in one turn becomes one batch
// (more where it would exceed the topic's max.message.bytes), appended at the turn's end with
// acks=all. Owned by its WsConnection, on the shard's thread; not destroyed while `busy`.
// Limits: a record has to fit a batch; how much may be unacked is the connection's to enforce.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/session/live/shard.h"

namespace duolog::session {

class FeedPublisher {
 public:
  // `acked(context, error)`: a batch has been answered; never from within `add`, perhaps from
  // within `submit`.
  using Acked = void (*)(void* context, kafka::ErrorCode error);
  FeedPublisher(LiveShard& live, broker::Partition& partition, std::optional<std::string> key,
                Acked acked, void* context)
      : live_(live),
        partition_(&partition),
        key_(std::move(key)),
        acked_(acked),
        context_(context) {}
  ~FeedPublisher();
  FeedPublisher(const FeedPublisher&) = delete;
  FeedPublisher& operator=(const FeedPublisher&) = delete;

  [[nodiscard]] bool has_key() const { return key_.has_value(); }
  // Takes one record's value into this turn's batch. False: too large for any.
  [[nodiscard]] bool add(Bytes value);
  // At the end of the turn: appends what it brought.
  void submit();
  // The topic goes: what has not been submitted never will be.
  void topic_gone();

  [[nodiscard]] std::size_t unacked_bytes() const { return unacked_bytes_; }
  [[nodiscard]] bool busy() const { return in_flight_ > 0 || current_ != nullptr; }
  [[nodiscard]] bool in_flight() const { return in_flight_ > 0; }

 private:
  void done(PublishBatch& batch);

  LiveShard& live_;
  broker::Partition* partition_;  // null: gone
  std::optional<std::string> key_;
  Acked acked_;
  void* context_;
  std::unique_ptr<PublishBatch> current_;
  std::size_t unacked_bytes_ = 0;
  std::uint32_t in_flight_ = 0;
};

}  // namespace duolog::session

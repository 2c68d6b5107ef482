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

#include "engine/broker/append.h"
#include "storage/record_batch_builder.h"

namespace duolog::session {

class HttpDoor;
class FeedPublisher;

// One batch, from its first record to its ack. Kept in the door's pool between uses.
struct PublishBatch {
  explicit PublishBatch(std::size_t the_max_bytes)
      : max_bytes(the_max_bytes), builder(the_max_bytes) {}
  std::size_t max_bytes;
  storage::RecordBatchBuilder builder;
  broker::AppendRequest request;
  FeedPublisher* publisher = nullptr;
};

class FeedPublisher {
 public:
  // `acked(context, error)`: a batch has been answered; never from within `add`, perhaps from
  // within `submit`.
  using Acked = void (*)(void* context, kafka::ErrorCode error);
  FeedPublisher(HttpDoor& door, broker::Partition& partition, std::optional<std::string> key,
                Acked acked, void* context)
      : door_(door),
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

  HttpDoor& door_;
  broker::Partition* partition_;  // null: gone
  std::optional<std::string> key_;
  Acked acked_;
  void* context_;
  std::unique_ptr<PublishBatch> current_;
  std::size_t unacked_bytes_ = 0;
  std::uint32_t in_flight_ = 0;
};

}  // namespace duolog::session

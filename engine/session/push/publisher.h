// PushPublisher: the records that one client of the push protocol publishes, and its acks.
//
// What one turn received for one partition becomes one batch (more where it would exceed the
// topic's max.message.bytes), appended at the turn's end. A command is answered once each of its
// batches is durable, or refused; with Ack::kAppended first when all are in the log.
//
// Owned by a PushEndpoint, on the shard's thread; not destroyed while `busy`. Limits: a record has
// to fit a batch; how much may be unacked is the endpoint's to enforce.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/broker/topic.h"
#include "engine/session/live/shard.h"
#include "net/push/command.h"
#include "net/push/reply.h"

namespace duolog::session {

class PushShard;
class PushReplies;

class PushPublisher {
 public:
  // `acked(context)`: a batch has been answered, and the replies that this allowed are written.
  PushPublisher(PushShard& pushes, PushReplies& replies, void (*acked)(void*), void* context);
  ~PushPublisher();
  PushPublisher(const PushPublisher&) = delete;
  PushPublisher& operator=(const PushPublisher&) = delete;

  // Takes the records into this turn's batches. What is wrong with one is its own error.
  void publish(std::uint64_t id, const push::Publish& publish, broker::Topic& topic);
  // At the end of the turn: appends what it brought.
  void submit();
  // What has not been submitted to it never will be.
  void topic_gone(const broker::Topic& topic);

  [[nodiscard]] std::size_t unacked_bytes() const { return unacked_bytes_; }
  [[nodiscard]] bool busy() const { return in_flight_ > 0 || !open_.empty(); }

 private:
  // A command, until it is answered.
  struct Publication {
    std::uint64_t id = 0;
    push::Publish::Ack ack = push::Publish::Ack::kDurable;
    std::vector<push::PublishedItem> items;
    std::uint32_t not_appended = 0;  // parts of batches that hold its records
    std::uint32_t not_done = 0;
    bool told_appended = false;
    bool taken = false;  // all of its records are in batches, or refused
  };
  // A run of a batch's records, of one publication.
  struct Part {
    Publication* publication = nullptr;
    std::uint32_t first_item = 0;
    std::uint32_t item_count = 0;
    std::int32_t first_record = 0;
  };
  struct Batch {
    PushPublisher* owner = nullptr;
    broker::Partition* partition = nullptr;
    std::unique_ptr<PublishBatch> bytes;
    std::vector<Part> parts;
    std::size_t counted_bytes = 0;  // in unacked_bytes_
    Timestamp max_timestamp;
    bool appended = false;
  };

  [[nodiscard]] const char* refuse(const push::PublishRecord& record, const broker::Topic& topic);
  [[nodiscard]] bool add(Publication& publication, std::uint32_t item,
                         const push::PublishRecord& record, broker::Partition& partition);
  [[nodiscard]] Batch& batch_of(broker::Partition& partition);
  static void count_in(Batch& batch, Publication& publication, std::uint32_t item);
  void append(std::unique_ptr<Batch> batch);
  void in_log(Batch& batch);
  void done(Batch& batch);
  void settle(Publication& publication);  // which may be gone when it returns
  void reply(Publication& publication, std::string_view stage);
  void parts_done(Batch& batch, kafka::ErrorCode error);
  void release(std::unique_ptr<Batch> batch);

  PushShard& pushes_;
  LiveShard& live_;
  PushReplies& replies_;
  void (*acked_)(void*);
  void* context_;
  std::vector<std::unique_ptr<Batch>> open_;  // of this turn
  std::size_t unacked_bytes_ = 0;
  std::uint32_t in_flight_ = 0;
  std::int32_t sticky_;  // for records without a key or a partition
};

}  // namespace duolog::session

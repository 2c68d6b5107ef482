// ProduceJob: one Produce request, from its batches' validation to the last ack.
//
// Every batch is checked, what is compressed in it as well, and goes to its partition's owner, in
// the order of the request; the answer is ready when all have been acked as the request asks. What
// is too much to look into within a turn is looked into by a worker (../check_line.h). Lives in a
// response slot, which is not used again before its appends are done. The shard's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/broker/append.h"
#include "engine/broker/topic.h"
#include "engine/session/kafka/check_line.h"
#include "engine/session/kafka/requests/batch_records.h"
#include "engine/session/kafka/slot.h"
#include "net/kafka/produce.h"
#include "net/kafka/reader.h"

namespace duolog::session {

class ProduceJob final : public KafkaJob {
 public:
  explicit ProduceJob(ResponseSlot& slot) : slot_(slot) {}

  // Decodes the request and appends. An error: it is no Produce request.
  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  using PartitionResponse = kafka::ProduceResponse::Topic::Partition;
  struct Append : broker::AppendRequest {
    ProduceJob* job = nullptr;
    PartitionResponse* response = nullptr;
    bool log_append_time = false;
    // For broker::InflatedBatches, until the batch's offset is known.
    broker::InflatedBatches::Source source;
    std::size_t room_bytes = 0;
    std::uint32_t crc = 0;
    Buffer inflated;
  };

  void start_partition(broker::Topic* topic, kafka::ErrorCode refused,
                       const kafka::ProduceRequest::Topic::Partition& partition,
                       PartitionResponse& response);
  // A batch that may be appended; with `refuse_batch`, one that may not.
  void submit(Append& append, BatchVerdict& verdict);
  void refuse_batch(Append& append, const BatchVerdict& verdict);
  void line_up(Append& append, const BatchRules& rules, BatchVerdict verdict);
  [[nodiscard]] static MutableBytes batch_of(const Append& append);
  static void on_checked(BatchCheck& check);
  void refuse(PartitionResponse& response, kafka::ErrorCode error, std::string_view message);
  [[nodiscard]] kafka::ErrorCode refusal(const kafka::ProduceRequest& request) const;
  [[nodiscard]] Append& next_append();
  void finish();
  static void on_appended(broker::AppendRequest& request);
  void keep_inflated(Append& append);

  ResponseSlot& slot_;
  kafka::ProduceResponse response_;  // its arrays are in the slot's arena
  std::int16_t acks_ = -1;
  bool any_error_ = false;
  std::size_t records_told_ = 0;  // in record_errors
  std::size_t pending_ = 0;       // appends, and one for `start` while it runs
  std::unique_ptr<Append[]> appends_;
  std::size_t appends_used_ = 0;
  std::size_t appends_capacity_ = 0;
};

}  // namespace duolog::session

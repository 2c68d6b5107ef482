#include "tests/sim/server/producer.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/uuid.h"
#include "net/kafka/init_producer_id.h"
#include "net/kafka/produce.h"
#include "storage/record_batch.h"
#include "storage/record_batch_builder.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kProduceVersion = 9;
constexpr std::int16_t kProduceByIdVersion = 13;
constexpr std::int16_t kInitVersion = 4;

}  // namespace

SimProducer::SimProducer(World& world, std::string name, ProducerPlan plan)
    : Client(world, name), plan_(std::move(plan)), peer_(world.kernel, world.oracle, name) {}

std::string SimProducer::describe() const {
  return fmt::format("{}: {} batches unanswered, {} requests in flight; last error: {}", name(),
                     unanswered_.size(), peer_.unanswered(), last_error_);
}

void SimProducer::on_turn() {
  take_responses();
  if (done()) return;
  if (peer_.ended()) {
    if (!unanswered_.empty() || !nothing_to_begin()) start_over();
    return;
  }
  if (kernel().now_ns() - peer_.waits_since_ns() > kAnswerWithinUs * 1'000) return start_over();
  if (plan_.idempotent && producer_id_ < 0) {
    if (!asked_id_) {
      peer_.send(kInitVersion, kafka::InitProducerIdRequest{}, 0);
      asked_id_ = true;
    }
    return act_in_us(kAnswerWithinUs + 1);
  }
  for (Batch& batch : unanswered_) {
    if (!batch.in_flight && peer_.unanswered() < plan_.most_in_flight) send(batch);
  }
  if (peer_.unanswered() < plan_.most_in_flight && !nothing_to_begin()) {
    make_batch();
    act_in_us(kernel().below(3'000));
  }
  if (peer_.unanswered() > 0) act_in_us(kAnswerWithinUs + 1);
}

void SimProducer::start_over() {
  for (Batch& batch : unanswered_) batch.in_flight = false;
  asked_id_ = false;
  if (!peer_.connect()) return act_in_us(kRetryUs);
  act_in_us(kernel().below(1'000));
}

void SimProducer::make_batch() {
  Batch& batch = unanswered_.emplace_back();
  storage::RecordBatchBuilder builder(storage::kMaxInflatedBytes);
  const std::uint64_t count = 1 + kernel().below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string record = fmt::format("{}-{}", name(), records_++);
    const std::string value =
        record + " " + std::string(kernel().below(plan_.most_value_bytes), 'x');
    CHECK(builder.add({.timestamp = kernel().wall(), .value = as_bytes(value)}));
    oracle().sent({plan_.topic_id, plan_.partition}, record, plan_.idempotent);
    batch.names.push_back(record);
  }
  const MutableBytes bytes = builder.finish();
  batch.bytes.assign(bytes.begin(), bytes.end());
  batch.sequence = next_sequence_;
  next_sequence_ += static_cast<std::int32_t>(count);
  ++made_;
  send(batch);
}

void SimProducer::stamp(Batch& batch) const {
  if (!plan_.idempotent) return;
  std::uint8_t* at = batch.bytes.data();
  store_be<std::int64_t>(at + storage::batch_at::kProducerId, producer_id_);
  store_be<std::int16_t>(at + storage::batch_at::kProducerEpoch, 0);
  store_be<std::int32_t>(at + storage::batch_at::kBaseSequence, batch.sequence);
  storage::store_crc(batch.bytes);
}

void SimProducer::send(Batch& batch) {
  batch.in_flight = true;
  stamp(batch);
  kafka::ProduceRequest::Topic::Partition partition{.index = PartitionId(plan_.partition),
                                                    .records = kafka::Records(batch.bytes)};
  kafka::ProduceRequest::Topic topic{.name = plan_.topic,
                                     .topic_id = plan_.by_id ? *parse_uuid(plan_.topic_id) : Uuid(),
                                     .partition_data = std::span(&partition, 1)};
  peer_.send(plan_.by_id ? kProduceByIdVersion : kProduceVersion,
             kafka::ProduceRequest{
                 .acks = plan_.acks, .timeout_ms = 30'000, .topic_data = std::span(&topic, 1)},
             0);
}

void SimProducer::renew_producer_id() {
  producer_id_ = -1;
  next_sequence_ = 0;
  for (Batch& batch : unanswered_) {
    batch.in_flight = false;
    batch.sequence = next_sequence_;
    next_sequence_ += static_cast<std::int32_t>(batch.names.size());
    for (const std::string& record : batch.names) {
      oracle().sent({plan_.topic_id, plan_.partition}, record, false);
    }
  }
}

void SimProducer::give_up() {
  unanswered_.clear();
  made_ = plan_.batches;
  peer_.drop();
}

void SimProducer::take_responses() {
  while (auto response = peer_.take()) {
    if (response->api == kafka::ApiKey::kInitProducerId) {
      on_producer_id(*response);
    } else {
      on_produced(*response);
    }
  }
}

void SimProducer::on_producer_id(KafkaPeer::Response& response) {
  kafka::InitProducerIdResponse message;
  asked_id_ = false;
  if (!response.read(oracle(), message)) return;
  if (message.error_code != ErrorCode::kNone) {
    last_error_ = std::string(kafka::name(message.error_code));
    return act_in_us(kRetryUs);
  }
  producer_id_ = message.producer_id;
  oracle().producer_id(producer_id_);
  act_in_us(0);
}

void SimProducer::on_produced(KafkaPeer::Response& response) {
  kafka::ProduceResponse message;
  if (!response.read(oracle(), message)) return;
  if (unanswered_.empty() || message.responses.size() != 1 ||
      message.responses[0].partition_responses.size() != 1) {
    return oracle().wrong(name() + ": a produce response for another request");
  }
  const auto& answer = message.responses[0].partition_responses[0];
  const PartitionKey where{plan_.topic_id, plan_.partition};
  const Batch& batch = unanswered_.front();
  switch (answer.error_code) {
    case ErrorCode::kNone:
      for (std::size_t i = 0; i < batch.names.size(); ++i) {
        // Of a duplicate that is long written the offset may be unknown.
        if (answer.base_offset.value < 0) {
          oracle().acked_somewhere(where, batch.names[i]);
        } else {
          oracle().acked(where, answer.base_offset + static_cast<std::int64_t>(i), batch.names[i]);
        }
      }
      break;
    case ErrorCode::kDuplicateSequenceNumber:
      for (const std::string& record : batch.names) oracle().acked_somewhere(where, record);
      break;
    case ErrorCode::kOutOfOrderSequenceNumber:
      // All that came before it has been acked.
      // But a first batch that found the disk full: what followed it may have found room, and a
      // producer that is not known may begin anywhere.
      if (!oracle().may_lose(plan_.topic_id) && !(batch.sequence == 0 && first_was_refused_)) {
        oracle().wrong(
            fmt::format("{}: the batch with sequence {} is out of order", name(), batch.sequence));
      }
      renew_producer_id();
      peer_.drop();
      return act_in_us(kRetryUs);
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kUnknownTopicOrPartition:
      if (oracle().is_deleted(plan_.topic_id)) return give_up();
      return oracle().wrong(name() + ": its topic is gone");
    case ErrorCode::kKafkaStorageError:
    case ErrorCode::kNotLeaderOrFollower:
      if (batch.sequence == 0) first_was_refused_ = true;
      last_error_ = std::string(kafka::name(answer.error_code));
      // The order of what follows depends on it: all of it goes again.
      peer_.drop();
      for (Batch& other : unanswered_) other.in_flight = false;
      return act_in_us(kRetryUs);
    default:
      return oracle().wrong(
          fmt::format("{}: a batch is refused with {}", name(), kafka::name(answer.error_code)));
  }
  unanswered_.pop_front();
  act_in_us(kernel().below(2'000));
}

}  // namespace duolog::sim

#include "engine/session/kafka/requests/produce.h"

#include <string>
#include <utility>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/handlers.h"
#include "storage/record_batch.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
constexpr std::int16_t kFirstVersionWithZstd = 7;       // KIP-110
constexpr std::int16_t kFirstProduceWithTopicIds = 13;  // KIP-516

std::size_t count_partitions(const kafka::ProduceRequest& request) {
  std::size_t count = 0;
  for (const auto& topic : request.topic_data) count += topic.partition_data.size();
  return count;
}

}  // namespace

Result<void> ProduceJob::start(kafka::Reader& reader) {
  kafka::ProduceRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  acks_ = request.acks;
  any_error_ = false;
  records_told_ = 0;
  appends_used_ = 0;
  if (const std::size_t count = count_partitions(request); count > appends_capacity_) {
    appends_ = std::make_unique<Append[]>(count);
    appends_capacity_ = count;
  }
  slot_.job = this;
  pending_ = 1;
  const ErrorCode refused = refusal(request);
  broker::Broker& broker = slot_.connection.broker();
  auto topics = slot_.arena.make<kafka::ProduceResponse::Topic>(request.topic_data.size());
  response_ = {.responses = topics};
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topic_data[t];
    topics[t].name = slot_.arena.copy(asked.name);
    topics[t].topic_id = asked.topic_id;
    auto partitions = slot_.arena.make<PartitionResponse>(asked.partition_data.size());
    topics[t].partition_responses = partitions;
    broker::Topic* topic = slot_.version >= kFirstProduceWithTopicIds ? broker.find(asked.topic_id)
                                                                      : broker.find(asked.name);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      start_partition(topic, refused, asked.partition_data[p], partitions[p]);
    }
  }
  if (--pending_ == 0) finish();
  return {};
}

// What is wrong with the request as a whole. There are no transactions here, so none is under way:
// a transactional write is answered as Kafka answers one outside of a transaction (KIP-890).
ErrorCode ProduceJob::refusal(const kafka::ProduceRequest& request) const {
  if (request.acks < -1 || request.acks > 1) return ErrorCode::kInvalidRequiredAcks;
  if (request.transactional_id) return ErrorCode::kInvalidTxnState;
  return ErrorCode::kNone;
}

void ProduceJob::start_partition(broker::Topic* topic, ErrorCode refused,
                                 const kafka::ProduceRequest::Topic::Partition& partition,
                                 PartitionResponse& response) {
  response.index = partition.index;
  response.base_offset = Offset(-1);
  if (refused != ErrorCode::kNone) return refuse(response, refused, {});
  broker::Partition* target = topic == nullptr ? nullptr : topic->partition(partition.index);
  if (target == nullptr) {
    const bool by_id = slot_.version >= kFirstProduceWithTopicIds && topic == nullptr;
    return refuse(response,
                  by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition, {});
  }
  if (!slot_.connection.may(slot_, topic->name)) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed, {});
  }
  if (broker::is_internal_topic(topic->name)) {
    return refuse(response, ErrorCode::kInvalidTopicException, "The topic is internal.");
  }
  if (target->offline()) return refuse(response, ErrorCode::kKafkaStorageError, {});
  // The frame is this connection's to change: the socket's buffer, or its own. Once it is kept,
  // that copy is the one to work on.
  Bytes records = partition.records.bytes();
  if (!slot_.frame.empty() && !records.empty()) records = slot_.connection.keep(slot_, records);
  Append& append = next_append();
  append.partition = target;
  append.batch = records;
  append.job = this;
  append.response = &response;
  append.log_append_time = topic->config->timestamp_type == storage::TimestampType::kLogAppendTime;
  KafkaConnection& connection = slot_.connection;
  BatchRules rules = rules_of(*topic->config, connection.shard().wall_now());
  rules.max_inflated_bytes = connection.sessions().settings().max_inflated_bytes;
  rules.most_named = kMostBadRecords - records_told_;
  rules.zstd_known = slot_.version >= kFirstVersionWithZstd;
  KafkaSessions& sessions = connection.sessions();
  if (storage::is_compressed(records)) {
    append.source = {topic->id, target->id};
    append.room_bytes = connection.broker().inflated().take_room(append.source, records.size(),
                                                                 connection.shard().now_ns());
    rules.keep_inflated_bytes = append.room_bytes;
  }
  BatchVerdict verdict =
      check_batch(batch_of(append), rules, sessions.check_limits(), {topic->name, partition.index});
  sessions.inflated(verdict.inflated_bytes);
  if (verdict.error != ErrorCode::kNone) return refuse_batch(append, verdict);
  if (verdict.too_much || connection.checks().holds(*target)) {
    return line_up(append, rules, std::move(verdict));
  }
  submit(append, verdict);
}

// The frame is the connection's to change, or the slot's.
MutableBytes ProduceJob::batch_of(const Append& append) {
  return {const_cast<std::uint8_t*>(append.batch.data()), append.batch.size()};
}

void ProduceJob::line_up(Append& append, const BatchRules& rules, BatchVerdict verdict) {
  KafkaConnection& connection = slot_.connection;
  append.batch = connection.keep(slot_, append.batch);
  auto check = std::make_unique<BatchCheck>();
  check->partition = append.partition;
  check->topic_name = append.partition->topic.name;
  check->partition_index = append.partition->id;
  check->batch = batch_of(append);
  check->rules = rules;
  check->checked = !verdict.too_much;
  check->verdict = std::move(verdict);
  check->ready = on_checked;
  check->context = &append;
  ++pending_;
  connection.checks().add(std::move(check));
}

void ProduceJob::on_checked(BatchCheck& check) {
  auto& append = *static_cast<Append*>(check.context);
  ProduceJob& job = *append.job;
  append.partition = check.partition;
  if (append.partition == nullptr) {
    job.keep_inflated(append);
    job.refuse(*append.response, ErrorCode::kUnknownTopicOrPartition, {});
  } else if (check.verdict.error != ErrorCode::kNone) {
    job.refuse_batch(append, check.verdict);
  } else {
    job.submit(append, check.verdict);
  }
  if (--job.pending_ == 0) job.finish();
}

void ProduceJob::submit(Append& append, BatchVerdict& verdict) {
  KafkaConnection& connection = slot_.connection;
  if (verdict.inflated_bytes > 0) connection.sessions().counters().batches_inflated.add();
  append.records = verdict.record_count;
  append.max_timestamp = verdict.max_timestamp;
  if (append.log_append_time) append.response->log_append_time_ms = verdict.max_timestamp;
  append.acks = static_cast<broker::Acks>(acks_);
  append.done = on_appended;
  append.appended = nullptr;
  append.inflated = std::move(verdict.inflated);
  if (append.inflated.empty()) {
    keep_inflated(append);
  } else {
    append.crc = storage::crc_of(append.batch);
    append.appended = [](broker::AppendRequest& request) {
      auto& appended = static_cast<Append&>(request);
      appended.job->keep_inflated(appended);
    };
  }
  append.error = ErrorCode::kNone;
  append.base_offset = append.log_start = Offset(-1);
  append.first_timestamp = Timestamp(-1);
  ++pending_;
  connection.begin_flight();
  if (append.partition->owner != connection.shard().id()) {
    append.batch = connection.keep(slot_, append.batch);
    (void)connection.broker().append(append);  // from here on the other shard reads it
  } else if (const Bytes batch = append.batch; !connection.broker().append(append)) {
    append.batch = connection.keep(slot_, batch);
  }
}

// Now that its offset is known, or that it has none. Once for each room that was taken. A duplicate
// is told its first copy's offset, and what it has inside is only its sender's word: a CRC is made
// to fit easily.
void ProduceJob::keep_inflated(Append& append) {
  if (append.room_bytes == 0) return;
  broker::InflatedBatches& batches = slot_.connection.broker().inflated();
  batches.give_back(std::exchange(append.room_bytes, 0));
  Buffer records = std::move(append.inflated);
  if (records.empty() || append.duplicate || append.base_offset < Offset(0)) return;
  batches.keep(append.source, append.base_offset, append.crc, std::move(records),
               slot_.connection.shard().now_ns());
}

void ProduceJob::refuse_batch(Append& append, const BatchVerdict& verdict) {
  keep_inflated(append);
  KafkaCounters& counters = slot_.connection.sessions().counters();
  if (verdict.error == ErrorCode::kMessageTooLarge) counters.batches_too_large.add();
  if (verdict.error == ErrorCode::kUnknownServerError) counters.batches_damaged.add();
  PartitionResponse& response = *append.response;
  // Of all batches of the request: their number is the client's.
  const std::size_t told = std::min(verdict.records.size(), kMostBadRecords - records_told_);
  records_told_ += told;
  if (told > 0) {
    auto errors = slot_.arena.make<PartitionResponse::RecordError>(told);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      errors[i].batch_index = verdict.records[i].number;
      errors[i].batch_index_error_message = slot_.arena.copy(verdict.records[i].message);
    }
    response.record_errors = errors;
    response.log_start_offset = append.partition->log->start_offset();
  }
  refuse(response, verdict.error, verdict.message);
}

void ProduceJob::refuse(PartitionResponse& response, ErrorCode error, std::string_view message) {
  response.error_code = error;
  if (!message.empty()) {
    response.error_message = slot_.arena.copy(message);
  }
  slot_.connection.count_error(error);
  any_error_ = true;
}

ProduceJob::Append& ProduceJob::next_append() {
  CHECK(appends_used_ < appends_capacity_);
  return appends_[appends_used_++];
}

void ProduceJob::on_appended(broker::AppendRequest& request) {
  auto& append = static_cast<Append&>(request);
  ProduceJob& job = *append.job;
  job.keep_inflated(append);
  if (append.error != ErrorCode::kNone) {
    append.response->log_append_time_ms = Timestamp(-1);
    append.response->log_start_offset = append.log_start;
    if (append.error == ErrorCode::kMessageTooLarge) {
      job.slot_.connection.sessions().counters().batches_too_large.add();
    }
    job.refuse(*append.response, append.error, {});
  } else {
    append.response->base_offset = append.base_offset;
    append.response->log_start_offset = append.log_start;
    if (append.first_timestamp != Timestamp(-1)) {
      append.response->log_append_time_ms = append.first_timestamp;
    }
  }
  KafkaConnection& connection = job.slot_.connection;
  if (--job.pending_ == 0) job.finish();
  connection.end_flight();
}

// With acks=0 there is no response; an error closes the connection, so that the client learns that
// something is wrong.
void ProduceJob::finish() {
  KafkaConnection& connection = slot_.connection;
  if (acks_ != 0) return connection.answer(slot_, response_);
  connection.answer_nothing(slot_);
  if (any_error_) {
    connection.refuse(KafkaClose::kAckless,
                      "a Produce request with acks=0 failed: see its error "
                      "by producing with acks=1");
  }
}

Result<void> produce(ResponseSlot& slot, kafka::Reader& reader) {
  if (slot.produce == nullptr) slot.produce = std::make_unique<ProduceJob>(slot);
  return slot.produce->start(reader);
}

}  // namespace duolog::session

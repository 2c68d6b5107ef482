#include <vector>

#include "engine/session/kafka_connection.h"
#include "engine/session/kafka_topics.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using PartitionRequest = kafka::DeleteRecordsRequest::Topic::Partition;
using PartitionResponse = kafka::DeleteRecordsResponse::Topic::Partition;

constexpr Offset kToHighWatermark{-1};

// A DeleteRecords request: the partitions that are wanted go as one change.
class DeleteRecordsJob final : public KafkaJob {
 public:
  explicit DeleteRecordsJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  void add(const broker::Topic* topic, const PartitionRequest& asked, PartitionResponse& response);
  void refuse(PartitionResponse& response, ErrorCode error);
  void moved(const std::vector<broker::LogStart>& starts);

  ResponseSlot& slot_;
  kafka::DeleteRecordsResponse response_;  // its arrays are in the slot's arena
  std::vector<broker::LogStart> starts_;
  std::vector<PartitionResponse*> responses_;  // of each of them
};

Result<void> DeleteRecordsJob::start(kafka::Reader& reader) {
  kafka::DeleteRecordsRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  KafkaConnection& connection = slot_.connection;
  auto topics = slot_.arena.make<kafka::DeleteRecordsResponse::Topic>(request.topics.size());
  response_.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].name = slot_.arena.copy(asked.name);
    auto partitions = slot_.arena.make<PartitionResponse>(asked.partitions.size());
    topics[t].partitions = partitions;
    const broker::Topic* topic = connection.broker().find(asked.name);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      add(topic, asked.partitions[p], partitions[p]);
    }
  }
  if (starts_.empty()) {
    connection.answer(slot_, response_);
    return {};
  }
  connection.begin_flight();
  connection.broker().move_log_starts(std::move(starts_),
                                      [this, &connection, generation = slot_.generation](
                                          const std::vector<broker::LogStart>& starts) {
                                        if (connection.wanted(slot_, generation)) moved(starts);
                                        connection.end_flight();
                                      });
  return {};
}

void DeleteRecordsJob::add(const broker::Topic* topic, const PartitionRequest& asked,
                           PartitionResponse& response) {
  response.partition_index = asked.partition_index;
  response.low_watermark = Offset(-1);
  const broker::Partition* partition =
      topic == nullptr ? nullptr : topic->partition(asked.partition_index);
  if (partition == nullptr) return refuse(response, ErrorCode::kUnknownTopicOrPartition);
  if (!broker::authorize(slot_.connection.principal(), broker::Operation::kDelete,
                         {.name = topic->name})) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  }
  const Offset end = partition->log->high_watermark().offset;
  const Offset start = asked.offset == kToHighWatermark ? end : asked.offset;
  if (start.value < 0 || start > end) return refuse(response, ErrorCode::kOffsetOutOfRange);
  starts_.push_back({.topic = topic->id, .partition = asked.partition_index, .start = start});
  responses_.push_back(&response);
}

void DeleteRecordsJob::refuse(PartitionResponse& response, ErrorCode error) {
  response.error_code = error;
  slot_.connection.count_error(error);
}

void DeleteRecordsJob::moved(const std::vector<broker::LogStart>& starts) {
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (starts[i].error != ErrorCode::kNone) {
      refuse(*responses_[i], starts[i].error);
    } else {
      responses_[i]->low_watermark = starts[i].start;
    }
  }
  slot_.connection.answer(slot_, response_);
}

}  // namespace

Result<void> delete_records(ResponseSlot& slot, kafka::Reader& reader) {
  auto job = std::make_unique<DeleteRecordsJob>(slot);
  DeleteRecordsJob& started = *job;
  slot.other = std::move(job);
  return started.start(reader);
}

}  // namespace duolog::session

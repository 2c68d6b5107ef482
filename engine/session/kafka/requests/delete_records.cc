#include <string_view>
#include <utility>
#include <vector>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/topics.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using PartitionRequest = kafka::DeleteRecordsRequest::Topic::Partition;
using PartitionResponse = kafka::DeleteRecordsResponse::Topic::Partition;

constexpr Offset kHighWatermark{-1};
constexpr Offset kNoLowWatermark{-1};

// A DeleteRecords request: the partitions that pass go to the controller together.
class DeleteRecordsJob final : public KafkaJob {
 public:
  explicit DeleteRecordsJob(ResponseSlot& slot) : slot_(slot) {}

  [[nodiscard]] Result<void> start(kafka::Reader& reader);

 private:
  void add(std::string_view name, const PartitionRequest& asked, PartitionResponse& response);
  // What forbids it, and where the log should begin otherwise.
  [[nodiscard]] ErrorCode check(const broker::Topic* topic, const PartitionRequest& asked,
                                Offset& start) const;
  void moved(const std::vector<broker::LogStart>& starts);
  void refuse(PartitionResponse& response, ErrorCode error);

  ResponseSlot& slot_;
  kafka::DeleteRecordsResponse response_;  // its arrays are in the slot's arena
  std::vector<broker::LogStart> starts_;
  std::vector<PartitionResponse*> responses_;  // of each of them
};

Result<void> DeleteRecordsJob::start(kafka::Reader& reader) {
  kafka::DeleteRecordsRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  slot_.job = this;
  auto topics = slot_.arena.make<kafka::DeleteRecordsResponse::Topic>(request.topics.size());
  response_.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].name = slot_.arena.copy(asked.name);
    auto partitions = slot_.arena.make<PartitionResponse>(asked.partitions.size());
    topics[t].partitions = partitions;
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      add(topics[t].name, asked.partitions[p], partitions[p]);
    }
  }
  KafkaConnection& connection = slot_.connection;
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

void DeleteRecordsJob::add(std::string_view name, const PartitionRequest& asked,
                           PartitionResponse& response) {
  response.partition_index = asked.partition_index;
  response.low_watermark = kNoLowWatermark;
  const bool allowed =
      broker::authorize(slot_.connection.principal(), broker::Operation::kDelete, {.name = name});
  if (!allowed) return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  const broker::Topic* topic = slot_.connection.broker().find(name);
  broker::LogStart wanted{.partition = asked.partition_index};
  const ErrorCode error = check(topic, asked, wanted.start);
  if (error != ErrorCode::kNone) return refuse(response, error);
  wanted.topic = topic->id;
  starts_.push_back(wanted);
  responses_.push_back(&response);
}

ErrorCode DeleteRecordsJob::check(const broker::Topic* topic, const PartitionRequest& asked,
                                  Offset& start) const {
  const broker::Partition* partition =
      topic == nullptr ? nullptr : topic->partition(asked.partition_index);
  if (partition == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  if (broker::is_internal_topic(topic->name)) return ErrorCode::kInvalidTopicException;
  if (!topic->config->log.cleanup_delete) return ErrorCode::kPolicyViolation;
  const Offset end = partition->log->high_watermark().offset;
  start = asked.offset == kHighWatermark ? end : asked.offset;
  if (start < Offset(0) || start > end) return ErrorCode::kOffsetOutOfRange;
  return ErrorCode::kNone;
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

void DeleteRecordsJob::refuse(PartitionResponse& response, ErrorCode error) {
  response.error_code = error;
  slot_.connection.count_error(error);
}

}  // namespace

Result<void> delete_records(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<DeleteRecordsJob>(slot, reader);
}

}  // namespace duolog::session

#include <string_view>
#include <utility>
#include <vector>

#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "net/kafka/partitions.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using PartitionRequest = kafka::DeleteRecordsRequest::Topic::Partition;
using PartitionResponse = kafka::DeleteRecordsResponse::Topic::Partition;

constexpr Offset kHighWatermark{-1};
constexpr Offset kNoLowWatermark{-1};

// A DeleteRecords request: the partitions that pass go to the controller together.
class DeleteRecordsJob final : public GatheringJob {
 public:
  using Request = kafka::DeleteRecordsRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  void add(std::string_view name, const PartitionRequest& asked, PartitionResponse& response);
  // What forbids it, and where the log should begin otherwise.
  [[nodiscard]] ErrorCode check(const broker::Topic* topic, const PartitionRequest& asked,
                                Offset& start) const;
  void moved(const std::vector<broker::LogStart>& starts);
  void finish() override;

  kafka::DeleteRecordsResponse response_;  // its arrays are in the slot's arena
  std::vector<broker::LogStart> starts_;
  std::vector<PartitionResponse*> responses_;  // of each of them
};

void DeleteRecordsJob::start(const Request& request) {
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
  if (starts_.empty()) return;
  slot_.connection.broker().move_log_starts(
      std::move(starts_),
      then([this](const std::vector<broker::LogStart>& starts) { moved(starts); }),
      slot_.connection.who(slot_));
}

void DeleteRecordsJob::add(std::string_view name, const PartitionRequest& asked,
                           PartitionResponse& response) {
  response.partition_index = asked.partition_index;
  response.low_watermark = kNoLowWatermark;
  if (!slot_.connection.may(slot_, name)) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  }
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
  if (partition->offline()) return ErrorCode::kKafkaStorageError;
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
}

void DeleteRecordsJob::finish() { slot_.connection.answer(slot_, response_); }

}  // namespace

Result<void> delete_records(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<DeleteRecordsJob>(slot, reader);
}

}  // namespace duolog::session

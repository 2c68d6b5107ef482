// ListOffsets and OffsetForLeaderEpoch: which offset belongs to a time, or to the end of an epoch.
#include "net/kafka/offsets.h"

#include <algorithm>

#include "engine/broker/cluster.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "storage/time_search.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using storage::ReadStatus;

// Whether the client knows the leader that this run of the server is (KIP-320).
ErrorCode check_epoch(ResponseSlot& slot, LeaderEpoch asked) {
  const LeaderEpoch current = slot.connection.broker().cluster().leader_epoch();
  if (asked.value < 0 || asked == current) return ErrorCode::kNone;
  return asked < current ? ErrorCode::kFencedLeaderEpoch : ErrorCode::kUnknownLeaderEpoch;
}

// The first version in which each code that is not a time has its meaning; 0 for those without one.
std::int16_t first_version_of(Timestamp code) {
  if (code == kafka::kMaxTimestamp) return 7;
  if (code == kafka::kEarliestLocal) return 8;
  if (code == kafka::kLatestTiered) return 9;
  if (code == kafka::kEarliestPending) return 11;
  return code == kafka::kLatestOffset || code == kafka::kEarliestOffset ? 1 : 0;
}

// A ListOffsets request; it stays in its slot for as long as data is cold.
class ListOffsetsJob final : public GatheringJob {
 public:
  using Request = kafka::ListOffsetsRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);
  void topic_gone(broker::Topic& topic) override;

 private:
  using PartitionResponse = kafka::ListOffsetsResponse::Topic::Partition;
  struct Part {
    broker::Topic* topic = nullptr;
    broker::Partition* partition = nullptr;  // null: it is decided
    PartitionResponse* response = nullptr;
    storage::TimeSearch search;
    std::uint16_t times_cold = 0;
  };

  void start_partition(broker::Topic* topic, const Request::Topic::Partition& asked,
                       PartitionResponse& response);
  void search(Part& part);
  void decide(Part& part, const storage::TimeSearch::Found& found);
  void finish() override;

  static constexpr std::uint16_t kMostTimesCold = 1024;

  kafka::ListOffsetsResponse response_;
  std::span<Part> parts_;  // in the slot's arena, as all of it
  std::size_t count_ = 0;
  storage::SearchScratch scratch_;
};

void ListOffsetsJob::start(const Request& request) {
  std::size_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  parts_ = slot_.arena.make<Part>(count);
  auto topics = slot_.arena.make<kafka::ListOffsetsResponse::Topic>(request.topics.size());
  response_.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].name = slot_.arena.copy(asked.name);
    auto partitions = slot_.arena.make<PartitionResponse>(asked.partitions.size());
    topics[t].partitions = partitions;
    broker::Topic* topic = slot_.connection.broker().find(asked.name);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      start_partition(topic, asked.partitions[p], partitions[p]);
    }
  }
}

void ListOffsetsJob::start_partition(broker::Topic* topic, const Request::Topic::Partition& asked,
                                     PartitionResponse& response) {
  response.partition_index = asked.partition_index;
  broker::Partition* partition =
      topic == nullptr ? nullptr : topic->partition(asked.partition_index);
  if (partition == nullptr) return refuse(response, ErrorCode::kUnknownTopicOrPartition);
  if (!slot_.connection.may(slot_, topic->name)) {
    return refuse(response, ErrorCode::kTopicAuthorizationFailed);
  }
  if (partition->offline()) return refuse(response, ErrorCode::kKafkaStorageError);
  const ErrorCode fenced = check_epoch(slot_, asked.current_leader_epoch);
  if (fenced != ErrorCode::kNone) return refuse(response, fenced);
  const storage::Log& log = *partition->log;
  if (asked.timestamp.value < 0) {
    const std::int16_t first_version = first_version_of(asked.timestamp);
    if (first_version == 0 || slot_.version < first_version) {
      return refuse(response, ErrorCode::kUnsupportedVersion);
    }
  }
  if (asked.timestamp == kafka::kLatestOffset) {
    response.offset = log.high_watermark().offset;
    response.leader_epoch = slot_.connection.broker().cluster().leader_epoch();
    return;
  }
  if (asked.timestamp == kafka::kEarliestOffset || asked.timestamp == kafka::kEarliestLocal) {
    response.offset = log.start_offset();
    const storage::EpochHistory& epochs = log.epochs();
    response.leader_epoch =
        epochs.empty() ? slot_.connection.broker().cluster().leader_epoch() : epochs.front().epoch;
    return;
  }
  // Nothing is ever moved to other storage.
  if (asked.timestamp == kafka::kLatestTiered || asked.timestamp == kafka::kEarliestPending) return;
  Part& part = parts_[count_++];
  part = {.topic = topic,
          .partition = partition,
          .response = &response,
          .search = asked.timestamp == kafka::kMaxTimestamp
                        ? storage::TimeSearch::latest()
                        : storage::TimeSearch::at_or_after(asked.timestamp)};
  one_more();
  search(part);
}

void ListOffsetsJob::search(Part& part) {
  const storage::TimeSearch::Found found = part.search.step(*part.partition->log, scratch_);
  if (found.status != ReadStatus::kCold || ++part.times_cold > kMostTimesCold) {
    return decide(part, found);
  }
  slot_.connection.warm_up(slot_, found.cold, [this, &part](const Result<void>& outcome) {
    if (part.partition == nullptr) return;
    if (outcome) return search(part);
    slot_.connection.sessions().warn(outcome.error().message);
    decide(part, {.status = ReadStatus::kCold});
  });
}

void ListOffsetsJob::decide(Part& part, const storage::TimeSearch::Found& found) {
  part.partition = nullptr;
  switch (found.status) {
    case ReadStatus::kOk:
      part.response->offset = found.offset;
      part.response->timestamp = found.timestamp;
      part.response->leader_epoch = found.leader_epoch;
      break;
    case ReadStatus::kCorrupt:
      refuse(*part.response, ErrorCode::kCorruptMessage);
      break;
    case ReadStatus::kCold:
    case ReadStatus::kOutOfRange:
      refuse(*part.response, ErrorCode::kKafkaStorageError);
      break;
  }
  one_done();
}

void ListOffsetsJob::topic_gone(broker::Topic& topic) {
  for (Part& part : parts_.first(count_)) {
    if (part.topic != &topic || part.partition == nullptr) continue;
    part.partition = nullptr;
    refuse(*part.response, ErrorCode::kUnknownTopicOrPartition);
    one_done();
  }
}

void ListOffsetsJob::finish() { slot_.connection.answer(slot_, response_); }

}  // namespace

Result<void> list_offsets(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<ListOffsetsJob>(slot, reader);
}

Result<void> offset_for_leader_epoch(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::OffsetForLeaderEpochRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  broker::Broker& broker = slot.connection.broker();
  auto topics = slot.arena.make<kafka::OffsetForLeaderEpochResponse::Topic>(request.topics.size());
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].topic = asked.topic;
    auto partitions = slot.arena.make<kafka::OffsetForLeaderEpochResponse::Topic::Partition>(
        asked.partitions.size());
    topics[t].partitions = partitions;
    const broker::Topic* topic = broker.find(asked.topic);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      const auto& wanted = asked.partitions[p];
      auto& response = partitions[p];
      response.partition = wanted.partition;
      broker::Partition* partition =
          topic == nullptr ? nullptr : topic->partition(wanted.partition);
      if (partition == nullptr) {
        response.error_code = ErrorCode::kUnknownTopicOrPartition;
      } else if (!slot.connection.may(slot, topic->name)) {
        response.error_code = ErrorCode::kTopicAuthorizationFailed;
      } else if (partition->offline()) {
        response.error_code = ErrorCode::kKafkaStorageError;
      } else {
        response.error_code = check_epoch(slot, wanted.current_leader_epoch);
      }
      slot.connection.count_error(response.error_code);
      if (response.error_code != ErrorCode::kNone) continue;
      const storage::EpochEnd end = storage::end_of_epoch(*partition->log, wanted.leader_epoch,
                                                          broker.cluster().leader_epoch());
      response.leader_epoch = end.epoch;
      response.end_offset = end.end;
    }
  }
  slot.connection.answer(slot, kafka::OffsetForLeaderEpochResponse{.topics = topics});
  return {};
}

}  // namespace duolog::session

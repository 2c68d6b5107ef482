// The first half of a FetchJob: from the request's bytes to the partitions to look at.
#include <algorithm>

#include "engine/base/clock.h"
#include "engine/broker/cluster.h"
#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/fetch.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

std::uint64_t not_negative(std::int32_t value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

std::size_t count_partitions(const kafka::FetchRequest& request) {
  std::size_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  return count;
}

}  // namespace

Result<void> FetchJob::start(kafka::Reader& reader) {
  kafka::FetchRequest request;
  if (auto decoded = kafka::decode(reader, slot_.version, request); !decoded) return decoded;
  KafkaConnection& connection = slot_.connection;
  response_ = {};
  any_error_ = expired_ = false;
  const FetchSessions::Begun begun = connection.sessions().fetch_sessions().begin(
      connection, request, slot_.version >= kFirstFetchWithTopicIds, connection.shard().now_ns());
  if (begun.error != ErrorCode::kNone) {
    count_ = 0;
    response_.error_code = begun.error;
    connection.count_error(begun.error);
    connection.answer(slot_, response_);
    return {};
  }
  const KafkaSettings& settings = connection.sessions().settings();
  isolation_level_ = request.isolation_level;
  min_bytes_ = not_negative(request.min_bytes);
  max_bytes_ = not_negative(std::min(request.max_bytes, settings.fetch_max_bytes));
  min_bytes_ = std::min(min_bytes_, max_bytes_);
  expired_ = request.max_wait_ms <= 0;
  slot_.job = this;
  names_ = {};
  if (begun.session != nullptr) {
    response_.session_id = begun.session->id();
    session_epoch_ = begun.session->epoch();
  }
  if (begun.incremental && begun.session != nullptr) {
    prepare(*begun.session);
  } else {
    prepare(request);
  }
  if (!expired_) {
    connection.shard().timers().arm(
        timer_, connection.shard().now_ns() + not_negative(request.max_wait_ms) * kNsPerMs);
  }
  advance();
  return {};
}

void FetchJob::begin_parts(std::size_t count) {
  if (count > capacity_) {
    parts_ = std::make_unique<Part[]>(count);
    capacity_ = count;
  }
  count_ = 0;
  responses_ = slot_.arena.make<PartitionResponse>(count);
}

void FetchJob::prepare(const kafka::FetchRequest& request) {
  broker::Broker& broker = slot_.connection.broker();
  begin_parts(count_partitions(request));
  std::size_t next = 0;
  const bool by_id = slot_.version >= kFirstFetchWithTopicIds;
  auto topics = slot_.arena.make<kafka::FetchResponse::Topic>(request.topics.size());
  response_.responses = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].topic = slot_.arena.copy(asked.topic);
    topics[t].topic_id = asked.topic_id;
    const auto partitions = responses_.subspan(next, asked.partitions.size());
    next += partitions.size();
    topics[t].partitions = partitions;
    broker::Topic* topic = by_id ? broker.find(asked.topic_id) : broker.find(asked.topic);
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      prepare_part(topic, asked.partitions[p], partitions[p]);
    }
  }
}

// What the session holds. The names are kept: it may have changed before the answer.
void FetchJob::prepare(const FetchSession& session) {
  broker::Broker& broker = slot_.connection.broker();
  const auto& partitions = session.partitions();
  begin_parts(partitions.size());
  names_ = slot_.arena.make<Named>(partitions.size());
  const bool by_id = slot_.version >= kFirstFetchWithTopicIds;
  broker::Topic* topic = nullptr;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const FetchSession::Partition& partition = *partitions[i];
    const bool same_topic = i > 0 && partition.topic_id == names_[i - 1].topic_id &&
                            partition.topic == names_[i - 1].topic;
    if (same_topic) {
      names_[i] = {names_[i - 1].topic, partition.topic_id, partition.said};
    } else {
      names_[i] = {slot_.arena.copy(partition.topic), partition.topic_id, partition.said};
      topic = by_id ? broker.find(partition.topic_id) : broker.find(partition.topic);
    }
    prepare_part(topic, partition.asked, responses_[i]);
  }
}

void FetchJob::prepare_part(broker::Topic* topic,
                            const kafka::FetchRequest::Topic::Partition& asked,
                            PartitionResponse& response) {
  response.partition_index = asked.partition;
  response.high_watermark = Offset(-1);
  if (isolation_level_ == 1) response.aborted_transactions = {};  // read committed: none, not null
  broker::Partition* partition = topic == nullptr ? nullptr : topic->partition(asked.partition);
  ErrorCode error = ErrorCode::kNone;
  if (partition == nullptr) {
    const bool by_id = slot_.version >= kFirstFetchWithTopicIds && topic == nullptr;
    error = by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
  } else if (!slot_.connection.may(slot_, topic->name)) {
    error = ErrorCode::kTopicAuthorizationFailed;
  } else if (partition->offline()) {
    error = ErrorCode::kKafkaStorageError;
  }
  if (error != ErrorCode::kNone) {
    response.error_code = error;
    response.aborted_transactions = {};
    slot_.connection.count_error(error);
    any_error_ = true;
    return;
  }
  Part& part = parts_[count_++];
  part.job = this;
  part.ready = on_ready;
  part.topic = topic;
  part.partition = partition;
  part.response = &response;
  part.offset = asked.fetch_offset;
  part.max_bytes = not_negative(asked.partition_max_bytes);
  part.located = part.warming = part.more = false;
  part.changed = true;
  part.times_cold = 0;
  part.at = part.to = part.seen = Position(0);
  if (!check_epochs(asked, part)) return;
}

// KIP-320: whether the client knows this leader, and fetched what this log holds.
bool FetchJob::check_epochs(const kafka::FetchRequest::Topic::Partition& asked, Part& part) {
  const LeaderEpoch current = slot_.connection.broker().cluster().leader_epoch();
  if (asked.current_leader_epoch.value >= 0 && asked.current_leader_epoch != current) {
    set_error(part, asked.current_leader_epoch < current ? ErrorCode::kFencedLeaderEpoch
                                                         : ErrorCode::kUnknownLeaderEpoch);
    return false;
  }
  if (asked.last_fetched_epoch.value < 0) return true;
  const storage::EpochEnd end =
      storage::end_of_epoch(*part.partition->log, asked.last_fetched_epoch, current);
  if (end.epoch.value < 0) {
    set_error(part, ErrorCode::kOffsetOutOfRange);
    return false;
  }
  if (end.epoch < asked.last_fetched_epoch || end.end < asked.fetch_offset) {
    const storage::Log& log = *part.partition->log;
    part.response->log_start_offset = log.start_offset();
    part.response->high_watermark = log.high_watermark().offset;
    part.response->last_stable_offset = part.response->high_watermark;
    set_error(part, ErrorCode::kNone);
    part.response->diverging_epoch = {.epoch = end.epoch, .end_offset = end.end};
    return false;
  }
  return true;
}

Result<void> fetch(ResponseSlot& slot, kafka::Reader& reader) {
  if (slot.fetch == nullptr) slot.fetch = std::make_unique<FetchJob>(slot);
  return slot.fetch->start(reader);
}

}  // namespace duolog::session

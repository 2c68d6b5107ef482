#include "tests/sim/server/fetcher.h"

#include <fmt/format.h>

#include "engine/base/uuid.h"
#include "net/kafka/fetch.h"
#include "net/kafka/offsets.h"
#include "tests/sim/server/records.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::uint64_t kAuditWithinNs = 400'000'000;

constexpr std::int16_t kFetchVersion = 12;
constexpr std::int16_t kFetchByIdVersion = 17;
constexpr std::int16_t kListOffsetsVersion = 7;

bool is_gone(ErrorCode error) {
  return error == ErrorCode::kUnknownTopicId || error == ErrorCode::kUnknownTopicOrPartition;
}

}  // namespace

SimFetcher::SimFetcher(World& world, std::string name, FetcherPlan plan)
    : Client(world, name),
      plan_(std::move(plan)),
      where_{plan_.topic_id, plan_.partition},
      peer_(world.kernel, world.oracle, name) {}

std::string SimFetcher::describe() const {
  return fmt::format("{}: at {}, {} requests in flight; last error: {}", name(), position_.value,
                     peer_.unanswered(), last_error_);
}

void SimFetcher::on_turn() {
  while (auto response = peer_.take()) {
    // Nothing else goes on, so that only a wake-up that was lost can take as long.
    if (plan_.audit && response->waited_ns > kAuditWithinNs) {
      oracle().wrong(
          fmt::format("{}: an answer took {} ms", name(), response->waited_ns / 1'000'000));
    }
    if (response->api == kafka::ApiKey::kFetch) {
      on_fetched(*response);
    } else {
      on_start(*response);
    }
  }
  if (audited_) return peer_.drop();
  const bool late = kernel().now_ns() - peer_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if (peer_.ended() || late) {
    session_id_ = 0;
    session_epoch_ = 0;
    knows_start_ = false;
    act_in_us(kRetryUs);
    if (!peer_.connect()) return;
  }
  act_in_us(kAnswerWithinUs + 1);
  if (peer_.unanswered() > 0) return;
  knows_start_ ? fetch() : ask_start();
}

void SimFetcher::ask_start() {
  promised_start_ = oracle().start_of(where_);
  kafka::ListOffsetsRequest::Topic::Partition partition{
      .partition_index = PartitionId(plan_.partition), .timestamp = kafka::kEarliestOffset};
  kafka::ListOffsetsRequest::Topic topic{.name = plan_.topic,
                                         .partitions = std::span(&partition, 1)};
  peer_.send(kListOffsetsVersion,
             kafka::ListOffsetsRequest{.replica_id = -1, .topics = std::span(&topic, 1)}, 0);
}

void SimFetcher::on_start(KafkaPeer::Response& response) {
  kafka::ListOffsetsResponse message;
  if (!response.read(oracle(), message)) return;
  const auto& answer = message.topics[0].partitions[0];
  if (answer.error_code != ErrorCode::kNone) {
    last_error_ = std::string(kafka::name(answer.error_code));
    if (is_gone(answer.error_code)) return end_with_topic();
    return peer_.drop();
  }
  if (answer.offset < promised_start_ && !oracle().is_deleted(plan_.topic_id)) {
    oracle().wrong(fmt::format("{}: the log begins at {}, and was trimmed to {}", name(),
                               answer.offset.value, promised_start_.value));
  }
  knows_start_ = true;
  start_ = position_ = answer.offset;
}

void SimFetcher::end_with_topic() {
  if (!oracle().is_deleted(plan_.topic_id)) oracle().wrong(name() + ": its topic is gone");
  audited_ = true;
  peer_.drop();
}

void SimFetcher::fetch() {
  kafka::FetchRequest::Topic::Partition partition{.partition = PartitionId(plan_.partition),
                                                  .fetch_offset = position_,
                                                  .partition_max_bytes = plan_.max_bytes};
  kafka::FetchRequest::Topic topic{.topic = plan_.topic,
                                   .topic_id = plan_.by_id ? *parse_uuid(plan_.topic_id) : Uuid(),
                                   .partitions = std::span(&partition, 1)};
  promised_start_ = oracle().start_of(where_);
  promised_end_ = oracle().end_of(where_);
  peer_.send(plan_.by_id ? kFetchByIdVersion : kFetchVersion,
             kafka::FetchRequest{.max_wait_ms = plan_.audit ? 0 : 500,
                                 .min_bytes = 1,
                                 .max_bytes = 1 << 20,
                                 .session_id = plan_.session ? session_id_ : 0,
                                 .session_epoch = plan_.session ? session_epoch_ : -1,
                                 .topics = std::span(&topic, 1)},
             0);
}

void SimFetcher::on_fetched(KafkaPeer::Response& response) {
  kafka::FetchResponse message;
  if (!response.read(oracle(), message)) return;
  if (message.error_code != ErrorCode::kNone) {
    last_error_ = std::string(kafka::name(message.error_code));
    return peer_.drop();
  }
  if (plan_.session && message.session_id != 0) {
    session_id_ = message.session_id;
    ++session_epoch_;
  }
  if (message.responses.empty()) {
    // In a session: nothing has changed.
    if (!plan_.session) oracle().wrong(name() + ": a fetch was answered without its partition");
    if (session_id_ == 0) oracle().wrong(name() + ": no session, and no partition");
    return;
  }
  const auto& answer = message.responses[0].partitions[0];
  switch (answer.error_code) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kOffsetOutOfRange:
      if (position_ <= oracle().end_of(where_) && !oracle().may_be_trimmed(where_, position_) &&
          !oracle().is_deleted(plan_.topic_id)) {
        oracle().wrong(fmt::format("{}: {} is out of range, and was not", name(), position_.value));
      }
      knows_start_ = false;
      return;
    default:
      last_error_ = std::string(kafka::name(answer.error_code));
      if (is_gone(answer.error_code)) return end_with_topic();
      return peer_.drop();
  }
  if (answer.high_watermark < promised_end_ && !oracle().is_deleted(plan_.topic_id)) {
    oracle().wrong(fmt::format("{}: the high watermark is {}, and {} was acked or seen before",
                               name(), answer.high_watermark.value, promised_end_.value - 1));
  }
  if (position_ < promised_start_ && !oracle().is_deleted(plan_.topic_id)) {
    oracle().wrong(fmt::format("{}: {} is served, and was trimmed to {}", name(), position_.value,
                               promised_start_.value));
  }
  if (!read_records(oracle(), name(), where_, answer.records.bytes(), position_)) return;
  if (plan_.audit && position_ >= answer.high_watermark) {
    audited_ = true;
    oracle().audited(where_, start_, position_);
  } else if (!plan_.audit && kernel().one_in(50)) {
    knows_start_ = false;  // once more from the start
  }
}

}  // namespace duolog::sim

#include "tests/sim/server/admin.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "engine/base/uuid.h"
#include "net/kafka/configs.h"
#include "net/kafka/metadata.h"
#include "net/kafka/partitions.h"
#include "net/kafka/topics.h"
#include "tests/sim/server/fetcher.h"
#include "tests/sim/server/producer.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kCreateTopicsVersion = 7;
constexpr std::int16_t kDeleteTopicsVersion = 6;
constexpr std::int16_t kPartitionsVersion = 3;
constexpr std::int16_t kDeleteRecordsVersion = 2;
constexpr std::int16_t kAlterVersion = 1;
constexpr std::int16_t kMetadataVersion = 12;
constexpr std::int32_t kTimeoutMs = 30'000;
constexpr std::int8_t kTopicResource = 2;
constexpr std::int32_t kMostPartitions = 5;
constexpr std::uint64_t kOwnTopics = 3;

// What changes nothing that the oracle looks at.
constexpr std::array<std::pair<const char*, const char*>, 2> kHarmless{{
    {"segment.bytes", "1048576"},
    {"segment.ms", "86400000"},
}};

}  // namespace

SimAdmin::SimAdmin(World& world, std::string name, AdminPlan plan)
    : Client(world, name), plan_(std::move(plan)), peer_(world.kernel, world.oracle, name) {}

std::string SimAdmin::describe() const {
  return fmt::format("{}: {} operations of {}, now {} of {}; last error: {}", name(), made_,
                     plan_.operations, std::to_underlying(now_.kind), now_.name, last_error_);
}

void SimAdmin::on_turn() {
  while (auto response = peer_.take()) on_response(*response);
  if (done_) return peer_.drop();
  act_in_us(kRetryUs);
  const bool late = kernel().now_ns() - peer_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if ((peer_.ended() || late) && !peer_.connect()) return;
  if (peer_.unanswered() > 0) return;
  if (!under_way_) choose();
  send();
  ++now_.sent;
}

void SimAdmin::finish() {
  under_way_ = false;
  done_ = now_.kind == Kind::kList && made_ >= plan_.operations;
  act_in_us(kernel().below(30'000));
}

void SimAdmin::choose() {
  under_way_ = true;
  now_ = {};
  if (made_++ >= plan_.operations) return;  // the last list
  const std::uint64_t which = kernel().below(8);
  if (which == 0) return;
  which < 4 ? choose_own() : choose_any();
}

// Creates what is not there, and deletes what is.
void SimAdmin::choose_own() {
  now_.name = fmt::format("a{}", kernel().below(kOwnTopics));
  const auto found = own_.find(now_.name);
  if (found == own_.end()) {
    now_.kind = Kind::kCreate;
    now_.number = static_cast<std::int32_t>(1 + kernel().below(3));
    world_.topics.creating(now_.name);
  } else {
    now_.kind = Kind::kDelete;
    now_.id = found->second;
    world_.topics.deleting(now_.id);
  }
}

void SimAdmin::choose_any() {
  std::vector<std::string> ids = plan_.others;
  for (const auto& [name, id] : own_) ids.push_back(id);
  if (ids.empty()) return;
  const KnownTopic& topic = *world_.topics.find(ids[kernel().below(ids.size())]);
  now_.name = topic.name;
  now_.id = topic.id;
  const std::uint64_t which = kernel().below(4);
  if (which == 0 && topic.partitions < kMostPartitions) {
    now_.kind = Kind::kGrow;
    now_.number = topic.partitions + 1;
    world_.topics.growing(now_.id, now_.number);
  } else if (which == 1) {
    now_.kind = Kind::kAlter;
  } else {
    now_.kind = Kind::kTrim;
    now_.number =
        static_cast<std::int32_t>(kernel().below(static_cast<std::uint64_t>(topic.partitions)));
    const PartitionKey where{now_.id, now_.number};
    const auto end = static_cast<std::uint64_t>(oracle().end_of(where).value);
    now_.offset = Offset(static_cast<std::int64_t>(kernel().below(end + 1)));
    oracle().trimmed(where, now_.offset);
  }
}

void SimAdmin::send() {
  switch (now_.kind) {
    case Kind::kCreate:
      return send_create();
    case Kind::kDelete:
      return send_delete();
    case Kind::kGrow:
      return send_grow();
    case Kind::kTrim:
      return send_trim();
    case Kind::kAlter:
      return send_alter();
    default:
      return send_list();
  }
}

void SimAdmin::send_create() {
  kafka::CreateTopicsRequest::Topic topic{
      .name = now_.name, .num_partitions = now_.number, .replication_factor = 1};
  peer_.send(kCreateTopicsVersion,
             kafka::CreateTopicsRequest{.topics = std::span(&topic, 1), .timeout_ms = kTimeoutMs},
             0);
}

void SimAdmin::send_delete() {
  kafka::DeleteTopicsRequest::Topic topic{.topic_id = *parse_uuid(now_.id)};
  peer_.send(kDeleteTopicsVersion,
             kafka::DeleteTopicsRequest{.topics = std::span(&topic, 1), .timeout_ms = kTimeoutMs},
             0);
}

void SimAdmin::send_grow() {
  kafka::CreatePartitionsRequest::Topic topic{
      .name = now_.name,
      .count = now_.number,
      .assignments = kafka::Array<kafka::CreatePartitionsRequest::Topic::Assignment>::null()};
  peer_.send(
      kPartitionsVersion,
      kafka::CreatePartitionsRequest{.topics = std::span(&topic, 1), .timeout_ms = kTimeoutMs}, 0);
}

void SimAdmin::send_trim() {
  kafka::DeleteRecordsRequest::Topic::Partition partition{
      .partition_index = PartitionId(now_.number), .offset = now_.offset};
  kafka::DeleteRecordsRequest::Topic topic{.name = now_.name,
                                           .partitions = std::span(&partition, 1)};
  peer_.send(kDeleteRecordsVersion,
             kafka::DeleteRecordsRequest{.topics = std::span(&topic, 1), .timeout_ms = kTimeoutMs},
             0);
}

void SimAdmin::send_alter() {
  const auto& [key, value] = kHarmless[kernel().below(kHarmless.size())];
  kafka::IncrementalAlterConfigsRequest::Resource::Config config{.name = key, .value = value};
  kafka::IncrementalAlterConfigsRequest::Resource resource{.resource_type = kTopicResource,
                                                           .resource_name = now_.name,
                                                           .configs = std::span(&config, 1)};
  peer_.send(kAlterVersion,
             kafka::IncrementalAlterConfigsRequest{.resources = std::span(&resource, 1)}, 0);
}

void SimAdmin::send_list() {
  expected_ = world_.topics.expected();
  peer_.send(kMetadataVersion,
             kafka::MetadataRequest{.topics = kafka::Array<kafka::MetadataRequest::Topic>::null(),
                                    .allow_auto_topic_creation = false},
             0);
}

void SimAdmin::on_response(KafkaPeer::Response& response) {
  const auto one_error = [&]<class Message>(Message message, auto member) {
    if (!response.read(oracle(), message)) return;
    const auto& answers = message.*member;
    if (answers.size() != 1) return oracle().wrong(name() + ": not the one answer");
    on_error_code(answers[0].error_code);
  };
  switch (response.api) {
    case kafka::ApiKey::kCreateTopics:
      return on_created(response);
    case kafka::ApiKey::kMetadata:
      return on_listed(response);
    case kafka::ApiKey::kDeleteRecords:
      return on_trimmed(response);
    case kafka::ApiKey::kDeleteTopics:
      return one_error(kafka::DeleteTopicsResponse(), &kafka::DeleteTopicsResponse::responses);
    case kafka::ApiKey::kCreatePartitions:
      return one_error(kafka::CreatePartitionsResponse(),
                       &kafka::CreatePartitionsResponse::results);
    default:
      return one_error(kafka::IncrementalAlterConfigsResponse(),
                       &kafka::IncrementalAlterConfigsResponse::responses);
  }
}

void SimAdmin::has_created(const std::string& id, std::int32_t partitions) {
  world_.topics.created(now_.name, id, partitions);
  own_[now_.name] = id;
  const std::string of = fmt::format("{}.{}", now_.name, topics_made_++);
  for (std::uint64_t i = kernel().below(3); i > 0; --i) {
    ProducerPlan plan{.topic = now_.name, .topic_id = id};
    plan.partition =
        static_cast<std::int32_t>(kernel().below(static_cast<std::uint64_t>(partitions)));
    plan.by_id = true;
    plan.idempotent = kernel().below(3) != 0;
    plan.batches = static_cast<std::uint32_t>(1 + kernel().below(40));
    world_.welcome(std::make_unique<SimProducer>(world_, fmt::format("{}p{}", of, i), plan));
  }
  if (kernel().below(2) == 0) {
    FetcherPlan plan{.topic = now_.name, .topic_id = id, .by_id = true};
    plan.session = kernel().below(2) == 0;
    world_.welcome(std::make_unique<SimFetcher>(world_, of + "f", plan));
  }
  finish();
}

void SimAdmin::on_created(KafkaPeer::Response& response) {
  kafka::CreateTopicsResponse message;
  if (!response.read(oracle(), message)) return;
  if (message.topics.size() != 1) return oracle().wrong(name() + ": not the one topic");
  const auto& topic = message.topics[0];
  if (topic.error_code == ErrorCode::kNone) {
    return has_created(to_text(topic.topic_id), now_.number);
  }
  last_error_ = std::string(kafka::name(topic.error_code));
  if (topic.error_code != ErrorCode::kTopicAlreadyExists) return;
  if (!now_.retried()) oracle().wrong(fmt::format("topic {}: exists already", now_.name));
  now_.kind = Kind::kLookUp;
  act_in_us(0);
}

void SimAdmin::on_listed(KafkaPeer::Response& response) {
  kafka::MetadataResponse message;
  if (!response.read(oracle(), message)) return;
  std::vector<KnownTopic> topics;
  for (const auto& topic : message.topics) {
    topics.push_back({.name = std::string(topic.name.value_or("")),
                      .id = to_text(topic.topic_id),
                      .partitions = static_cast<std::int32_t>(topic.partitions.size())});
  }
  world_.topics.listed(expected_, topics);
  if (now_.kind == Kind::kList) return finish();
  const auto found = std::ranges::find(topics, now_.name, &KnownTopic::name);
  if (found == topics.end()) {
    return oracle().wrong(fmt::format("topic {}: exists already, and is not there", now_.name));
  }
  has_created(found->id, found->partitions);
}

void SimAdmin::on_trimmed(KafkaPeer::Response& response) {
  kafka::DeleteRecordsResponse message;
  if (!response.read(oracle(), message)) return;
  const auto& answer = message.topics[0].partitions[0];
  if (answer.error_code == ErrorCode::kNone) {
    const PartitionKey where{now_.id, now_.number};
    if (answer.low_watermark < now_.offset) {
      oracle().wrong(fmt::format("{}-{}: trimmed to {}, and begins at {}", now_.name, now_.number,
                                 now_.offset.value, answer.low_watermark.value));
    }
    oracle().trim_acked(where, now_.offset);
    return finish();
  }
  if (answer.error_code == ErrorCode::kOffsetOutOfRange && oracle().may_lose(now_.id)) {
    return finish();
  }
  on_error_code(answer.error_code);
}

void SimAdmin::on_error_code(ErrorCode error) {
  last_error_ = std::string(kafka::name(error));
  switch (error) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kUnknownTopicOrPartition:
      if (now_.kind == Kind::kDelete && now_.retried()) break;
      return oracle().wrong(fmt::format("{}: {} is gone", name(), now_.name));
    case ErrorCode::kInvalidPartitions:
      if (now_.kind == Kind::kGrow && now_.retried()) break;
      [[fallthrough]];
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kInvalidConfig:
    case ErrorCode::kOffsetOutOfRange:
      return oracle().wrong(fmt::format("{}: operation {} on {} is answered with {}", name(),
                                        std::to_underlying(now_.kind), now_.name, last_error_));
    default:
      return;  // again, a little later
  }
  if (now_.kind == Kind::kDelete) {
    world_.topics.deleted(now_.id);
    own_.erase(now_.name);
  }
  if (now_.kind == Kind::kGrow) world_.topics.grown(now_.id, now_.number);
  finish();
}

}  // namespace duolog::sim

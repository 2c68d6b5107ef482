#include <string>
#include <vector>

#include "engine/broker/cluster.h"
#include "engine/broker/config/describe_config.h"
#include "engine/session/kafka/requests/distinct.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/requests/refusal.h"
#include "net/kafka/topics.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using NewTopic = kafka::CreateTopicsRequest::Topic;
using CreatedTopic = kafka::CreateTopicsResponse::Topic;

constexpr std::int16_t kWithSettings = 5;  // the first version whose answer has them

class CreateTopicsJob final : public GatheringJob {
 public:
  using Request = kafka::CreateTopicsRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  void start_topic(const NewTopic& asked, std::size_t index);
  // Checks what the broker does not; fills in `topic`.
  [[nodiscard]] Refusal check(const NewTopic& asked, broker::NewTopic& topic) const;
  [[nodiscard]] Refusal check_assignments(const NewTopic& asked, std::int32_t& partitions) const;
  void list_settings(CreatedTopic& response, const broker::ConfigValues& given);
  void created(std::size_t index, const broker::TopicOutcome& outcome);
  void refuse_topic(std::size_t index, ErrorCode error, std::string_view message = {});
  void finish() override;

  bool validate_only_ = false;
  std::span<CreatedTopic> topics_;             // in the slot's arena
  std::vector<broker::ConfigValues> configs_;  // what each topic is given
  std::size_t count_ = 0;
  std::uint64_t listed_bytes_ = 0;
};

void CreateTopicsJob::start(const Request& request) {
  validate_only_ = request.validate_only;
  topics_ = slot_.arena.make<CreatedTopic>(request.topics.size());
  configs_.resize(request.topics.size());
  for_each_distinct(request.topics, &NewTopic::name, [&](const NewTopic& asked, bool again) {
    const std::size_t index = count_++;
    topics_[index].name = slot_.arena.copy(asked.name);
    if (again) return refuse_topic(index, ErrorCode::kInvalidRequest, "Duplicate topic name.");
    start_topic(asked, index);
  });
}

void CreateTopicsJob::start_topic(const NewTopic& asked, std::size_t index) {
  KafkaConnection& connection = slot_.connection;
  if (!slot_.cluster_allowed && !connection.may(slot_, asked.name)) {
    return refuse_topic(index, ErrorCode::kTopicAuthorizationFailed);
  }
  broker::NewTopic topic;
  if (const Refusal refusal = check(asked, topic); refusal.error != ErrorCode::kNone) {
    return refuse_topic(index, refusal.error, refusal.message);
  }
  auto config = broker::make_topic_config(connection.broker().cluster().configs().topic_defaults,
                                          topic.configs);
  if (!config) return refuse_topic(index, ErrorCode::kInvalidConfig, config.error().message);
  configs_[index] = std::move(config->overrides);
  topics_[index].num_partitions =
      topic.partitions < 0 ? connection.broker().options().num_partitions : topic.partitions;
  connection.broker().create_topic(
      std::move(topic),
      then([this, index](const broker::TopicOutcome& outcome) { created(index, outcome); }));
}

Refusal CreateTopicsJob::check(const NewTopic& asked, broker::NewTopic& topic) const {
  topic.name = asked.name;
  topic.by = slot_.connection.who(slot_);
  topic.validate_only = validate_only_;
  topic.partitions = asked.num_partitions;
  for (const auto& config : asked.configs) {
    if (!config.value) {
      return {ErrorCode::kInvalidConfig,
              "Null value not supported for topic configs: " + std::string(config.name)};
    }
    topic.configs[std::string(config.name)] = std::string(*config.value);
  }
  if (!asked.assignments.empty()) return check_assignments(asked, topic.partitions);
  if (asked.replication_factor != -1 && asked.replication_factor != 1) {
    return {ErrorCode::kInvalidReplicationFactor,
            "Replication factor " + std::to_string(asked.replication_factor) +
                ": there is one broker, so that it can only be 1, or -1 for the default."};
  }
  if (asked.num_partitions == 0 || asked.num_partitions < -1) {
    return {ErrorCode::kInvalidPartitions,
            "Number of partitions must be larger than 0, or -1 for the default."};
  }
  return {};
}

Refusal CreateTopicsJob::check_assignments(const NewTopic& asked, std::int32_t& partitions) const {
  if (asked.num_partitions != -1 || asked.replication_factor != -1) {
    return {ErrorCode::kInvalidRequest,
            "With assignments, the number of partitions and the replication factor must be -1."};
  }
  std::vector<bool> assigned(asked.assignments.size());
  for (const auto& assignment : asked.assignments) {
    const auto index = static_cast<std::size_t>(assignment.partition_index.value);
    if (assignment.partition_index.value < 0 || index >= assigned.size() || assigned[index]) {
      return {ErrorCode::kInvalidReplicaAssignment,
              "Partitions should be a consecutive 0-based integer sequence."};
    }
    assigned[index] = true;
    if (assignment.broker_ids.size() != 1 ||
        assignment.broker_ids[0] != slot_.connection.broker().options().node_id) {
      return {ErrorCode::kInvalidReplicaAssignment,
              "A partition can only be assigned to the one broker that there is."};
    }
  }
  partitions = static_cast<std::int32_t>(asked.assignments.size());
  return {};
}

void CreateTopicsJob::refuse_topic(std::size_t index, ErrorCode error, std::string_view message) {
  topics_[index].num_partitions = -1;
  refuse(topics_[index], error, message);
}

// Every setting of the topic, as DescribeConfigs would list them; none beyond the limit.
void CreateTopicsJob::list_settings(CreatedTopic& response, const broker::ConfigValues& given) {
  if (slot_.version < kWithSettings) return;
  if (listed_bytes_ > slot_.connection.sessions().settings().max_listed_config_bytes) {
    response.configs = kafka::Array<CreatedTopic::Config>::null();
    response.topic_config_error_code = ErrorCode::kPolicyViolation;
    slot_.connection.sessions().counters().configs_refused.add();
    return slot_.connection.count_error(ErrorCode::kPolicyViolation);
  }
  broker::Broker& broker = slot_.connection.broker();
  const auto keys = broker::config_keys(broker::ConfigResource::kTopic);
  auto listed = slot_.arena.make<CreatedTopic::Config>(keys.size());
  const broker::ConfigSources sources(broker.cluster().configs(), broker.options());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto description =
        broker::describe_config(broker::ConfigResource::kTopic, *keys[i], given, sources);
    listed[i].name = keys[i]->name;
    listed[i].value = std::nullopt;
    if (description.value) {
      listed[i].value = slot_.arena.copy(*description.value);
      listed_bytes_ += listed[i].value->size();
    }
    listed_bytes_ += sizeof listed[i];
    listed[i].config_source = static_cast<std::int8_t>(description.source);
    listed[i].is_sensitive = keys[i]->is_sensitive();
  }
  response.configs = listed;
}

void CreateTopicsJob::created(std::size_t index, const broker::TopicOutcome& outcome) {
  CreatedTopic& response = topics_[index];
  if (outcome.error != ErrorCode::kNone) {
    refuse_topic(index, outcome.error, outcome.message);
  } else {
    list_settings(response, configs_[index]);
    response.replication_factor = 1;
    if (outcome.topic != nullptr && !validate_only_) response.topic_id = outcome.topic->id;
  }
}

void CreateTopicsJob::finish() {
  slot_.connection.answer(slot_, kafka::CreateTopicsResponse{.topics = topics_.first(count_)});
}

}  // namespace

Result<void> create_topics(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<CreateTopicsJob>(slot, reader);
}

}  // namespace duolog::session

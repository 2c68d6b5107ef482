#include "net/kafka/metadata.h"

#include <string>

#include "engine/broker/cluster.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/requests/operations.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using DescribedTopic = kafka::MetadataResponse::Topic;
using broker::Operation;

constexpr std::int32_t kNoLeader = -1;
constexpr std::int16_t kFirstMetadataWithTopicIds = 12;  // to ask by; KIP-516

// A Metadata request: it waits for the topics that it has made.
class MetadataJob final : public GatheringJob {
 public:
  using Request = kafka::MetadataRequest;
  using GatheringJob::GatheringJob;

  void start(const Request& request);

 private:
  struct Asked {
    std::string_view name;
    Uuid id;
    bool by_id = false;
    ErrorCode error = ErrorCode::kNone;
  };
  void take(const Request& request);
  void create(Asked& asked);
  void finish() override;
  void lose_leader(DescribedTopic::Partition& partition);
  [[nodiscard]] DescribedTopic describe(const broker::Topic& topic);
  [[nodiscard]] DescribedTopic describe(const Asked& asked);
  [[nodiscard]] bool may_describe(const broker::Topic& topic) const {
    return slot_.connection.may(slot_, topic.name);
  }
  void describe_cluster(kafka::MetadataResponse& response);

  bool all_ = false;
  bool may_create_ = false;
  bool with_cluster_operations_ = false;
  bool with_topic_operations_ = false;
  std::span<Asked> asked_;  // in the slot's arena
};

void MetadataJob::start(const Request& request) {
  take(request);
  for (Asked& asked : asked_) {
    if (asked.by_id || asked.error != ErrorCode::kNone) continue;
    if (!broker::is_valid_topic_name(asked.name)) {
      asked.error = ErrorCode::kInvalidTopicException;
    } else if (may_create_ && slot_.connection.broker().find(asked.name) == nullptr) {
      create(asked);
    }
  }
}

void MetadataJob::take(const Request& request) {
  with_cluster_operations_ = request.include_cluster_authorized_operations;
  with_topic_operations_ = request.include_topic_authorized_operations;
  may_create_ =
      request.allow_auto_topic_creation && slot_.connection.broker().options().auto_create_topics;
  all_ = request.topics.is_null() || (slot_.version == 0 && request.topics.empty());
  if (all_) return;
  asked_ = slot_.arena.make<Asked>(request.topics.size());
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    const auto& topic = request.topics[i];
    asked_[i].by_id = !topic.name;
    asked_[i].id = topic.topic_id;
    if (topic.name) asked_[i].name = slot_.arena.copy(*topic.name);
    if (!topic.name && slot_.version < kFirstMetadataWithTopicIds) {
      asked_[i].error = ErrorCode::kInvalidRequest;
    }
  }
}

void MetadataJob::create(Asked& asked) {
  KafkaConnection& connection = slot_.connection;
  const broker::Principal principal = connection.principal();
  if (!broker::authorize(principal, Operation::kCreate, broker::kClusterResource) &&
      !broker::authorize(principal, Operation::kCreate, {.name = asked.name})) {
    asked.error = ErrorCode::kTopicAuthorizationFailed;
    return;
  }
  broker::NewTopic topic;
  topic.name = asked.name;
  topic.by = connection.who(slot_);
  connection.broker().create_topic(std::move(topic),
                                   then([&asked](const broker::TopicOutcome& outcome) {
                                     // Somebody else may have been first.
                                     if (outcome.topic == nullptr) asked.error = outcome.error;
                                   }));
}

// As Kafka says it where the only replica is in a log directory that is offline.
void MetadataJob::lose_leader(DescribedTopic::Partition& partition) {
  partition.error_code = ErrorCode::kLeaderNotAvailable;
  partition.leader_id = kNoLeader;
  partition.isr_nodes = {};
  partition.offline_replicas = partition.replica_nodes;
  slot_.connection.count_error(partition.error_code);
}

DescribedTopic MetadataJob::describe(const broker::Topic& topic) {
  const std::int32_t node = slot_.connection.broker().options().node_id;
  auto nodes = slot_.arena.make<std::int32_t>(1);
  nodes[0] = node;
  auto partitions = slot_.arena.make<DescribedTopic::Partition>(topic.partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    partitions[i] = {.partition_index = topic.partitions[i]->id,
                     .leader_id = node,
                     .leader_epoch = slot_.connection.broker().cluster().leader_epoch(),
                     .replica_nodes = nodes,
                     .isr_nodes = nodes};
    if (topic.partitions[i]->offline()) lose_leader(partitions[i]);
  }
  DescribedTopic response{.name = slot_.arena.copy(topic.name),
                          .topic_id = topic.id,
                          .is_internal = broker::is_internal_topic(topic.name),
                          .partitions = partitions};
  if (with_topic_operations_) {
    response.topic_authorized_operations =
        topic_operations(slot_.connection.principal(), topic.name);
  }
  return response;
}

DescribedTopic MetadataJob::describe(const Asked& asked) {
  const broker::Broker& broker = slot_.connection.broker();
  const broker::Topic* topic = asked.by_id ? broker.find(asked.id) : broker.find(asked.name);
  ErrorCode error = asked.error;
  if (error == ErrorCode::kNone && topic == nullptr) {
    error = asked.by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
  } else if (error == ErrorCode::kNone && !may_describe(*topic)) {
    error = ErrorCode::kTopicAuthorizationFailed;
  }
  if (error == ErrorCode::kNone) return describe(*topic);
  slot_.connection.count_error(error);
  DescribedTopic response{.error_code = error, .topic_id = asked.id};
  if (asked.by_id) {
    response.name = std::nullopt;
  } else {
    response.name = asked.name;
    response.is_internal = broker::is_internal_topic(asked.name);
  }
  return response;
}

void MetadataJob::describe_cluster(kafka::MetadataResponse& response) {
  const broker::Options& options = slot_.connection.broker().options();
  const LocalAddress& reached = slot_.connection.local_address();
  auto nodes = slot_.arena.make<kafka::MetadataResponse::Broker>(1);
  nodes[0].node_id = options.node_id;
  nodes[0].host =
      slot_.arena.copy(options.advertised_host.empty() ? reached.host : options.advertised_host);
  nodes[0].port = options.advertised_port == 0 ? reached.port : options.advertised_port;
  response.brokers = nodes;
  response.cluster_id = slot_.connection.broker().cluster().cluster_id();
  response.controller_id = options.node_id;
  if (with_cluster_operations_) {
    response.cluster_authorized_operations = cluster_operations(slot_.connection.principal());
  }
}

void MetadataJob::finish() {
  kafka::MetadataResponse response;
  describe_cluster(response);
  const auto& known = slot_.connection.broker().topics();
  auto topics = slot_.arena.make<DescribedTopic>(all_ ? known.size() : asked_.size());
  std::size_t count = 0;
  if (all_) {
    for (const auto& [name, topic] : known) {
      if (may_describe(*topic)) topics[count++] = describe(*topic);
    }
  } else {
    for (const Asked& asked : asked_) topics[count++] = describe(asked);
  }
  response.topics = topics.first(count);
  slot_.connection.answer(slot_, response);
}

}  // namespace

Result<void> metadata(ResponseSlot& slot, kafka::Reader& reader) {
  return start_job<MetadataJob>(slot, reader);
}

}  // namespace duolog::session

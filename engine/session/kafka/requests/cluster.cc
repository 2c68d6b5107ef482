// DescribeCluster and DescribeTopicPartitions: what Metadata says as well, for tools.
#include "engine/broker/cluster.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/requests/operations.h"
#include "net/kafka/cluster.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using PageRequest = kafka::DescribeTopicPartitionsRequest;
using PageResponse = kafka::DescribeTopicPartitionsResponse;

constexpr std::int8_t kBrokers = 1;
constexpr std::int8_t kControllers = 2;

// A page of DescribeTopicPartitions under way.
class Page {
 public:
  Page(ResponseSlot& slot, const PageRequest& request) : slot_(slot), request_(request) {}

  void answer();

 private:
  [[nodiscard]] bool is_possible(const kafka::PartitionCursor& cursor) const;
  // By name, from the cursor on; when none is named, as many of all topics as a page may take.
  [[nodiscard]] std::set<std::string_view> names() const;
  void add(const broker::Topic& topic);
  void refuse(std::string_view name, ErrorCode error);
  void refuse_all();

  ResponseSlot& slot_;
  const PageRequest& request_;
  PageResponse response_;
  std::span<PageResponse::Topic> topics_;  // in the slot's arena
  std::size_t count_ = 0;
  std::int32_t left_ = 0;  // partitions that the page has room for
};

void Page::answer() {
  if (request_.cursor && !is_possible(*request_.cursor)) return refuse_all();
  left_ = std::clamp(request_.response_partition_limit, 1,
                     slot_.connection.sessions().settings().max_described_partitions);
  const auto wanted = names();
  topics_ = slot_.arena.make<PageResponse::Topic>(wanted.size());
  for (const std::string_view name : wanted) {
    if (response_.next_cursor) break;
    if (left_ == 0) {
      response_.next_cursor = {slot_.arena.copy(name), PartitionId(0)};
      break;
    }
    const broker::Topic* topic = slot_.connection.broker().find(name);
    if (topic) {
      add(*topic);
    } else {
      refuse(name, broker::is_valid_topic_name(name) ? ErrorCode::kUnknownTopicOrPartition
                                                     : ErrorCode::kInvalidTopicException);
    }
  }
  response_.topics = topics_.first(count_);
  slot_.connection.answer(slot_, response_);
}

// A topic that the client does not ask for is none to go on from.
bool Page::is_possible(const kafka::PartitionCursor& cursor) const {
  if (cursor.partition_index.value < 0) return false;
  return request_.topics.empty() ||
         std::ranges::find(request_.topics, cursor.topic_name, &PageRequest::Topic::name) !=
             request_.topics.end();
}

std::set<std::string_view> Page::names() const {
  std::set<std::string_view> names;
  const std::string_view from = request_.cursor ? request_.cursor->topic_name : std::string_view();
  if (request_.topics.empty()) {
    const auto& all = slot_.connection.broker().topics();
    // One with nothing left after the cursor, one for each partition, and the next cursor's.
    const std::size_t enough = static_cast<std::size_t>(left_) + 2;
    for (auto at = all.lower_bound(from); at != all.end() && names.size() < enough; ++at) {
      const std::string_view name = at->first;
      if (slot_.connection.may(slot_, name)) names.insert(name);
    }
  }
  for (const auto& topic : request_.topics) {
    if (topic.name >= from) names.insert(topic.name);
  }
  return names;
}

void Page::add(const broker::Topic& topic) {
  KafkaConnection& connection = slot_.connection;
  if (!connection.may(slot_, topic.name)) {
    return refuse(topic.name, ErrorCode::kTopicAuthorizationFailed);
  }
  const auto all = static_cast<std::int32_t>(topic.partitions.size());
  const bool first = request_.cursor && request_.cursor->topic_name == topic.name;
  const std::int32_t begin = first ? std::min(request_.cursor->partition_index.value, all) : 0;
  const std::int32_t end = std::min(all - begin, left_) + begin;
  const std::int32_t node = connection.broker().options().node_id;
  auto nodes = slot_.arena.make<std::int32_t>(1);
  nodes[0] = node;
  auto partitions =
      slot_.arena.make<PageResponse::Topic::Partition>(static_cast<std::size_t>(end - begin));
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    partitions[i].partition_index = PartitionId(begin + static_cast<std::int32_t>(i));
    partitions[i].leader_id = node;
    partitions[i].leader_epoch = connection.broker().cluster().leader_epoch();
    partitions[i].replica_nodes = nodes;
    partitions[i].isr_nodes = nodes;
    partitions[i].eligible_leader_replicas = {};
    partitions[i].last_known_elr = {};
  }
  topics_[count_++] = {
      .name = slot_.arena.copy(topic.name),
      .topic_id = topic.id,
      .is_internal = broker::is_internal_topic(topic.name),
      .partitions = partitions,
      .topic_authorized_operations = topic_operations(connection.principal(), topic.name)};
  if (end < all) response_.next_cursor = {slot_.arena.copy(topic.name), PartitionId(end)};
  left_ -= end - begin;
}

void Page::refuse(std::string_view name, ErrorCode error) {
  topics_[count_++] = {.error_code = error,
                       .name = slot_.arena.copy(name),
                       .is_internal = broker::is_internal_topic(name)};
  slot_.connection.count_error(error);
}

// The cursor is none.
void Page::refuse_all() {
  topics_ = slot_.arena.make<PageResponse::Topic>(request_.topics.size());
  for (const auto& topic : request_.topics) refuse(topic.name, ErrorCode::kInvalidRequest);
  response_.topics = topics_;
  slot_.connection.answer(slot_, response_);
}

}  // namespace

Result<void> describe_cluster(ResponseSlot& slot, kafka::Reader& reader) {
  kafka::DescribeClusterRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  kafka::DescribeClusterResponse response;
  KafkaConnection& connection = slot.connection;
  if (request.endpoint_type != kBrokers) {
    const bool controllers = request.endpoint_type == kControllers;
    response.error_code =
        controllers ? ErrorCode::kMismatchedEndpointType : ErrorCode::kUnsupportedEndpointType;
    response.error_message = controllers ? "The endpoint is a broker's, not a controller's"
                                         : "There is no such type of endpoint";
    connection.count_error(response.error_code);
    connection.answer(slot, response);
    return {};
  }
  const broker::Options& options = connection.broker().options();
  const LocalAddress& reached = connection.local_address();
  auto brokers = slot.arena.make<kafka::DescribeClusterResponse::Broker>(1);
  brokers[0] = {.broker_id = options.node_id,
                .host = slot.arena.copy(options.advertised_host.empty() ? reached.host
                                                                        : options.advertised_host),
                .port = options.advertised_port == 0 ? reached.port : options.advertised_port};
  response.brokers = brokers;
  response.cluster_id = connection.broker().cluster().cluster_id();
  response.controller_id = options.node_id;
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = cluster_operations(connection.principal());
  }
  connection.answer(slot, response);
  return {};
}

// A page of the topics asked for, in the order of their names, and where the next page begins.
Result<void> describe_topic_partitions(ResponseSlot& slot, kafka::Reader& reader) {
  PageRequest request;
  if (auto decoded = kafka::decode(reader, slot.version, request); !decoded) return decoded;
  Page(slot, request).answer();
  return {};
}

}  // namespace duolog::session

// DescribeCluster (key 60) and DescribeTopicPartitions (75). KIP-700, KIP-919 (endpoint types),
// KIP-966 (pages of partitions), KIP-1073 (fenced brokers).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct DescribeClusterRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;

  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;

  static constexpr auto kFields =
      Fields{field<&DescribeClusterRequest::include_cluster_authorized_operations>(since(0)),
             field<&DescribeClusterRequest::endpoint_type>(since(1)),
             field<&DescribeClusterRequest::include_fenced_brokers>(since(2))};
};

struct DescribeClusterResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;

  struct Broker {
    std::int32_t broker_id = 0;
    std::string_view host{};
    std::int32_t port = 0;
    NullableString rack{};
    bool is_fenced = false;

    static constexpr auto kFields =
        Fields{field<&Broker::broker_id>(since(0)), field<&Broker::host>(since(0)),
               field<&Broker::port>(since(0)), field<&Broker::rack>(since(0)).nullable(since(0)),
               field<&Broker::is_fenced>(since(2))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  NullableString error_message{};
  std::int8_t endpoint_type = 1;
  std::string_view cluster_id{};
  std::int32_t controller_id = -1;
  Array<Broker> brokers{};
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;

  static constexpr auto kFields =
      Fields{field<&DescribeClusterResponse::throttle_time_ms>(since(0)),
             field<&DescribeClusterResponse::error_code>(since(0)),
             field<&DescribeClusterResponse::error_message>(since(0)).nullable(since(0)),
             field<&DescribeClusterResponse::endpoint_type>(since(1)),
             field<&DescribeClusterResponse::cluster_id>(since(0)),
             field<&DescribeClusterResponse::controller_id>(since(0)),
             field<&DescribeClusterResponse::brokers>(since(0)),
             field<&DescribeClusterResponse::cluster_authorized_operations>(since(0))};
};

// Where the next page of DescribeTopicPartitions begins.
struct PartitionCursor {
  std::string_view topic_name{};
  PartitionId partition_index{};

  static constexpr auto kFields = Fields{field<&PartitionCursor::topic_name>(since(0)),
                                         field<&PartitionCursor::partition_index>(since(0))};
};

struct DescribeTopicPartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;

  struct Topic {
    std::string_view name{};

    static constexpr auto kFields = Fields{field<&Topic::name>(since(0))};
  };

  Array<Topic> topics{};
  std::int32_t response_partition_limit = 2000;
  std::optional<PartitionCursor> cursor{};

  static constexpr auto kFields =
      Fields{field<&DescribeTopicPartitionsRequest::topics>(since(0)),
             field<&DescribeTopicPartitionsRequest::response_partition_limit>(since(0)),
             field<&DescribeTopicPartitionsRequest::cursor>(since(0)).nullable(since(0))};
};

struct DescribeTopicPartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;

  struct Topic {
    struct Partition {
      ErrorCode error_code = ErrorCode::kNone;
      PartitionId partition_index{};
      std::int32_t leader_id = 0;
      LeaderEpoch leader_epoch{-1};
      Array<std::int32_t> replica_nodes{};
      Array<std::int32_t> isr_nodes{};
      Array<std::int32_t> eligible_leader_replicas = Array<std::int32_t>::null();
      Array<std::int32_t> last_known_elr = Array<std::int32_t>::null();
      Array<std::int32_t> offline_replicas{};

      static constexpr auto kFields =
          Fields{field<&Partition::error_code>(since(0)),
                 field<&Partition::partition_index>(since(0)),
                 field<&Partition::leader_id>(since(0)),
                 field<&Partition::leader_epoch>(since(0)),
                 field<&Partition::replica_nodes>(since(0)),
                 field<&Partition::isr_nodes>(since(0)),
                 field<&Partition::eligible_leader_replicas>(since(0)).nullable(since(0)),
                 field<&Partition::last_known_elr>(since(0)).nullable(since(0)),
                 field<&Partition::offline_replicas>(since(0))};
    };

    ErrorCode error_code = ErrorCode::kNone;
    NullableString name = "";
    Uuid topic_id{};
    bool is_internal = false;
    Array<Partition> partitions{};
    std::int32_t topic_authorized_operations = kOperationsNotAsked;

    static constexpr auto kFields = Fields{
        field<&Topic::error_code>(since(0)), field<&Topic::name>(since(0)).nullable(since(0)),
        field<&Topic::topic_id>(since(0)),   field<&Topic::is_internal>(since(0)),
        field<&Topic::partitions>(since(0)), field<&Topic::topic_authorized_operations>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};
  std::optional<PartitionCursor> next_cursor{};

  static constexpr auto kFields =
      Fields{field<&DescribeTopicPartitionsResponse::throttle_time_ms>(since(0)),
             field<&DescribeTopicPartitionsResponse::topics>(since(0)),
             field<&DescribeTopicPartitionsResponse::next_cursor>(since(0)).nullable(since(0))};
};

}  // namespace duolog::kafka

// Metadata (key 3): which broker leads which partition. KIP-516 (topic ids), KIP-430 (authorized
// operations), KIP-1102 (top-level error).
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct MetadataRequest {
  static constexpr ApiKey kApi = ApiKey::kMetadata;

  struct Topic {
    Uuid topic_id{};
    NullableString name = "";  // null: by topic_id

    static constexpr auto kFields = Fields{field<&Topic::topic_id>(since(10)),
                                           field<&Topic::name>(since(0)).nullable(since(10))};
  };

  Array<Topic> topics{};  // null (in version 0: empty): all topics
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static constexpr auto kFields =
      Fields{field<&MetadataRequest::topics>(since(0)).nullable(since(1)),
             field<&MetadataRequest::allow_auto_topic_creation>(since(4)),
             field<&MetadataRequest::include_cluster_authorized_operations>(range(8, 10)),
             field<&MetadataRequest::include_topic_authorized_operations>(since(8))};
};

struct MetadataResponse {
  static constexpr ApiKey kApi = ApiKey::kMetadata;

  struct Broker {
    std::int32_t node_id = 0;
    std::string_view host{};
    std::int32_t port = 0;
    NullableString rack{};

    static constexpr auto kFields =
        Fields{field<&Broker::node_id>(since(0)), field<&Broker::host>(since(0)),
               field<&Broker::port>(since(0)), field<&Broker::rack>(since(1)).nullable(since(1))};
  };

  struct Topic {
    struct Partition {
      ErrorCode error_code = ErrorCode::kNone;
      PartitionId partition_index{};
      std::int32_t leader_id = 0;
      LeaderEpoch leader_epoch{-1};
      Array<std::int32_t> replica_nodes{};
      Array<std::int32_t> isr_nodes{};
      Array<std::int32_t> offline_replicas{};

      static constexpr auto kFields = Fields{field<&Partition::error_code>(since(0)),
                                             field<&Partition::partition_index>(since(0)),
                                             field<&Partition::leader_id>(since(0)),
                                             field<&Partition::leader_epoch>(since(7)),
                                             field<&Partition::replica_nodes>(since(0)),
                                             field<&Partition::isr_nodes>(since(0)),
                                             field<&Partition::offline_replicas>(since(5))};
    };

    ErrorCode error_code = ErrorCode::kNone;
    NullableString name = "";
    Uuid topic_id{};
    bool is_internal = false;
    Array<Partition> partitions{};
    std::int32_t topic_authorized_operations = kOperationsNotAsked;

    static constexpr auto kFields = Fields{
        field<&Topic::error_code>(since(0)), field<&Topic::name>(since(0)).nullable(since(12)),
        field<&Topic::topic_id>(since(10)),  field<&Topic::is_internal>(since(1)),
        field<&Topic::partitions>(since(0)), field<&Topic::topic_authorized_operations>(since(8))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Broker> brokers{};
  NullableString cluster_id{};
  std::int32_t controller_id = -1;
  Array<Topic> topics{};
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;
  ErrorCode error_code = ErrorCode::kNone;

  static constexpr auto kFields =
      Fields{field<&MetadataResponse::throttle_time_ms>(since(3)),
             field<&MetadataResponse::brokers>(since(0)),
             field<&MetadataResponse::cluster_id>(since(2)).nullable(since(2)),
             field<&MetadataResponse::controller_id>(since(1)),
             field<&MetadataResponse::topics>(since(0)),
             field<&MetadataResponse::cluster_authorized_operations>(range(8, 10)),
             field<&MetadataResponse::error_code>(since(13))};
};

}  // namespace duolog::kafka

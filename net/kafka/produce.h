// Produce (key 0): appends record batches. KIP-467 (record errors), KIP-951 (leader hints), KIP-516
// (topic ids).
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/leader_hint.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct ProduceRequest {
  static constexpr ApiKey kApi = ApiKey::kProduce;

  struct Topic {
    struct Partition {
      PartitionId index{};
      Records records{};

      static constexpr auto kFields =
          Fields{field<&Partition::index>(since(0)),
                 field<&Partition::records>(since(0)).nullable(since(0))};
    };

    std::string_view name{};
    Uuid topic_id{};
    Array<Partition> partition_data{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 12)), field<&Topic::topic_id>(since(13)),
               field<&Topic::partition_data>(since(0))};
  };

  NullableString transactional_id{};
  std::int16_t acks = 0;  // -1: all
  std::int32_t timeout_ms = 0;
  Array<Topic> topic_data{};

  static constexpr auto kFields =
      Fields{field<&ProduceRequest::transactional_id>(since(3)).nullable(since(3)),
             field<&ProduceRequest::acks>(since(0)), field<&ProduceRequest::timeout_ms>(since(0)),
             field<&ProduceRequest::topic_data>(since(0))};
};

struct ProduceResponse {
  static constexpr ApiKey kApi = ApiKey::kProduce;

  struct Topic {
    struct Partition {
      struct RecordError {
        std::int32_t batch_index = 0;
        NullableString batch_index_error_message{};

        static constexpr auto kFields =
            Fields{field<&RecordError::batch_index>(since(8)),
                   field<&RecordError::batch_index_error_message>(since(8)).nullable(since(8))};
      };

      PartitionId index{};
      ErrorCode error_code = ErrorCode::kNone;
      Offset base_offset{};
      Timestamp log_append_time_ms{-1};
      Offset log_start_offset{-1};
      Array<RecordError> record_errors{};
      NullableString error_message{};
      LeaderIdAndEpoch current_leader{};

      static constexpr auto kFields =
          Fields{field<&Partition::index>(since(0)),
                 field<&Partition::error_code>(since(0)),
                 field<&Partition::base_offset>(since(0)),
                 field<&Partition::log_append_time_ms>(since(2)),
                 field<&Partition::log_start_offset>(since(5)),
                 field<&Partition::record_errors>(since(8)),
                 field<&Partition::error_message>(since(8)).nullable(since(8)),
                 field<&Partition::current_leader>(since(10)).tagged(0)};
    };

    std::string_view name{};
    Uuid topic_id{};
    Array<Partition> partition_responses{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 12)), field<&Topic::topic_id>(since(13)),
               field<&Topic::partition_responses>(since(0))};
  };

  Array<Topic> responses{};
  std::int32_t throttle_time_ms = 0;
  Array<NodeEndpoint> node_endpoints{};

  static constexpr auto kFields =
      Fields{field<&ProduceResponse::responses>(since(0)),
             field<&ProduceResponse::throttle_time_ms>(since(1)),
             field<&ProduceResponse::node_endpoints>(since(10)).tagged(0)};
};

}  // namespace duolog::kafka

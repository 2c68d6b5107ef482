// Fetch (key 1): reads record batches. KIP-74 (limits), KIP-227 (sessions), KIP-320 (epochs),
// KIP-516 (topic ids), KIP-951 (leader hints).
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/leader_hint.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct FetchRequest {
  static constexpr ApiKey kApi = ApiKey::kFetch;

  struct ReplicaState {
    std::int32_t replica_id = -1;
    std::int64_t replica_epoch = -1;

    static constexpr auto kFields = Fields{field<&ReplicaState::replica_id>(since(15)),
                                           field<&ReplicaState::replica_epoch>(since(15))};
  };

  struct Topic {
    struct Partition {
      PartitionId partition{};
      LeaderEpoch current_leader_epoch{-1};
      Offset fetch_offset{};
      LeaderEpoch last_fetched_epoch{-1};
      Offset log_start_offset{-1};
      std::int32_t partition_max_bytes = 0;
      Uuid replica_directory_id{};
      Offset high_watermark{std::numeric_limits<std::int64_t>::max()};

      static constexpr auto kFields =
          Fields{field<&Partition::partition>(since(0)),
                 field<&Partition::current_leader_epoch>(since(9)),
                 field<&Partition::fetch_offset>(since(0)),
                 field<&Partition::last_fetched_epoch>(since(12)),
                 field<&Partition::log_start_offset>(since(5)),
                 field<&Partition::partition_max_bytes>(since(0)),
                 field<&Partition::replica_directory_id>(since(17)).tagged(0),
                 field<&Partition::high_watermark>(since(18)).tagged(1)};
    };

    std::string_view topic{};
    Uuid topic_id{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::topic>(range(0, 12)), field<&Topic::topic_id>(since(13)),
               field<&Topic::partitions>(since(0))};
  };

  struct ForgottenTopic {
    std::string_view topic{};
    Uuid topic_id{};
    Array<PartitionId> partitions{};

    static constexpr auto kFields = Fields{field<&ForgottenTopic::topic>(range(7, 12)),
                                           field<&ForgottenTopic::topic_id>(since(13)),
                                           field<&ForgottenTopic::partitions>(since(7))};
  };

  NullableString cluster_id{};
  std::int32_t replica_id = -1;
  ReplicaState replica_state{};
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();
  std::int8_t isolation_level = 0;  // 1: read committed
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;  // -1: no session (KIP-227)
  Array<Topic> topics{};
  Array<ForgottenTopic> forgotten_topics_data{};
  std::string_view rack_id{};

  static constexpr auto kFields =
      Fields{field<&FetchRequest::cluster_id>(since(12)).nullable(since(12)).tagged(0),
             field<&FetchRequest::replica_id>(range(0, 14)),
             field<&FetchRequest::replica_state>(since(15)).tagged(1),
             field<&FetchRequest::max_wait_ms>(since(0)),
             field<&FetchRequest::min_bytes>(since(0)),
             field<&FetchRequest::max_bytes>(since(3)),
             field<&FetchRequest::isolation_level>(since(4)),
             field<&FetchRequest::session_id>(since(7)),
             field<&FetchRequest::session_epoch>(since(7)),
             field<&FetchRequest::topics>(since(0)),
             field<&FetchRequest::forgotten_topics_data>(since(7)),
             field<&FetchRequest::rack_id>(since(11))};
};

struct FetchResponse {
  static constexpr ApiKey kApi = ApiKey::kFetch;

  struct EpochEndOffset {
    LeaderEpoch epoch{-1};
    Offset end_offset{-1};

    static constexpr auto kFields = Fields{field<&EpochEndOffset::epoch>(since(12)),
                                           field<&EpochEndOffset::end_offset>(since(12))};
  };

  struct SnapshotId {
    Offset end_offset{-1};
    LeaderEpoch epoch{-1};

    static constexpr auto kFields =
        Fields{field<&SnapshotId::end_offset>(since(0)), field<&SnapshotId::epoch>(since(0))};
  };

  struct AbortedTransaction {
    std::int64_t producer_id = 0;
    Offset first_offset{};

    static constexpr auto kFields = Fields{field<&AbortedTransaction::producer_id>(since(4)),
                                           field<&AbortedTransaction::first_offset>(since(4))};
  };

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      ErrorCode error_code = ErrorCode::kNone;
      Offset high_watermark{};
      Offset last_stable_offset{-1};
      Offset log_start_offset{-1};
      EpochEndOffset diverging_epoch{};
      LeaderIdAndEpoch current_leader{};
      SnapshotId snapshot_id{};
      Array<AbortedTransaction> aborted_transactions = Array<AbortedTransaction>::null();
      std::int32_t preferred_read_replica = -1;
      Records records{};

      static constexpr auto kFields =
          Fields{field<&Partition::partition_index>(since(0)),
                 field<&Partition::error_code>(since(0)),
                 field<&Partition::high_watermark>(since(0)),
                 field<&Partition::last_stable_offset>(since(4)),
                 field<&Partition::log_start_offset>(since(5)),
                 field<&Partition::diverging_epoch>(since(12)).tagged(0),
                 field<&Partition::current_leader>(since(12)).tagged(1),
                 field<&Partition::snapshot_id>(since(12)).tagged(2),
                 field<&Partition::aborted_transactions>(since(4)).nullable(since(4)),
                 field<&Partition::preferred_read_replica>(since(11)),
                 field<&Partition::records>(since(0)).nullable(since(0))};
    };

    std::string_view topic{};
    Uuid topic_id{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::topic>(range(0, 12)), field<&Topic::topic_id>(since(13)),
               field<&Topic::partitions>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t session_id = 0;
  Array<Topic> responses{};
  Array<NodeEndpoint> node_endpoints{};

  static constexpr auto kFields = Fields{
      field<&FetchResponse::throttle_time_ms>(since(1)),
      field<&FetchResponse::error_code>(since(7)), field<&FetchResponse::session_id>(since(7)),
      field<&FetchResponse::responses>(since(0)),
      field<&FetchResponse::node_endpoints>(since(16)).tagged(0)};
};

}  // namespace duolog::kafka

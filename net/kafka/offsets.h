// ListOffsets (key 2) and OffsetForLeaderEpoch (key 23): which offset belongs to a time, or to the
// end of a leader epoch. KIP-79, KIP-320, KIP-734 (the latest timestamp).
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

// Timestamps of a ListOffsets request that are not times.
inline constexpr Timestamp kLatestOffset{-1};     // the high watermark, or the last stable offset
inline constexpr Timestamp kEarliestOffset{-2};   // the log's start
inline constexpr Timestamp kMaxTimestamp{-3};     // the record with the largest timestamp
inline constexpr Timestamp kEarliestLocal{-4};    // of what lies on this broker (KIP-405)
inline constexpr Timestamp kLatestTiered{-5};     // of what lies in remote storage (KIP-1005)
inline constexpr Timestamp kEarliestPending{-6};  // of what is still to be uploaded (KIP-1023)

struct ListOffsetsRequest {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      LeaderEpoch current_leader_epoch{-1};
      Timestamp timestamp{};  // or one of the codes above

      static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0)),
                                             field<&Partition::current_leader_epoch>(since(4)),
                                             field<&Partition::timestamp>(since(0))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::int32_t replica_id = 0;      // -1: a consumer
  std::int8_t isolation_level = 0;  // 1: read committed
  Array<Topic> topics{};
  std::int32_t timeout_ms = 0;

  static constexpr auto kFields = Fields{field<&ListOffsetsRequest::replica_id>(since(0)),
                                         field<&ListOffsetsRequest::isolation_level>(since(2)),
                                         field<&ListOffsetsRequest::topics>(since(0)),
                                         field<&ListOffsetsRequest::timeout_ms>(since(10))};
};

struct ListOffsetsResponse {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      ErrorCode error_code = ErrorCode::kNone;
      Timestamp timestamp{-1};
      Offset offset{-1};
      LeaderEpoch leader_epoch{-1};

      static constexpr auto kFields =
          Fields{field<&Partition::partition_index>(since(0)),
                 field<&Partition::error_code>(since(0)), field<&Partition::timestamp>(since(1)),
                 field<&Partition::offset>(since(1)), field<&Partition::leader_epoch>(since(4))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&ListOffsetsResponse::throttle_time_ms>(since(2)),
                                         field<&ListOffsetsResponse::topics>(since(0))};
};

struct OffsetForLeaderEpochRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;

  struct Topic {
    struct Partition {
      PartitionId partition{};
      LeaderEpoch current_leader_epoch{-1};
      LeaderEpoch leader_epoch{};

      static constexpr auto kFields = Fields{field<&Partition::partition>(since(0)),
                                             field<&Partition::current_leader_epoch>(since(2)),
                                             field<&Partition::leader_epoch>(since(0))};
    };

    std::string_view topic{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::topic>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::int32_t replica_id = -2;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&OffsetForLeaderEpochRequest::replica_id>(since(3)),
                                         field<&OffsetForLeaderEpochRequest::topics>(since(0))};
};

struct OffsetForLeaderEpochResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;

  struct Topic {
    struct Partition {
      ErrorCode error_code = ErrorCode::kNone;
      PartitionId partition{};
      LeaderEpoch leader_epoch{-1};
      Offset end_offset{-1};

      static constexpr auto kFields = Fields{
          field<&Partition::error_code>(since(0)), field<&Partition::partition>(since(0)),
          field<&Partition::leader_epoch>(since(1)), field<&Partition::end_offset>(since(0))};
    };

    std::string_view topic{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::topic>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields =
      Fields{field<&OffsetForLeaderEpochResponse::throttle_time_ms>(since(2)),
             field<&OffsetForLeaderEpochResponse::topics>(since(0))};
};

}  // namespace duolog::kafka

// OffsetCommit (key 8), OffsetFetch (9) and OffsetDelete (47): what a group has committed. KIP-320
// (leader epochs), KIP-447 (stable offsets), KIP-709 (many groups), KIP-848 (member epochs, topic
// ids).
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct OffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      Offset committed_offset{};
      LeaderEpoch committed_leader_epoch{-1};
      NullableString committed_metadata = "";

      static constexpr auto kFields =
          Fields{field<&Partition::partition_index>(since(0)),
                 field<&Partition::committed_offset>(since(0)),
                 field<&Partition::committed_leader_epoch>(since(6)),
                 field<&Partition::committed_metadata>(since(0)).nullable(since(0))};
    };

    std::string_view name{};
    Uuid topic_id{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 9)), field<&Topic::topic_id>(since(10)),
               field<&Topic::partitions>(since(0))};
  };

  std::string_view group_id{};
  std::int32_t generation_id_or_member_epoch = -1;
  std::string_view member_id{};
  NullableString group_instance_id{};
  std::int64_t retention_time_ms = -1;
  Array<Topic> topics{};

  static constexpr auto kFields =
      Fields{field<&OffsetCommitRequest::group_id>(since(0)),
             field<&OffsetCommitRequest::generation_id_or_member_epoch>(since(1)),
             field<&OffsetCommitRequest::member_id>(since(1)),
             field<&OffsetCommitRequest::group_instance_id>(since(7)).nullable(since(7)),
             field<&OffsetCommitRequest::retention_time_ms>(range(2, 4)),
             field<&OffsetCommitRequest::topics>(since(0))};
};

struct OffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      ErrorCode error_code = ErrorCode::kNone;

      static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0)),
                                             field<&Partition::error_code>(since(0))};
    };

    std::string_view name{};
    Uuid topic_id{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 9)), field<&Topic::topic_id>(since(10)),
               field<&Topic::partitions>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&OffsetCommitResponse::throttle_time_ms>(since(3)),
                                         field<&OffsetCommitResponse::topics>(since(0))};
};

struct OffsetFetchRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;

  struct Topic {
    std::string_view name{};
    Array<PartitionId> partition_indexes{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 7)), field<&Topic::partition_indexes>(range(0, 7))};
  };

  struct Group {
    struct Topic {
      std::string_view name{};
      Uuid topic_id{};
      Array<PartitionId> partition_indexes{};

      static constexpr auto kFields =
          Fields{field<&Topic::name>(range(8, 9)), field<&Topic::topic_id>(since(10)),
                 field<&Topic::partition_indexes>(since(8))};
    };

    std::string_view group_id{};
    NullableString member_id{};
    std::int32_t member_epoch = -1;
    Array<Topic> topics{};

    static constexpr auto kFields = Fields{
        field<&Group::group_id>(since(8)), field<&Group::member_id>(since(9)).nullable(since(9)),
        field<&Group::member_epoch>(since(9)), field<&Group::topics>(since(8)).nullable(since(8))};
  };

  std::string_view group_id{};
  Array<Topic> topics{};
  Array<Group> groups{};
  bool require_stable = false;

  static constexpr auto kFields =
      Fields{field<&OffsetFetchRequest::group_id>(range(0, 7)),
             field<&OffsetFetchRequest::topics>(range(0, 7)).nullable(range(2, 7)),
             field<&OffsetFetchRequest::groups>(since(8)),
             field<&OffsetFetchRequest::require_stable>(since(7))};
};

struct OffsetFetchResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;

  struct Partition {
    PartitionId partition_index{};
    Offset committed_offset{};
    LeaderEpoch committed_leader_epoch{-1};
    NullableString metadata = "";
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0)),
                                           field<&Partition::committed_offset>(since(0)),
                                           field<&Partition::committed_leader_epoch>(since(5)),
                                           field<&Partition::metadata>(since(0)).nullable(since(0)),
                                           field<&Partition::error_code>(since(0))};
  };

  struct Topic {
    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(range(0, 7)), field<&Topic::partitions>(range(0, 7))};
  };

  struct Group {
    struct Topic {
      std::string_view name{};
      Uuid topic_id{};
      Array<Partition> partitions{};

      static constexpr auto kFields =
          Fields{field<&Topic::name>(range(8, 9)), field<&Topic::topic_id>(since(10)),
                 field<&Topic::partitions>(since(8))};
    };

    std::string_view group_id{};
    Array<Topic> topics{};
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto kFields =
        Fields{field<&Group::group_id>(since(8)), field<&Group::topics>(since(8)),
               field<&Group::error_code>(since(8))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};
  ErrorCode error_code = ErrorCode::kNone;
  Array<Group> groups{};

  static constexpr auto kFields = Fields{field<&OffsetFetchResponse::throttle_time_ms>(since(3)),
                                         field<&OffsetFetchResponse::topics>(range(0, 7)),
                                         field<&OffsetFetchResponse::error_code>(range(2, 7)),
                                         field<&OffsetFetchResponse::groups>(since(8))};
};

struct OffsetDeleteRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};

      static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::string_view group_id{};
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&OffsetDeleteRequest::group_id>(since(0)),
                                         field<&OffsetDeleteRequest::topics>(since(0))};
};

struct OffsetDeleteResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      ErrorCode error_code = ErrorCode::kNone;

      static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0)),
                                             field<&Partition::error_code>(since(0))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&OffsetDeleteResponse::error_code>(since(0)),
                                         field<&OffsetDeleteResponse::throttle_time_ms>(since(0)),
                                         field<&OffsetDeleteResponse::topics>(since(0))};
};

}  // namespace duolog::kafka

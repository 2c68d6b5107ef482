// CreatePartitions (key 37) and DeleteRecords (21): more partitions, and fewer records. KIP-107,
// KIP-195.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct CreatePartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;

  struct Topic {
    struct Assignment {
      Array<std::int32_t> broker_ids{};

      static constexpr auto kFields = Fields{field<&Assignment::broker_ids>(since(0))};
    };

    std::string_view name{};
    std::int32_t count = 0;
    Array<Assignment> assignments{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::count>(since(0)),
               field<&Topic::assignments>(since(0)).nullable(since(0))};
  };

  Array<Topic> topics{};
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  static constexpr auto kFields = Fields{field<&CreatePartitionsRequest::topics>(since(0)),
                                         field<&CreatePartitionsRequest::timeout_ms>(since(0)),
                                         field<&CreatePartitionsRequest::validate_only>(since(0))};
};

struct CreatePartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;

  struct Topic {
    std::string_view name{};
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::error_code>(since(0)),
               field<&Topic::error_message>(since(0)).nullable(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> results{};

  static constexpr auto kFields =
      Fields{field<&CreatePartitionsResponse::throttle_time_ms>(since(0)),
             field<&CreatePartitionsResponse::results>(since(0))};
};

struct DeleteRecordsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      Offset offset{};

      static constexpr auto kFields =
          Fields{field<&Partition::partition_index>(since(0)), field<&Partition::offset>(since(0))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  Array<Topic> topics{};
  std::int32_t timeout_ms = 0;

  static constexpr auto kFields = Fields{field<&DeleteRecordsRequest::topics>(since(0)),
                                         field<&DeleteRecordsRequest::timeout_ms>(since(0))};
};

struct DeleteRecordsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;

  struct Topic {
    struct Partition {
      PartitionId partition_index{};
      Offset low_watermark{};
      ErrorCode error_code = ErrorCode::kNone;

      static constexpr auto kFields = Fields{field<&Partition::partition_index>(since(0)),
                                             field<&Partition::low_watermark>(since(0)),
                                             field<&Partition::error_code>(since(0))};
    };

    std::string_view name{};
    Array<Partition> partitions{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::partitions>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&DeleteRecordsResponse::throttle_time_ms>(since(0)),
                                         field<&DeleteRecordsResponse::topics>(since(0))};
};

}  // namespace duolog::kafka

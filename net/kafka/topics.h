// CreateTopics (key 19) and DeleteTopics (key 20). KIP-516 (topic ids), KIP-525 (configurations in
// the response), KIP-599 (throttling).
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct CreateTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;

  struct Topic {
    struct Assignment {
      PartitionId partition_index{};
      Array<std::int32_t> broker_ids{};

      static constexpr auto kFields = Fields{field<&Assignment::partition_index>(since(0)),
                                             field<&Assignment::broker_ids>(since(0))};
    };

    struct Config {
      std::string_view name{};
      NullableString value = "";

      static constexpr auto kFields = Fields{field<&Config::name>(since(0)),
                                             field<&Config::value>(since(0)).nullable(since(0))};
    };

    std::string_view name{};
    std::int32_t num_partitions = 0;      // -1: the broker's default
    std::int16_t replication_factor = 0;  // -1: the broker's default
    Array<Assignment> assignments{};
    Array<Config> configs{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)), field<&Topic::num_partitions>(since(0)),
               field<&Topic::replication_factor>(since(0)), field<&Topic::assignments>(since(0)),
               field<&Topic::configs>(since(0))};
  };

  Array<Topic> topics{};
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static constexpr auto kFields = Fields{field<&CreateTopicsRequest::topics>(since(0)),
                                         field<&CreateTopicsRequest::timeout_ms>(since(0)),
                                         field<&CreateTopicsRequest::validate_only>(since(1))};
};

struct CreateTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;

  struct Topic {
    struct Config {
      std::string_view name{};
      NullableString value = "";
      bool read_only = false;
      std::int8_t config_source = -1;
      bool is_sensitive = false;

      static constexpr auto kFields =
          Fields{field<&Config::name>(since(5)), field<&Config::value>(since(5)).nullable(since(5)),
                 field<&Config::read_only>(since(5)), field<&Config::config_source>(since(5)),
                 field<&Config::is_sensitive>(since(5))};
    };

    std::string_view name{};
    Uuid topic_id{};
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message{};
    ErrorCode topic_config_error_code = ErrorCode::kNone;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    Array<Config> configs{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)),
               field<&Topic::topic_id>(since(7)),
               field<&Topic::error_code>(since(0)),
               field<&Topic::error_message>(since(1)).nullable(since(0)),
               field<&Topic::topic_config_error_code>(since(5)).tagged(0),
               field<&Topic::num_partitions>(since(5)),
               field<&Topic::replication_factor>(since(5)),
               field<&Topic::configs>(since(5)).nullable(since(5))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> topics{};

  static constexpr auto kFields = Fields{field<&CreateTopicsResponse::throttle_time_ms>(since(2)),
                                         field<&CreateTopicsResponse::topics>(since(0))};
};

struct DeleteTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;

  struct Topic {
    NullableString name{};  // null: by topic_id
    Uuid topic_id{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(6)).nullable(since(6)), field<&Topic::topic_id>(since(6))};
  };

  Array<Topic> topics{};
  Array<std::string_view> topic_names{};
  std::int32_t timeout_ms = 0;

  static constexpr auto kFields = Fields{field<&DeleteTopicsRequest::topics>(since(6)),
                                         field<&DeleteTopicsRequest::topic_names>(range(0, 5)),
                                         field<&DeleteTopicsRequest::timeout_ms>(since(0))};
};

struct DeleteTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;

  struct Topic {
    NullableString name = "";
    Uuid topic_id{};
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message{};

    static constexpr auto kFields =
        Fields{field<&Topic::name>(since(0)).nullable(since(6)), field<&Topic::topic_id>(since(6)),
               field<&Topic::error_code>(since(0)),
               field<&Topic::error_message>(since(5)).nullable(since(5))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Topic> responses{};

  static constexpr auto kFields = Fields{field<&DeleteTopicsResponse::throttle_time_ms>(since(1)),
                                         field<&DeleteTopicsResponse::responses>(since(0))};
};

}  // namespace duolog::kafka

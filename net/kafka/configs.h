// DescribeConfigs (key 32), AlterConfigs (33) and IncrementalAlterConfigs (44): the settings of
// topics and brokers.
// KIP-226 (synonyms), KIP-339 (incremental), KIP-569 (types, documentation).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct DescribeConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;

  struct Resource {
    std::int8_t resource_type = 0;
    std::string_view resource_name{};
    Array<std::string_view> configuration_keys{};

    static constexpr auto kFields =
        Fields{field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0)),
               field<&Resource::configuration_keys>(since(0)).nullable(since(0))};
  };

  Array<Resource> resources{};
  bool include_synonyms = false;
  bool include_documentation = false;

  static constexpr auto kFields =
      Fields{field<&DescribeConfigsRequest::resources>(since(0)),
             field<&DescribeConfigsRequest::include_synonyms>(since(1)),
             field<&DescribeConfigsRequest::include_documentation>(since(3))};
};

struct DescribeConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;

  struct Resource {
    struct Config {
      struct Synonym {
        std::string_view name{};
        NullableString value = "";
        std::int8_t source = 0;

        static constexpr auto kFields = Fields{field<&Synonym::name>(since(1)),
                                               field<&Synonym::value>(since(1)).nullable(since(0)),
                                               field<&Synonym::source>(since(1))};
      };

      std::string_view name{};
      NullableString value = "";
      bool read_only = false;
      std::int8_t config_source = -1;
      bool is_sensitive = false;
      Array<Synonym> synonyms{};
      std::int8_t config_type = 0;
      NullableString documentation = "";

      static constexpr auto kFields =
          Fields{field<&Config::name>(since(0)),
                 field<&Config::value>(since(0)).nullable(since(0)),
                 field<&Config::read_only>(since(0)),
                 field<&Config::config_source>(since(1)),
                 field<&Config::is_sensitive>(since(0)),
                 field<&Config::synonyms>(since(1)),
                 field<&Config::config_type>(since(3)),
                 field<&Config::documentation>(since(3)).nullable(since(0))};
    };

    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message = "";
    std::int8_t resource_type = 0;
    std::string_view resource_name{};
    Array<Config> configs{};

    static constexpr auto kFields =
        Fields{field<&Resource::error_code>(since(0)),
               field<&Resource::error_message>(since(0)).nullable(since(0)),
               field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0)),
               field<&Resource::configs>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Resource> results{};

  static constexpr auto kFields =
      Fields{field<&DescribeConfigsResponse::throttle_time_ms>(since(0)),
             field<&DescribeConfigsResponse::results>(since(0))};
};

struct AlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kAlterConfigs;

  struct Resource {
    struct Config {
      std::string_view name{};
      NullableString value = "";

      static constexpr auto kFields = Fields{field<&Config::name>(since(0)),
                                             field<&Config::value>(since(0)).nullable(since(0))};
    };

    std::int8_t resource_type = 0;
    std::string_view resource_name{};
    Array<Config> configs{};

    static constexpr auto kFields =
        Fields{field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0)),
               field<&Resource::configs>(since(0))};
  };

  Array<Resource> resources{};
  bool validate_only = false;

  static constexpr auto kFields = Fields{field<&AlterConfigsRequest::resources>(since(0)),
                                         field<&AlterConfigsRequest::validate_only>(since(0))};
};

struct AlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kAlterConfigs;

  struct Resource {
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message = "";
    std::int8_t resource_type = 0;
    std::string_view resource_name{};

    static constexpr auto kFields = Fields{
        field<&Resource::error_code>(since(0)),
        field<&Resource::error_message>(since(0)).nullable(since(0)),
        field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Resource> responses{};

  static constexpr auto kFields = Fields{field<&AlterConfigsResponse::throttle_time_ms>(since(0)),
                                         field<&AlterConfigsResponse::responses>(since(0))};
};

struct IncrementalAlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kIncrementalAlterConfigs;

  struct Resource {
    struct Config {
      std::string_view name{};
      std::int8_t config_operation = 0;
      NullableString value = "";

      static constexpr auto kFields =
          Fields{field<&Config::name>(since(0)), field<&Config::config_operation>(since(0)),
                 field<&Config::value>(since(0)).nullable(since(0))};
    };

    std::int8_t resource_type = 0;
    std::string_view resource_name{};
    Array<Config> configs{};

    static constexpr auto kFields =
        Fields{field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0)),
               field<&Resource::configs>(since(0))};
  };

  Array<Resource> resources{};
  bool validate_only = false;

  static constexpr auto kFields =
      Fields{field<&IncrementalAlterConfigsRequest::resources>(since(0)),
             field<&IncrementalAlterConfigsRequest::validate_only>(since(0))};
};

struct IncrementalAlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kIncrementalAlterConfigs;

  struct Resource {
    ErrorCode error_code = ErrorCode::kNone;
    NullableString error_message = "";
    std::int8_t resource_type = 0;
    std::string_view resource_name{};

    static constexpr auto kFields = Fields{
        field<&Resource::error_code>(since(0)),
        field<&Resource::error_message>(since(0)).nullable(since(0)),
        field<&Resource::resource_type>(since(0)), field<&Resource::resource_name>(since(0))};
  };

  std::int32_t throttle_time_ms = 0;
  Array<Resource> responses{};

  static constexpr auto kFields =
      Fields{field<&IncrementalAlterConfigsResponse::throttle_time_ms>(since(0)),
             field<&IncrementalAlterConfigsResponse::responses>(since(0))};
};

}  // namespace duolog::kafka

// ApiVersions (key 18): the first request of every client, which asks for the table of api.h.
// KIP-35, KIP-511 (software name), KIP-584 (features).
#pragma once

#include <cstdint>
#include <string_view>

#include "net/kafka/errors.h"
#include "net/kafka/message.h"

namespace duolog::kafka {

struct ApiVersionsRequest {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;

  std::string_view client_software_name{};
  std::string_view client_software_version{};

  static constexpr auto kFields =
      Fields{field<&ApiVersionsRequest::client_software_name>(since(3)),
             field<&ApiVersionsRequest::client_software_version>(since(3))};
};

struct ApiVersionsResponse {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;

  struct ApiVersion {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static constexpr auto kFields =
        Fields{field<&ApiVersion::api_key>(since(0)), field<&ApiVersion::min_version>(since(0)),
               field<&ApiVersion::max_version>(since(0))};
  };

  struct SupportedFeatureKey {
    std::string_view name{};
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static constexpr auto kFields = Fields{field<&SupportedFeatureKey::name>(since(3)),
                                           field<&SupportedFeatureKey::min_version>(since(3)),
                                           field<&SupportedFeatureKey::max_version>(since(3))};
  };

  struct FinalizedFeatureKey {
    std::string_view name{};
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;

    static constexpr auto kFields =
        Fields{field<&FinalizedFeatureKey::name>(since(3)),
               field<&FinalizedFeatureKey::max_version_level>(since(3)),
               field<&FinalizedFeatureKey::min_version_level>(since(3))};
  };

  ErrorCode error_code = ErrorCode::kNone;
  Array<ApiVersion> api_keys{};
  std::int32_t throttle_time_ms = 0;
  Array<SupportedFeatureKey> supported_features{};
  std::int64_t finalized_features_epoch = -1;  // -1: unknown
  Array<FinalizedFeatureKey> finalized_features{};
  bool zk_migration_ready = false;

  static constexpr auto kFields =
      Fields{field<&ApiVersionsResponse::error_code>(since(0)),
             field<&ApiVersionsResponse::api_keys>(since(0)),
             field<&ApiVersionsResponse::throttle_time_ms>(since(1)),
             field<&ApiVersionsResponse::supported_features>(since(3)).tagged(0),
             field<&ApiVersionsResponse::finalized_features_epoch>(since(3)).tagged(1),
             field<&ApiVersionsResponse::finalized_features>(since(3)).tagged(2),
             field<&ApiVersionsResponse::zk_migration_ready>(since(3)).tagged(3)};
};

// The table of api.h as ApiVersions lists it, in the arena.
[[nodiscard]] Array<ApiVersionsResponse::ApiVersion> advertised_apis(Arena& arena);

}  // namespace duolog::kafka

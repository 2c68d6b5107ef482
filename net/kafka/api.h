// The APIs that this server speaks: one table, from which ApiVersions is answered, headers are
// chosen and requests are refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/kafka/field.h"

namespace duolog::kafka {

enum class ApiKey : std::int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kFindCoordinator = 10,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kOffsetForLeaderEpoch = 23,
};

struct Api {
  ApiKey key;
  std::string_view name;
  Versions versions;              // implemented, in both directions
  std::int16_t flexible_since;    // first request and response version with KIP-482's encoding
  std::int16_t advertised_first;  // what ApiVersions says instead of versions.first
  bool advertised;                // listed by ApiVersions at all
};

// In the order of the keys. Produce is advertised from 0, although 0 to 2 are refused, because
// librdkafka before 2.11.1 takes a higher minimum for a broker that cannot compress
// (KAFKA-18659).
inline constexpr std::array kApis{
    Api{ApiKey::kProduce, "Produce", range(3, 13), 9, 0, true},
    Api{ApiKey::kFetch, "Fetch", range(4, 18), 12, 4, true},
    Api{ApiKey::kListOffsets, "ListOffsets", range(1, 11), 6, 1, true},
    Api{ApiKey::kMetadata, "Metadata", range(0, 13), 9, 0, true},
    Api{ApiKey::kFindCoordinator, "FindCoordinator", range(0, 6), 3, 0, true},
    Api{ApiKey::kApiVersions, "ApiVersions", range(0, 4), 3, 0, true},
    Api{ApiKey::kCreateTopics, "CreateTopics", range(2, 7), 5, 2, true},
    Api{ApiKey::kDeleteTopics, "DeleteTopics", range(1, 6), 4, 1, true},
    Api{ApiKey::kOffsetForLeaderEpoch, "OffsetForLeaderEpoch", range(2, 4), 4, 2, true},
};

// Where in kApis a key stands; kApis.size() for one that is not in it.
[[nodiscard]] constexpr std::size_t api_index(std::int16_t key) {
  std::size_t index = 0;
  while (index < kApis.size() && static_cast<std::int16_t>(kApis[index].key) != key) ++index;
  return index;
}

// Null for a key that is not in the table. Keys come off the wire as plain numbers.
[[nodiscard]] constexpr const Api* find_api(std::int16_t key) {
  const std::size_t index = api_index(key);
  return index < kApis.size() ? &kApis[index] : nullptr;
}
[[nodiscard]] constexpr const Api* find_api(ApiKey key) {
  return find_api(static_cast<std::int16_t>(key));
}

// Whether requests of this key and version are understood. A connection that sends others is
// closed, except for ApiVersions, which is answered in version 0 with UNSUPPORTED_VERSION and the
// table (KIP-511).
[[nodiscard]] constexpr bool supported(std::int16_t key, std::int16_t version) {
  const Api* api = find_api(key);
  return api != nullptr && api->versions.has(version);
}

}  // namespace duolog::kafka

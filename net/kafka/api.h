// The APIs that this server speaks: one table, from which ApiVersions is answered, headers are
// chosen and requests are refused. It alone says which versions there are; what serves an API is in
// engine/session/kafka/dispatch_table.h, which does not compile unless the two agree.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>

#include "net/kafka/field.h"

namespace duolog::kafka {

enum class ApiKey : std::int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kOffsetCommit = 8,
  kOffsetFetch = 9,
  kFindCoordinator = 10,
  kJoinGroup = 11,
  kHeartbeat = 12,
  kLeaveGroup = 13,
  kSyncGroup = 14,
  kDescribeGroups = 15,
  kListGroups = 16,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kDeleteRecords = 21,
  kInitProducerId = 22,
  kOffsetForLeaderEpoch = 23,
  kDescribeAcls = 29,
  kDescribeConfigs = 32,
  kAlterConfigs = 33,
  kCreatePartitions = 37,
  kDeleteGroups = 42,
  kIncrementalAlterConfigs = 44,
  kOffsetDelete = 47,
  kDescribeCluster = 60,
  kDescribeTopicPartitions = 75,
};

struct Api {
  ApiKey key;
  std::string_view name;
  Versions versions;              // implemented, in both directions
  std::int16_t flexible_since;    // first request and response version with KIP-482's encoding
  std::int16_t advertised_first;  // what ApiVersions says instead of versions.first
  bool advertised;                // served, and listed by ApiVersions; else only the wire is there
};

// `flexible_since` of what has no flexible version.
inline constexpr std::int16_t kNeverFlexible = std::numeric_limits<std::int16_t>::max();

// In the order of the keys. Produce is advertised from 0, although 0 to 2 are refused, because
// librdkafka before 2.11.1 takes a higher minimum for a broker that cannot compress
// (KAFKA-18659).
inline constexpr std::array kApis{
    Api{ApiKey::kProduce, "Produce", range(3, 13), 9, 0, true},
    Api{ApiKey::kFetch, "Fetch", range(4, 18), 12, 4, true},
    Api{ApiKey::kListOffsets, "ListOffsets", range(1, 11), 6, 1, true},
    Api{ApiKey::kMetadata, "Metadata", range(0, 13), 9, 0, true},
    Api{ApiKey::kOffsetCommit, "OffsetCommit", range(2, 10), 8, 2, true},
    Api{ApiKey::kOffsetFetch, "OffsetFetch", range(1, 10), 6, 1, true},
    Api{ApiKey::kFindCoordinator, "FindCoordinator", range(0, 6), 3, 0, true},
    Api{ApiKey::kJoinGroup, "JoinGroup", range(0, 9), 6, 0, true},
    Api{ApiKey::kHeartbeat, "Heartbeat", range(0, 4), 4, 0, true},
    Api{ApiKey::kLeaveGroup, "LeaveGroup", range(0, 5), 4, 0, true},
    Api{ApiKey::kSyncGroup, "SyncGroup", range(0, 5), 4, 0, true},
    Api{ApiKey::kDescribeGroups, "DescribeGroups", range(0, 6), 5, 0, true},
    Api{ApiKey::kListGroups, "ListGroups", range(0, 5), 3, 0, true},
    Api{ApiKey::kApiVersions, "ApiVersions", range(0, 4), 3, 0, true},
    Api{ApiKey::kCreateTopics, "CreateTopics", range(2, 7), 5, 2, true},
    Api{ApiKey::kDeleteTopics, "DeleteTopics", range(1, 6), 4, 1, true},
    Api{ApiKey::kDeleteRecords, "DeleteRecords", range(0, 2), 2, 0, true},
    Api{ApiKey::kInitProducerId, "InitProducerId", range(0, 5), 2, 0, true},
    Api{ApiKey::kOffsetForLeaderEpoch, "OffsetForLeaderEpoch", range(2, 4), 4, 2, true},
    Api{ApiKey::kDescribeAcls, "DescribeAcls", range(1, 3), 2, 1, true},
    Api{ApiKey::kDescribeConfigs, "DescribeConfigs", range(1, 4), 4, 1, true},
    Api{ApiKey::kAlterConfigs, "AlterConfigs", range(0, 2), 2, 0, true},
    Api{ApiKey::kCreatePartitions, "CreatePartitions", range(0, 3), 2, 0, true},
    Api{ApiKey::kDeleteGroups, "DeleteGroups", range(0, 2), 2, 0, true},
    Api{ApiKey::kIncrementalAlterConfigs, "IncrementalAlterConfigs", range(0, 1), 1, 0, true},
    Api{ApiKey::kOffsetDelete, "OffsetDelete", range(0, 0), kNeverFlexible, 0, true},
    Api{ApiKey::kDescribeCluster, "DescribeCluster", range(0, 2), 0, 0, true},
    Api{ApiKey::kDescribeTopicPartitions, "DescribeTopicPartitions", range(0, 0), 0, 0, true},
};

static_assert(std::ranges::adjacent_find(kApis, std::ranges::greater_equal(), &Api::key) ==
              kApis.end());

namespace detail {
// By key.
inline constexpr auto kApiIndexes = [] {
  std::array<std::uint8_t, static_cast<std::size_t>(kApis.back().key) + 1> indexes;
  indexes.fill(kApis.size());
  for (std::size_t i = 0; i < kApis.size(); ++i) {
    indexes[static_cast<std::size_t>(kApis[i].key)] = static_cast<std::uint8_t>(i);
  }
  return indexes;
}();
}  // namespace detail

// Where in kApis a key stands; kApis.size() for one that is not in it.
[[nodiscard]] constexpr std::size_t api_index(std::int16_t key) {
  const bool in_range = key >= 0 && static_cast<std::size_t>(key) < detail::kApiIndexes.size();
  return in_range ? detail::kApiIndexes[static_cast<std::size_t>(key)] : kApis.size();
}

// Null for a key that is not in the table. Keys come off the wire as plain numbers.
[[nodiscard]] constexpr const Api* find_api(std::int16_t key) {
  const std::size_t index = api_index(key);
  return index < kApis.size() ? &kApis[index] : nullptr;
}
[[nodiscard]] constexpr const Api* find_api(ApiKey key) {
  return find_api(static_cast<std::int16_t>(key));
}

// Whether requests of this key and version are served. A connection that sends others is
// closed, except for ApiVersions, which is answered in version 0 with UNSUPPORTED_VERSION and the
// table (KIP-511).
[[nodiscard]] constexpr bool supported(std::int16_t key, std::int16_t version) {
  const Api* api = find_api(key);
  return api != nullptr && api->advertised && api->versions.has(version);
}

}  // namespace duolog::kafka

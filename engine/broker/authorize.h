// Authorisation: every access to a topic, group or the cluster asks here first.
//
// Any shard's thread. There are no access rules yet, so everything is allowed; who asks, and for
// what, is already said at each place.
#pragma once

#include <cstdint>
#include <string_view>

namespace duolog::broker {

// Who asks. Connections without authentication are "User:ANONYMOUS", as in Kafka.
struct Principal {
  std::string_view name = "User:ANONYMOUS";
};

// Kafka's operations (org.apache.kafka.common.acl.AclOperation), as far as they are asked for.
enum class Operation : std::uint8_t {
  kRead,
  kWrite,
  kCreate,
  kDelete,
  kAlter,
  kDescribe,
  kClusterAction,
  kDescribeConfigs,
  kAlterConfigs,
  kIdempotentWrite
};
enum class ResourceType : std::uint8_t { kTopic, kCluster, kGroup };

struct Resource {
  ResourceType type = ResourceType::kTopic;
  std::string_view name;
};
inline constexpr Resource kClusterResource{.type = ResourceType::kCluster, .name = "kafka-cluster"};

[[nodiscard]] constexpr bool authorize(const Principal&, Operation, const Resource&) {
  return true;
}

}  // namespace duolog::broker

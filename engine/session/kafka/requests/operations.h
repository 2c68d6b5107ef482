// What a principal may do with a topic or with the cluster, as the bit field of KIP-430.
#pragma once

#include <cstdint>

#include "engine/broker/authorize.h"

namespace duolog::session {

// Kafka's codes of AclOperation.
[[nodiscard]] constexpr std::int32_t bit_of(broker::Operation operation) {
  using enum broker::Operation;
  switch (operation) {
    case kRead:
      return 1 << 3;
    case kWrite:
      return 1 << 4;
    case kCreate:
      return 1 << 5;
    case kDelete:
      return 1 << 6;
    case kAlter:
      return 1 << 7;
    case kDescribe:
      return 1 << 8;
    case kClusterAction:
      return 1 << 9;
    case kDescribeConfigs:
      return 1 << 10;
    case kAlterConfigs:
      return 1 << 11;
    case kIdempotentWrite:
      return 1 << 12;
  }
  return 0;
}

// All that Kafka knows for each.
inline constexpr broker::Operation kTopicOperations[] = {broker::Operation::kRead,
                                                         broker::Operation::kWrite,
                                                         broker::Operation::kCreate,
                                                         broker::Operation::kDelete,
                                                         broker::Operation::kAlter,
                                                         broker::Operation::kDescribe,
                                                         broker::Operation::kDescribeConfigs,
                                                         broker::Operation::kAlterConfigs};
inline constexpr broker::Operation kClusterOperations[] = {
    broker::Operation::kCreate,          broker::Operation::kAlter,
    broker::Operation::kDescribe,        broker::Operation::kClusterAction,
    broker::Operation::kDescribeConfigs, broker::Operation::kAlterConfigs,
    broker::Operation::kIdempotentWrite};

[[nodiscard]] inline std::int32_t topic_operations(const broker::Principal& principal,
                                                   std::string_view topic) {
  std::int32_t bits = 0;
  for (const auto operation : kTopicOperations) {
    if (broker::authorize(principal, operation, {.name = topic})) bits |= bit_of(operation);
  }
  return bits;
}

[[nodiscard]] inline std::int32_t cluster_operations(const broker::Principal& principal) {
  std::int32_t bits = 0;
  for (const auto operation : kClusterOperations) {
    if (broker::authorize(principal, operation, broker::kClusterResource)) {
      bits |= bit_of(operation);
    }
  }
  return bits;
}

}  // namespace duolog::session

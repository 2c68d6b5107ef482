// The partition a key belongs to, the same as Kafka's own producers choose.
//
// Pure functions for any thread. Source: Kafka's Utils.murmur2 and BuiltInPartitioner.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"

namespace duolog::broker {

// MurmurHash2, 32 bits, with Kafka's seed.
[[nodiscard]] std::int32_t murmur2(Bytes bytes);

// 0 .. partition_count - 1; the count is at least 1.
[[nodiscard]] PartitionId partition_for_key(Bytes key, std::int32_t partition_count);

}  // namespace duolog::broker

// Which partition of `__consumer_offsets` a group belongs to, as Kafka computes it: the shard that
// owns that partition coordinates the group. Any shard; nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/ids.h"
#include "engine/broker/topic.h"

namespace duolog::groups {

using broker::kOffsetsTopic;

// Java's String.hashCode, over the UTF-16 units of a text in UTF-8. Bytes that are no UTF-8 count
// as U+FFFD each.
[[nodiscard]] std::int32_t java_hash(std::string_view text);
// Java's String.length.
[[nodiscard]] std::size_t utf16_length(std::string_view text);

// The absolute value of the hash (0 for the one that has none) modulo `partitions`, which is how
// many `__consumer_offsets` has.
[[nodiscard]] PartitionId partition_of_group(std::string_view group_id, std::size_t partitions);

}  // namespace duolog::groups

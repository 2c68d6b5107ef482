// TopicListing: the partitions of all topics as a shard sees them in this turn, up to a limit.
//
// Topics come in the order of their names, partitions in that of their numbers. Pointers are good
// until the end of the turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/broker/broker.h"

namespace duolog::session {

struct ListedPartition {
  const broker::Topic* topic = nullptr;
  PartitionId partition;
  bool offline = false;  // then nothing of the rest is so
  Offset start;
  storage::LogEnd end;           // the high watermark
  std::uint64_t size_bytes = 0;  // from the first segment that is kept to the end
};

struct TopicListing {
  std::vector<ListedPartition> partitions;
  std::size_t left_out = 0;  // partitions, beyond the limit
};

[[nodiscard]] TopicListing list_topics(broker::Broker& broker, std::size_t max_partitions);

}  // namespace duolog::session

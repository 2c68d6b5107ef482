#include "engine/broker/partitioner.h"

#include "engine/base/check.h"

namespace duolog::broker {

std::int32_t murmur2(Bytes bytes) {
  constexpr std::uint32_t kSeed = 0x9747b28c;
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  constexpr unsigned kShift = 24;
  auto hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
    auto word = load_le<std::uint32_t>(bytes.data());
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  if (!bytes.empty()) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      hash ^= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
    }
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

PartitionId partition_for_key(Bytes key, std::int32_t partition_count) {
  CHECK(partition_count > 0);
  return PartitionId((murmur2(key) & 0x7fffffff) % partition_count);
}

}  // namespace duolog::broker

#include "engine/broker/inflated_batches.h"

#include <algorithm>
#include <utility>

namespace duolog::broker {

std::size_t InflatedBatches::take_room(const Source& source, std::size_t packed_bytes,
                                       std::uint64_t now_ns) {
  // More than most batches inflate to, and not much more than small ones need.
  constexpr std::size_t kLeast = 32U << 10;
  constexpr std::size_t kTimes = 8;
  if (!wanted(source, now_ns) || packed_bytes > kMaxBatchBytes) return 0;
  const std::size_t room = std::clamp(packed_bytes * kTimes, kLeast, kMaxBatchBytes);
  if (room > kMaxBytes - pending_bytes_) return 0;
  pending_bytes_ += room;
  return room;
}

void InflatedBatches::keep(const Source& source, Offset base_offset, std::uint32_t crc,
                           Buffer records, std::uint64_t now_ns) {
  const std::size_t size = records.capacity();
  if (size > kMaxBytes) return;
  while (!kept_.empty() && (kept_.size() >= kMaxBatches || kept_bytes_ + size > kMaxBytes)) {
    drop_oldest();
  }
  kept_bytes_ += size;
  kept_.push_back({source, base_offset, crc, now_ns, std::move(records)});
}

Bytes InflatedBatches::find(const Source& source, Offset base_offset, std::uint32_t crc) const {
  for (const Kept& kept : kept_) {
    if (kept.base_offset == base_offset && kept.crc == crc && kept.source == source) {
      return {kept.records.data(), kept.records.size()};
    }
  }
  return {};
}

void InflatedBatches::expire(std::uint64_t now_ns) {
  while (!kept_.empty() && now_ns - kept_.front().since_ns >= kKeepNs) drop_oldest();
}

void InflatedBatches::drop_oldest() {
  kept_bytes_ -= kept_.front().records.capacity();
  kept_.pop_front();
}

}  // namespace duolog::broker

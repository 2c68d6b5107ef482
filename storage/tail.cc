#include "storage/tail.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/base/check.h"
#include "storage/hash.h"

namespace duolog::storage {

bool Tail::is_being_written(Bytes memory) const {
  if (!op_busy || !op) return false;
  return std::ranges::any_of(op->data, [memory](const iovec& piece) {
    const auto* from = static_cast<const std::uint8_t*>(piece.iov_base);
    return from < memory.data() + memory.size() && memory.data() < from + piece.iov_len;
  });
}

Position Tail::end_of(const Segment& segment) const {
  for (std::size_t i = 0; i + 1 < unsealed.size(); ++i) {
    if (unsealed[i] == &segment) return unsealed[i + 1]->base_position;
  }
  return end.position;
}

Segment& Tail::segment_at(Position position) const {
  CHECK(!unsealed.empty());
  for (std::size_t i = unsealed.size(); i-- > 1;) {
    if (unsealed[i]->base_position <= position) return *unsealed[i];
  }
  return *unsealed.front();
}

Position Tail::block_start(Position position) const {
  const Position base = segment_at(position).base_position;
  return base + align_down(position - base, kBlockBytes);
}

SegmentTable* Tail::table_of(std::vector<Segment*> segments) const {
  auto* table = new SegmentTable;
  table->segments = std::move(segments);
  for (const Leaving& left : leaving) table->leaving.push_back(left.segment);
  for (const Replaced& old : replaced) table->leaving.push_back(old.segment);
  table->sort();
  return table;
}

std::int64_t Tail::roll_after_ms() const {
  const Segment* segment = active();
  // As Kafka does: what has to be cleaned by then has to be sealed first.
  if (config.cleanup_compact && config.max_compaction_lag_ms < config.segment_ms) {
    return config.max_compaction_lag_ms;
  }
  if (config.segment_jitter_ms == 0 || !segment) return config.segment_ms;
  std::uint8_t which[sizeof(std::int64_t)];
  store_le<std::int64_t>(which, segment->base_offset.value);
  const std::uint64_t log_seed = std::hash<Uuid>{}(log.identity.topic_id) +
                                 static_cast<std::uint64_t>(log.identity.partition.value);
  const std::int64_t most = std::min(config.segment_jitter_ms, config.segment_ms);
  return config.segment_ms -
         static_cast<std::int64_t>(xxh3(which, log_seed) % static_cast<std::uint64_t>(most));
}

}  // namespace duolog::storage

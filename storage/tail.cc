#include "storage/tail.h"

#include "engine/base/check.h"

namespace duolog::storage {

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

}  // namespace duolog::storage

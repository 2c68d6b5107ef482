#include "storage/log.h"

#include <algorithm>

namespace duolog::storage {
namespace {

// The last segment for which `at_most` holds, or the first of all.
template <class AtMost>
Segment* last_where(const std::vector<Segment*>& segments, AtMost at_most) {
  if (segments.empty()) return nullptr;
  const auto it = std::partition_point(segments.begin(), segments.end(), at_most);
  return it == segments.begin() ? segments.front() : *(it - 1);
}

}  // namespace

Segment* SegmentTable::at(Position position) const {
  const auto at_most = [&](const Segment* s) { return s->base_position <= position; };
  if (segments.empty()) return nullptr;
  if (at_most(segments.front())) return last_where(segments, at_most);
  if (leaving.empty() || !at_most(leaving.front())) return nullptr;
  return last_where(leaving, at_most);
}

Segment* SegmentTable::at(Offset offset) const {
  return last_where(segments, [&](const Segment* s) { return s->base_offset <= offset; });
}

Segment* SegmentTable::after(const Segment& segment) const {
  for (const auto* run : {&leaving, &segments}) {
    const auto it = std::partition_point(run->begin(), run->end(), [&](const Segment* s) {
      return s->base_position <= segment.base_position;
    });
    if (it != run->end()) return *it;
  }
  return nullptr;
}

EpochHistory history_from(const EpochHistory& epochs, Offset start) {
  const auto later = std::ranges::upper_bound(epochs, start, {}, &EpochStart::start);
  return {later == epochs.begin() ? later : later - 1, epochs.end()};
}

Log::Log(LogIdentity id)
    : identity(std::move(id)), segments_(new SegmentTable), epochs_(new EpochHistory) {}

Log::~Log() {
  delete segments_.load(std::memory_order_relaxed);
  delete epochs_.load(std::memory_order_relaxed);
}

}  // namespace duolog::storage

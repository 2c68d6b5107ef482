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

void SegmentTable::sort() {
  by_position.assign(segments.begin(), segments.end());
  by_position.insert(by_position.end(), leaving.begin(), leaving.end());
  std::ranges::sort(by_position, {}, [](const Segment* s) { return s->base_position; });
}

SegmentTable::Place SegmentTable::place(Position position) const {
  const auto behind =
      std::partition_point(by_position.begin(), by_position.end(),
                           [&](const Segment* s) { return s->base_position <= position; });
  if (behind == by_position.begin()) return {};
  Segment* segment = *(behind - 1);
  const std::uint64_t at = position - segment->base_position;
  if (!segment->sealed.load(std::memory_order_acquire)) return {segment, at};
  const std::uint64_t end = segment->stable_bytes.load(std::memory_order_relaxed);
  if (at < end) return {segment, at};
  if (at > end || this->at(segment->base_offset) != segment) return {};
  Segment* next = after(*segment);
  return next != nullptr ? Place{next, 0} : Place{segment, at};
}

Segment* SegmentTable::at(Offset offset) const {
  return last_where(segments, [&](const Segment* s) { return s->base_offset <= offset; });
}

Segment* SegmentTable::after(const Segment& segment) const {
  const auto it = std::ranges::lower_bound(segments, segment.base_offset, {},
                                           [](const Segment* s) { return s->base_offset; });
  if (it == segments.end() || *it != &segment || it + 1 == segments.end()) return nullptr;
  return *(it + 1);
}

std::uint64_t size_bytes(const SegmentTable& table, const Segment& segment, LogEnd end) {
  if (segment.sealed.load(std::memory_order_acquire)) {
    return segment.stable_bytes.load(std::memory_order_relaxed);
  }
  const Segment* next = table.after(segment);
  const Position behind =
      std::min(next != nullptr ? next->base_position : end.position, end.position);
  return std::max(behind, segment.base_position) - segment.base_position;
}

std::uint64_t size_bytes(const SegmentTable& table, LogEnd end) {
  std::uint64_t sum = 0;
  for (const Segment* segment : table.segments) sum += size_bytes(table, *segment, end);
  return sum;
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

#include "storage/segment_index.h"

#include <algorithm>

namespace duolog::storage {
namespace {

constexpr std::size_t kFirstEntries = 16;

// The last element for which `at_most` holds; elements for which it holds come first.
template <class AtMost>
IndexEntry last_where(std::span<const IndexEntry> entries, AtMost at_most) {
  const auto it = std::partition_point(entries.begin(), entries.end(), at_most);
  return it == entries.begin() ? IndexEntry{} : *(it - 1);
}

}  // namespace

SegmentIndex::~SegmentIndex() { delete array_.load(std::memory_order_relaxed); }

std::span<const IndexEntry> SegmentIndex::view() const {
  const Array* array = array_.load(std::memory_order_acquire);
  if (!array) return {};
  return {array->entries.data(), array->count.load(std::memory_order_acquire)};
}

void SegmentIndex::note(const IndexEntry& entry, RetireList& retired) {
  Array* array = array_.load(std::memory_order_relaxed);
  const std::size_t count = array ? array->count.load(std::memory_order_relaxed) : 0;
  const std::uint64_t last = count ? array->entries[count - 1].position : 0;
  if (entry.position - last < stride_bytes_) return;

  if (!array || count == array->entries.size()) {
    if (count == kMaxEntries) {
      stride_bytes_ *= 2;
      auto* thinned = new Array(kMaxEntries);
      for (std::size_t i = 1; i < count; i += 2) thinned->entries[i / 2] = array->entries[i];
      thinned->count.store(count / 2, std::memory_order_relaxed);
      replace(thinned, retired);
    } else {
      auto* bigger = new Array(count ? count * 2 : kFirstEntries);
      if (array) std::copy_n(array->entries.begin(), count, bigger->entries.begin());
      bigger->count.store(count, std::memory_order_relaxed);
      replace(bigger, retired);
    }
    array = array_.load(std::memory_order_relaxed);
  }
  const std::size_t at = array->count.load(std::memory_order_relaxed);
  array->entries[at] = entry;
  array->count.store(at + 1, std::memory_order_release);
}

void SegmentIndex::replace(Array* bigger, RetireList& retired) {
  Array* old = array_.exchange(bigger, std::memory_order_acq_rel);
  if (old) retired.retire([old] { delete old; });
}

void SegmentIndex::load(std::span<const IndexEntry> entries) {
  std::size_t keep = 1;
  while (entries.size() / keep > kMaxEntries / 2) keep *= 2;
  const std::size_t count = entries.size() / keep;
  auto* array = new Array(std::clamp(count * 2, kFirstEntries, kMaxEntries));
  for (std::size_t i = 0; i < count; ++i) array->entries[i] = entries[i * keep + keep - 1];
  array->count.store(count, std::memory_order_relaxed);
  stride_bytes_ = kFirstStrideBytes * keep;
  delete array_.exchange(array, std::memory_order_acq_rel);
}

IndexEntry SegmentIndex::floor_offset(std::uint32_t relative_offset) const {
  return last_where(view(),
                    [&](const IndexEntry& e) { return e.relative_offset <= relative_offset; });
}

IndexEntry SegmentIndex::floor_position(std::uint64_t position) const {
  return last_where(view(), [&](const IndexEntry& e) { return e.position <= position; });
}

IndexEntry SegmentIndex::floor_timestamp(std::int64_t timestamp) const {
  return last_where(view(), [&](const IndexEntry& e) { return e.max_timestamp < timestamp; });
}

std::vector<BatchStart> SegmentIndex::starts(std::uint64_t from, std::uint64_t to) const {
  const auto entries = view();
  auto it = std::ranges::upper_bound(entries, from, {}, &IndexEntry::position);
  std::vector<BatchStart> starts(1);
  if (it != entries.begin()) starts[0] = {(it - 1)->relative_offset, (it - 1)->position};
  for (; it != entries.end(); ++it) {
    starts.push_back({it->relative_offset, it->position});
    if (it->position > to) break;
  }
  return starts;
}

std::optional<BatchStart> SegmentIndex::start_after(std::uint64_t position) const {
  const auto entries = view();
  const auto it = std::ranges::upper_bound(entries, position, {}, &IndexEntry::position);
  if (it == entries.end()) return std::nullopt;
  return BatchStart{it->relative_offset, it->position};
}

std::vector<IndexEntry> SegmentIndex::snapshot() const {
  const auto entries = view();
  return {entries.begin(), entries.end()};
}

}  // namespace duolog::storage

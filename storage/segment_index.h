// SegmentIndex: a sparse index of one segment, from offsets and timestamps to file positions.
//
// An entry names the start of a batch. The owner appends; any shard searches without a lock, and no
// other thread does while the owner may append: a janitor is given what it needs to know. The index
// holds at most kMaxEntries: when it is full every other entry is dropped and the stride
// between entries doubles, so a segment costs at most 384 KiB of index however small its batches
// are.
//
// On disk it becomes Kafka's `.index` and `.timeindex`. It is derived from the segment, never
// evidence about it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/epoch.h"
#include "engine/base/ids.h"

namespace duolog::storage {

struct IndexEntry {
  std::uint32_t relative_offset = 0;  // of the batch's first record, to the segment's base offset
  std::uint32_t position = 0;         // of the batch in the file
  std::int64_t max_timestamp = -1;    // the largest of all batches before this one ...
  std::uint32_t max_timestamp_offset =
      0;  // ... and the relative last offset of the batch that has it
};

// Where a batch begins.
struct BatchStart {
  std::uint32_t relative_offset = 0;
  std::uint32_t position = 0;
};

class SegmentIndex {
 public:
  static constexpr std::size_t kMaxEntries = 16384;
  static constexpr std::uint64_t kFirstStrideBytes = 4096;  // Kafka's index.interval.bytes
  static constexpr std::uint64_t kOffsetEntryBytes = 8;     // in Kafka's `.index`

  SegmentIndex() = default;
  ~SegmentIndex();
  SegmentIndex(const SegmentIndex&) = delete;
  SegmentIndex& operator=(const SegmentIndex&) = delete;

  // Owner: notes the batch at `entry`, if it is far enough from the last one noted. Old arrays are
  // given to `retired`.
  void note(const IndexEntry& entry, RetireList& retired);
  // Owner, before any reader: fills the index from what was stored.
  void load(std::span<const IndexEntry> entries);

  // Any shard: the size of Kafka's `.index` with these entries.
  [[nodiscard]] std::uint64_t offset_index_bytes() const {
    return kOffsetEntryBytes * view().size();
  }
  // Any shard: the last entry at or before the offset, position or timestamp; a default entry if
  // none.
  [[nodiscard]] IndexEntry floor_offset(std::uint32_t relative_offset) const;
  [[nodiscard]] IndexEntry floor_position(std::uint64_t position) const;
  // The last entry before which no batch reaches `timestamp`.
  [[nodiscard]] IndexEntry floor_timestamp(std::int64_t timestamp) const;
  // Any shard: the last start at or before `from`, those up to `to`, and one behind it, if there
  // is.
  [[nodiscard]] std::vector<BatchStart> starts(std::uint64_t from, std::uint64_t to) const;
  // Any shard: the first start behind `position`.
  [[nodiscard]] std::optional<BatchStart> start_after(std::uint64_t position) const;
  // Any shard: a copy, e.g. for a janitor to write.
  [[nodiscard]] std::vector<IndexEntry> snapshot() const;

 private:
  struct Array {
    explicit Array(std::size_t n) : entries(n) {}
    std::atomic<std::size_t> count{0};
    std::vector<IndexEntry> entries;
  };
  [[nodiscard]] std::span<const IndexEntry> view() const;
  void replace(Array* bigger, RetireList& retired);

  std::atomic<Array*> array_{nullptr};
  std::uint64_t stride_bytes_ = kFirstStrideBytes;
};

}  // namespace duolog::storage

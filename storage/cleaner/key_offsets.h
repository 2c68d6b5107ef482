// KeyOffsets: the latest offset of each key in a part of a log, by the hash of the key.
//
// As in Kafka, keys themselves are not kept: 16 bytes of XXH3-128 and 8 of the offset each, in one
// table that never grows. Two keys with the same hash would be taken for one; a seed that clients
// do not know keeps them from making such keys.
//
// Owned by one cleaning; one thread at a time. Limit: nine tenths of its slots, kSlotBytes each.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "storage/hash.h"

namespace duolog::storage {

class KeyOffsets {
 public:
  static constexpr std::uint64_t kSlotBytes = 24;

  // A table of at most `max_bytes`, and no larger than `most_keys` keys need; one key at the least.
  KeyOffsets(std::uint64_t max_bytes, std::uint64_t most_keys, std::uint64_t seed);

  // Notes that `key` has a record at `offset`, which only grows from call to call. False, and
  // nothing is noted, when the table is full: what has been noted is what it is about.
  [[nodiscard]] bool note(Bytes key, Offset offset);
  // Everything before `end` has been noted.
  void note_end(Offset end) { end_ = end; }
  [[nodiscard]] Offset end() const { return end_; }

  // Whether a record of `key` that comes after the one at `offset` has been noted.
  [[nodiscard]] bool has_later(Bytes key, Offset offset) const;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t most() const { return most_; }

 private:
  struct Slot {
    Hash128 hash;
    std::int64_t offset = -1;  // -1: nothing is here
  };
  static_assert(sizeof(Slot) == kSlotBytes);
  // Where the hash is, or would be.
  [[nodiscard]] std::size_t find(const Hash128& hash) const;

  std::vector<Slot> slots_;
  std::uint64_t most_;
  std::uint64_t size_ = 0;
  std::uint64_t seed_;
  Offset end_;
};

}  // namespace duolog::storage

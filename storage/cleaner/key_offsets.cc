#include "storage/cleaner/key_offsets.h"

#include <algorithm>

namespace duolog::storage {
namespace {

// Kafka's log.cleaner.io.buffer.load.factor.
constexpr std::uint64_t kLoadTenths = 9;

std::uint64_t slots_for(std::uint64_t max_bytes, std::uint64_t most_keys) {
  const std::uint64_t allowed = max_bytes / KeyOffsets::kSlotBytes;
  const std::uint64_t wanted = std::min(allowed, most_keys) * 10 / kLoadTenths + 2;
  return std::max<std::uint64_t>(std::min(allowed, wanted), 2);  // one stays empty
}

}  // namespace

KeyOffsets::KeyOffsets(std::uint64_t max_bytes, std::uint64_t most_keys, std::uint64_t seed)
    : slots_(slots_for(max_bytes, most_keys)),
      most_(std::max<std::uint64_t>(slots_.size() * kLoadTenths / 10, 1)),
      seed_(seed) {}

std::size_t KeyOffsets::find(const Hash128& hash) const {
  std::size_t at = hash.low % slots_.size();
  while (slots_[at].offset >= 0 && slots_[at].hash != hash) {
    if (++at == slots_.size()) at = 0;
  }
  return at;
}

bool KeyOffsets::note(Bytes key, Offset offset) {
  const Hash128 hash = xxh3_128(key, seed_);
  Slot& slot = slots_[find(hash)];
  if (slot.offset < 0) {
    if (size_ == most_) return false;
    ++size_;
    slot.hash = hash;
  }
  slot.offset = offset.value;
  return true;
}

bool KeyOffsets::has_later(Bytes key, Offset offset) const {
  return slots_[find(xxh3_128(key, seed_))].offset > offset.value;
}

}  // namespace duolog::storage

#include "storage/hash.h"

#define XXH_STATIC_LINKING_ONLY  // the state's size, to keep it in one allocation
#include <xxhash.h>

namespace duolog::storage {

struct Hasher::State {
  XXH3_state_t xxh;
};

std::uint64_t xxh3(Bytes bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 xxh3_128(Bytes bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

Hasher::Hasher() : state_(std::make_unique<State>()) { reset(); }
Hasher::~Hasher() = default;

void Hasher::reset() { XXH3_64bits_reset(&state_->xxh); }

void Hasher::update(Bytes bytes) { XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size()); }

std::uint64_t Hasher::digest() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace duolog::storage

// XXH3 of bytes that may lie in several pieces.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/bytes.h"

namespace duolog::storage {

[[nodiscard]] std::uint64_t xxh3(Bytes bytes, std::uint64_t seed = 0);

// XXH3-128: wide enough for two keys never to have the same by chance.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};
[[nodiscard]] Hash128 xxh3_128(Bytes bytes, std::uint64_t seed);

// The same hash, fed piece by piece. One thread; reusable after `digest` and `reset`.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  void reset();
  void update(Bytes bytes);
  [[nodiscard]] std::uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duolog::storage

// XXH3-64 of bytes that may lie in several pieces.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/bytes.h"

namespace duolog::storage {

[[nodiscard]] std::uint64_t xxh3(Bytes bytes, std::uint64_t seed = 0);

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

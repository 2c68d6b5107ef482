// SimBuffer: a file's bytes at an address that never moves, however the file grows.
//
// The whole reserve is address space without memory; a page costs memory once it is written. So a
// mapping of a simulated file is simply a pointer into it. Single-threaded.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::sim {

inline constexpr std::uint64_t kSimBlockBytes = 4096;

class SimBuffer {
 public:
  // Reserves address space for `limit_bytes`, which read as zeros.
  explicit SimBuffer(std::uint64_t limit_bytes);
  ~SimBuffer();
  SimBuffer(const SimBuffer&) = delete;
  SimBuffer& operator=(const SimBuffer&) = delete;

  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::uint64_t limit_bytes() const { return limit_bytes_; }

  // CHECKs that the bytes lie within the limit.
  void write(std::uint64_t offset, Bytes bytes);
  // Everything from `offset` on reads as zeros again.
  void zero_from(std::uint64_t offset);
  void flip_bit(std::uint64_t offset, unsigned bit);
  // Takes over the content of a buffer of the same limit. This one must be untouched.
  void copy_from(const SimBuffer& other);

 private:
  std::uint64_t limit_bytes_;
  std::uint8_t* data_;
  std::vector<bool> touched_;  // by block: whether it was ever written
};

}  // namespace duolog::sim

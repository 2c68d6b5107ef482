// TurnArena: memory that lives until this turn's submissions are with the kernel.
//
// Owned by the shard, used by its thread; for message headers and iovecs, which the kernel copies
// when it takes a submission. It keeps its blocks, so that a warm shard allocates nothing. What
// does not fit a block is the caller's mistake: at most kBlockBytes at once.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/base/check.h"

namespace duolog::runtime {

class TurnArena {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;

  // `count` objects, not initialised.
  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    return {reinterpret_cast<T*>(take_bytes(count * sizeof(T))), count};
  }

  // Something was taken since the last reset.
  [[nodiscard]] bool in_use() const { return used_ > 0 || block_ > 0; }
  // Everything taken is invalid from here on.
  void reset() {
    block_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kAlignment = 16;

  [[nodiscard]] std::byte* take_bytes(std::size_t size_bytes) {
    size_bytes = (size_bytes + kAlignment - 1) & ~(kAlignment - 1);
    CHECK(size_bytes <= kBlockBytes);
    if (block_ < blocks_.size() && used_ + size_bytes > kBlockBytes) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(kBlockBytes));
    std::byte* start = blocks_[block_].get() + used_;
    used_ += size_bytes;
    return start;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace duolog::runtime

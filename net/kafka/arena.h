// Arena: memory that is carved off front to back and given back all at once.
//
// A decoded message keeps its arrays here, and a response is built here, so that a request with
// thousands of partitions costs a few blocks instead of an allocation an array. Whoever decodes
// owns the arena and keeps it for as long as the message: a parked request keeps its own.
//
// One thread at a time. It runs no destructors, so that it holds only trivially destructible
// types. It has no limit of its own: Reader bounds what a request may take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/bytes.h"

namespace duolog::kafka {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  // `count` elements, each value-initialised; valid until reset() or the arena's end.
  template <class T>
  [[nodiscard]] std::span<T> make(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlignment);
    if (count == 0) return {};
    T* first = reinterpret_cast<T*>(allocate(count * sizeof(T)));
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }

  // A copy of `text` that lives as long as the arena's content.
  [[nodiscard]] std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    auto* at = reinterpret_cast<char*>(allocate(text.size()));
    std::copy(text.begin(), text.end(), at);
    return {at, text.size()};
  }

  // Everything made so far is gone. One block of ordinary size is kept for the next message.
  void reset() {
    if (blocks_.empty()) return;
    const bool keep = blocks_.front().size_bytes <= kLargestKeptBytes;
    blocks_.resize(keep ? 1 : 0);
    used_bytes_ = 0;
  }

  // Bytes of memory held, used or not.
  [[nodiscard]] std::size_t held_bytes() const {
    std::size_t total = 0;
    for (const Block& block : blocks_) total += block.size_bytes;
    return total;
  }

 private:
  static constexpr std::size_t kAlignment = 8;
  static constexpr std::size_t kFirstBlockBytes = 2048;
  static constexpr std::size_t kLargestKeptBytes = 64 * 1024;

  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size_bytes = 0;
  };

  std::byte* allocate(std::size_t size_bytes) {
    size_bytes = align_up(size_bytes, kAlignment);
    if (blocks_.empty() || blocks_.back().size_bytes - used_bytes_ < size_bytes) grow(size_bytes);
    std::byte* at = blocks_.back().memory.get() + used_bytes_;
    used_bytes_ += size_bytes;
    return at;
  }

  // Each block is twice the one before it, so that a large message needs few.
  void grow(std::size_t at_least_bytes) {
    const std::size_t doubled = blocks_.empty() ? kFirstBlockBytes : blocks_.back().size_bytes * 2;
    const std::size_t size_bytes = std::max(doubled, at_least_bytes);
    blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size_bytes), size_bytes});
    used_bytes_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t used_bytes_ = 0;  // of the last block
};

}  // namespace duolog::kafka

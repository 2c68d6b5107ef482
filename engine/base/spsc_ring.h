// SpscRing: a bounded lock-free queue from exactly one producer thread to exactly one consumer.
//
// The producer stages items and publishes them all with one release store (once a turn); each side
// caches the other's index, so that an uncontended push or pop touches no shared cache line.
// T is trivially copyable. Capacity is a power of two, fixed at construction.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "engine/base/check.h"

namespace duolog {

inline constexpr std::size_t kCacheLineBytes = 64;

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SpscRing(std::size_t capacity)
      : slots_(std::make_unique<T[]>(capacity)), mask_(capacity - 1) {
    CHECK(std::has_single_bit(capacity));
  }

  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

  // Producer: stages one item. False when the ring is full; nothing is staged then.
  [[nodiscard]] bool stage(const T& item) {
    if (staged_ - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (staged_ - head_seen_ > mask_) return false;
    }
    slots_[staged_++ & mask_] = item;
    return true;
  }
  // Producer: makes all staged items visible. True if there were any.
  bool publish() {
    if (published_ == staged_) return false;
    published_ = staged_;
    tail_.store(staged_, std::memory_order_release);
    return true;
  }

  // Consumer: takes the oldest item. False when there is none.
  [[nodiscard]] bool pop(T& item) {
    if (taken_ == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (taken_ == tail_seen_) return false;
    }
    item = slots_[taken_++ & mask_];
    head_.store(taken_, std::memory_order_release);
    return true;
  }
  // Consumer: nothing published and not yet taken. Sequentially consistent, so that it may be the
  // last look before sleeping.
  [[nodiscard]] bool empty() const { return tail_.load(std::memory_order_seq_cst) == taken_; }

 private:
  std::unique_ptr<T[]> slots_;
  const std::size_t mask_;
  // Producer's line.
  alignas(kCacheLineBytes) std::size_t staged_ = 0;
  std::size_t published_ = 0;
  std::size_t head_seen_ = 0;
  // Consumer's line.
  alignas(kCacheLineBytes) std::size_t taken_ = 0;
  std::size_t tail_seen_ = 0;
  // Shared lines.
  alignas(kCacheLineBytes) std::atomic<std::size_t> tail_{0};
  alignas(kCacheLineBytes) std::atomic<std::size_t> head_{0};
};

}  // namespace duolog

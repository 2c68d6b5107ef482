// Published: a value that shard 0 replaces and every shard reads.
//
// What is read stays until the end of the reading shard's turn: whoever publishes gives the old
// value to a RetireList, which frees it after every shard's quiescent point.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace duolog::broker {

template <class T>
class Published {
 public:
  Published() = default;
  explicit Published(T first) : value_(new T(std::move(first))) {}
  ~Published() { delete value_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // ---- Any shard
  [[nodiscard]] const T& operator*() const { return *value_.load(std::memory_order_acquire); }
  [[nodiscard]] const T* operator->() const { return &**this; }

  // ---- Shard 0, or before shards run
  // Returns the value that nobody will find from now on, but may still be reading.
  [[nodiscard]] std::unique_ptr<const T> publish(T next) {
    auto* made = new T(std::move(next));
    return std::unique_ptr<const T>(value_.exchange(made, std::memory_order_acq_rel));
  }

 private:
  std::atomic<const T*> value_{new T};
};

}  // namespace duolog::broker

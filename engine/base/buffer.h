// Buffer: a growable run of bytes whose new bytes are not initialised.
//
// For scratch that is reused: `clear` keeps the memory. Unlike a vector it does not zero what is
// about to be overwritten, and it never allocates more than it was asked for in `reserve`.
// Owned and used by one thread. Out of memory ends the program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace duolog {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  [[nodiscard]] std::uint8_t* data() { return data_; }
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Iterators, so that a Buffer converts to Bytes and MutableBytes.
  [[nodiscard]] std::uint8_t* begin() { return data_; }
  [[nodiscard]] std::uint8_t* end() { return data_ + size_; }
  [[nodiscard]] const std::uint8_t* begin() const { return data_; }
  [[nodiscard]] const std::uint8_t* end() const { return data_ + size_; }

  void clear() { size_ = 0; }
  // Allocates exactly `capacity_bytes` if there is less.
  void reserve(std::size_t capacity_bytes) {
    if (capacity_bytes <= capacity_) return;
    auto* grown = static_cast<std::uint8_t*>(std::realloc(data_, capacity_bytes));
    CHECK(grown != nullptr);
    data_ = grown;
    capacity_ = capacity_bytes;
  }
  // Keeps the first min(size, size_bytes) bytes; the others have no particular value. Growing
  // beyond the capacity at least doubles it.
  void resize(std::size_t size_bytes) {
    if (size_bytes > capacity_) reserve(std::max(size_bytes, 2 * capacity_));
    size_ = size_bytes;
  }
  // `bytes` must not be part of this buffer.
  void append(Bytes bytes) {
    if (bytes.empty()) return;
    resize(size_ + bytes.size());
    std::memcpy(data_ + size_ - bytes.size(), bytes.data(), bytes.size());
  }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace duolog

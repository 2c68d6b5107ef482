// The value types that a Kafka message is made of, besides numbers, strong ids, bool and Uuid.
//
//   wire                      C++
//   string                    std::string_view     into the frame it was decoded from
//   nullable string           NullableString
//   bytes, nullable bytes     Bytes, NullableBytes into the frame
//   records                   Records              into the frame, or spliced in by the sender
//   array, nullable array     Array<T>             elements in an Arena
//   nullable struct           std::optional<T>
//
// Every one of them is a view: it is copied freely and owns nothing. The frame and the arena
// outlive the message.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"

namespace duolog::kafka {

// The bit field of authorized operations of a response that was not asked for them (KIP-430).
inline constexpr std::int32_t kOperationsNotAsked = std::numeric_limits<std::int32_t>::min();

using NullableString = std::optional<std::string_view>;
using NullableBytes = std::optional<Bytes>;

// A view of elements in an Arena (or of any others that outlive it), or null, which some fields
// tell apart from empty: Metadata's null topics are all topics, its empty topics none.
template <class T>
class Array {
 public:
  constexpr Array() = default;
  constexpr Array(std::span<T> elements)  // NOLINT(google-explicit-constructor): it is a view
      : data_(elements.data()), size_(elements.size()) {}

  [[nodiscard]] static constexpr Array null() {
    Array array;
    array.null_ = true;
    return array;
  }

  [[nodiscard]] constexpr bool is_null() const { return null_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr std::size_t size() const { return size_; }

  [[nodiscard]] constexpr T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] constexpr const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] constexpr T* begin() { return data_; }
  [[nodiscard]] constexpr T* end() { return data_ + size_; }
  [[nodiscard]] constexpr const T* begin() const { return data_; }
  [[nodiscard]] constexpr const T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  bool null_ = false;
};

// Record batches. Decoded, they are a slice of the frame. To be encoded, they are either bytes
// that Writer copies, or *external*: only their size is known, Writer leaves a splice point, and
// whoever sends the message sends the bytes themselves there, straight from the log.
class Records {
 public:
  constexpr Records() = default;  // empty, which is not null
  constexpr explicit Records(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] static constexpr Records null() {
    Records records;
    records.kind_ = Kind::kNull;
    return records;
  }
  // `token` is the sender's own: it comes back with the splice point.
  [[nodiscard]] static constexpr Records external(std::uint32_t size_bytes, std::uint64_t token) {
    Records records;
    records.kind_ = Kind::kExternal;
    records.external_bytes_ = size_bytes;
    records.token_ = token;
    return records;
  }

  [[nodiscard]] constexpr bool is_null() const { return kind_ == Kind::kNull; }
  [[nodiscard]] constexpr bool is_external() const { return kind_ == Kind::kExternal; }
  [[nodiscard]] constexpr std::size_t size_bytes() const {
    return is_external() ? external_bytes_ : bytes_.size();
  }
  [[nodiscard]] constexpr std::uint64_t token() const { return token_; }
  // Null and external records have none.
  [[nodiscard]] constexpr Bytes bytes() const { return bytes_; }

 private:
  enum class Kind : std::uint8_t { kBytes, kExternal, kNull };

  Bytes bytes_;
  std::uint64_t token_ = 0;
  std::uint32_t external_bytes_ = 0;
  Kind kind_ = Kind::kBytes;
};

}  // namespace duolog::kafka

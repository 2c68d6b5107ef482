// Strong types for the numbers that must not be mixed up.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace duolog {

// A number with a meaning. It compares and adds like its representation, but two meanings never
// convert into each other.
template <class Tag, class Rep>
struct Strong {
  using rep = Rep;
  Rep value{};

  constexpr Strong() = default;
  constexpr explicit Strong(Rep v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;
  constexpr Strong operator+(Rep delta) const { return Strong(static_cast<Rep>(value + delta)); }
  constexpr Strong operator-(Rep delta) const { return Strong(static_cast<Rep>(value - delta)); }
  constexpr Rep operator-(Strong other) const { return static_cast<Rep>(value - other.value); }
  constexpr Strong& operator+=(Rep delta) {
    value = static_cast<Rep>(value + delta);
    return *this;
  }
};

using Offset = Strong<struct OffsetTag, std::int64_t>;       // of a record in its partition
using Position = Strong<struct PositionTag, std::uint64_t>;  // of a byte in its partition's log
using ShardId = Strong<struct ShardIdTag, std::uint16_t>;    // 0 .. number of shards - 1
using PartitionId = Strong<struct PartitionIdTag, std::int32_t>;  // of a partition in its topic
using Timestamp = Strong<struct TimestampTag, std::int64_t>;      // milliseconds since 1970, UTC
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;  // the server's incarnation

inline constexpr Timestamp kNoTimestamp{-1};

// A 128-bit identifier, in the byte order of the wire (KIP-516's topic ids).
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  constexpr auto operator<=>(const Uuid&) const = default;
  [[nodiscard]] constexpr bool is_zero() const { return *this == Uuid{}; }
};

}  // namespace duolog

template <class Tag, class Rep>
struct std::hash<duolog::Strong<Tag, Rep>> {
  std::size_t operator()(const duolog::Strong<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};

template <>
struct std::hash<duolog::Uuid> {
  std::size_t operator()(const duolog::Uuid& id) const noexcept {
    std::size_t h = 1469598103934665603ULL;
    for (auto byte : id.bytes) h = (h ^ byte) * 1099511628211ULL;
    return h;
  }
};

// deep_copy(): a message that owns what it points to, in an arena. copied_bytes(): what that would
// take. count_errors(): how many error codes are set in it.
//
// All walk the message's table of fields, and so work for any message or part of one.
#pragma once

#include <cstddef>

#include "net/kafka/arena.h"
#include "net/kafka/errors.h"
#include "net/kafka/walk.h"

namespace duolog::kafka {

// A copy whose strings, bytes and arrays are in `arena`. Not for messages with records.
template <class T>
[[nodiscard]] T deep_copy(Arena& arena, const T& value) {
  static_assert(!std::same_as<T, Records>);
  if constexpr (codec::Struct<T>) {
    T copy = value;
    codec::all_fields<T>([&](auto i) {
      constexpr auto& row = codec::kField<T, i>;
      copy.*row.member = deep_copy(arena, value.*row.member);
      return true;
    });
    return copy;
  } else if constexpr (std::same_as<T, std::string_view>) {
    return arena.copy(value);
  } else if constexpr (std::same_as<T, NullableString>) {
    return value ? NullableString(arena.copy(*value)) : std::nullopt;
  } else if constexpr (std::same_as<T, Bytes>) {
    return as_bytes(arena.copy(as_text(value)));
  } else if constexpr (std::same_as<T, NullableBytes>) {
    return value ? NullableBytes(as_bytes(arena.copy(as_text(*value)))) : std::nullopt;
  } else if constexpr (codec::ArrayType<T>) {
    if (value.is_null()) return T::null();
    auto elements = arena.make<typename codec::ElementOf<T>::Type>(value.size());
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = deep_copy(arena, value[i]);
    return elements;
  } else if constexpr (codec::OptionalStruct<T>) {
    return value ? T(deep_copy(arena, *value)) : T{};
  } else {
    return value;
  }
}

// Of the arena, about.
template <class T>
[[nodiscard]] std::size_t copied_bytes(const T& value) {
  std::size_t bytes = 0;
  if constexpr (codec::Struct<T>) {
    codec::all_fields<T>([&](auto i) {
      bytes += copied_bytes(value.*codec::kField<T, i>.member);
      return true;
    });
  } else if constexpr (std::same_as<T, std::string_view> || std::same_as<T, Bytes>) {
    bytes = value.size();
  } else if constexpr (std::same_as<T, NullableString> || std::same_as<T, NullableBytes>) {
    bytes = value ? value->size() : 0;
  } else if constexpr (codec::ArrayType<T>) {
    bytes = value.size() * sizeof(typename codec::ElementOf<T>::Type);
    for (const auto& element : value) bytes += copied_bytes(element);
  } else if constexpr (codec::OptionalStruct<T>) {
    bytes = value ? copied_bytes(*value) : 0;
  }
  return bytes;
}

template <class T>
[[nodiscard]] std::size_t count_errors(const T& value) {
  std::size_t count = 0;
  if constexpr (std::same_as<T, ErrorCode>) {
    count = value == ErrorCode::kNone ? 0 : 1;
  } else if constexpr (codec::Struct<T>) {
    codec::all_fields<T>([&](auto i) {
      count += count_errors(value.*codec::kField<T, i>.member);
      return true;
    });
  } else if constexpr (codec::ArrayType<T>) {
    for (const auto& element : value) count += count_errors(element);
  }
  return count;
}

}  // namespace duolog::kafka

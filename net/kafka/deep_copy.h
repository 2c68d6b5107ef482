// deep_copy(): a message that owns what it points to, in an arena. count_errors(): how many error
// codes are set in it.
//
// Both walk the message's table of fields, and so work for any message or part of one.
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

// Walking a message's table of fields: what its values' types are, and which encoding is meant.
//
// Part of the codec (codec.h).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "net/kafka/field.h"
#include "net/kafka/types.h"

namespace duolog::kafka::codec {

// Which of a message's encodings is meant.
struct Wire {
  std::int16_t version;
  bool flexible;
};

template <class T>
concept Struct = requires { T::kFields; };

// Numbers on the wire: integers, enums over them and strong ids, by their representation.
template <class T>
struct NumberOf {};
template <std::integral T>
struct NumberOf<T> {
  using Rep = T;
};
template <class T>
  requires std::is_enum_v<T>
struct NumberOf<T> {
  using Rep = std::underlying_type_t<T>;
};
template <class Tag, class R>
struct NumberOf<Strong<Tag, R>> {
  using Rep = R;
};
template <class T>
concept Number = requires { typename NumberOf<T>::Rep; };

template <class T>
struct ElementOf {};
template <class T>
struct ElementOf<Array<T>> {
  using Type = T;
};
template <class T>
concept ArrayType = requires { typename ElementOf<T>::Type; };

template <class T>
concept StringType = std::same_as<T, std::string_view> || std::same_as<T, NullableString>;
template <class T>
concept BytesType = std::same_as<T, Bytes> || std::same_as<T, NullableBytes>;

// A struct that may be null: KIP-893.
template <class T>
struct StructOf {};
template <Struct S>
struct StructOf<std::optional<S>> {
  using Type = S;
};
template <class T>
concept OptionalStruct = requires { typename StructOf<T>::Type; };

template <Number T>
auto to_number(T value) {
  using Rep = typename NumberOf<T>::Rep;
  if constexpr (std::integral<T> || std::is_enum_v<T>) {
    return static_cast<Rep>(value);
  } else {
    return value.value;
  }
}

// Calls visit(field) for each row of the table until one returns false.
template <Struct S, class Visit>
constexpr bool all_fields(Visit visit) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return (visit(std::integral_constant<std::size_t, I>{}) && ...);
  }(std::make_index_sequence<S::kFields.kCount>{});
}

template <Struct S, std::size_t I>
inline constexpr const auto& kField = row_at<I>(S::kFields);

template <Struct S, std::size_t I>
inline constexpr std::string_view kFieldName = kField<S, I>.name();

template <class F>
constexpr Wire wire_of(const F& row, Wire wire) {
  return {wire.version, wire.flexible && !row.never_compact};
}

template <class T>
bool equal(const T& a, const T& b) {
  if constexpr (Struct<T>) {
    return all_fields<T>([&](auto i) {
      constexpr auto& row = kField<T, i>;
      return equal(a.*row.member, b.*row.member);
    });
  } else if constexpr (OptionalStruct<T>) {
    return a.has_value() == b.has_value() && (!a || equal(*a, *b));
  } else if constexpr (ArrayType<T>) {
    return a.is_null() == b.is_null() &&
           std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return equal(x, y); });
  } else if constexpr (std::same_as<T, Records>) {
    return a.is_null() == b.is_null() && a.is_external() == b.is_external() &&
           a.size_bytes() == b.size_bytes() && std::ranges::equal(a.bytes(), b.bytes());
  } else if constexpr (std::same_as<T, Bytes>) {
    return std::ranges::equal(a, b);
  } else if constexpr (std::same_as<T, NullableBytes>) {
    return a.has_value() == b.has_value() && (!a || std::ranges::equal(*a, *b));
  } else {
    return a == b;
  }
}

}  // namespace duolog::kafka::codec

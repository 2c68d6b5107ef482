// Decoding by the table of fields. Part of the codec (codec.h).
//
// Every function returns false after a failure, which the reader has kept; on the way out each
// adds its field's name, so that nothing is spent on names while all goes well.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

#include "net/kafka/reader.h"
#include "net/kafka/walk.h"

namespace duolog::kafka::codec {

// The least that a value of this type takes, to bound the count of an array.
template <class T>
constexpr std::size_t least_bytes(Wire wire) {
  if constexpr (std::same_as<T, bool>) {
    return 1;
  } else if constexpr (Number<T>) {
    return sizeof(typename NumberOf<T>::Rep);
  } else if constexpr (std::same_as<T, Uuid>) {
    return sizeof(Uuid);
  } else if constexpr (StringType<T>) {
    return wire.flexible ? 1 : 2;
  } else if constexpr (Struct<T>) {
    std::size_t total = wire.flexible ? 1 : 0;
    all_fields<T>([&](auto i) {
      constexpr auto& row = kField<T, i>;
      using Value = std::remove_cvref_t<decltype(std::declval<T>().*row.member)>;
      if (!row.is_tagged() && row.versions.has(wire.version)) {
        total += least_bytes<Value>(wire_of(row, wire));
      }
      return true;
    });
    return std::max<std::size_t>(total, 1);
  } else {
    return wire.flexible ? 1 : 4;  // bytes, records, arrays
  }
}

template <class T>
bool decode_value(Reader& reader, Wire wire, bool nullable, T& out);

// A string's or bytes' content; `out` is any of the four C++ types.
template <class Prefix, class T>
bool decode_run(Reader& reader, Wire wire, bool nullable, std::int32_t limit_bytes, T& out) {
  std::int32_t length = 0;
  if (!reader.length<Prefix>(wire.flexible, length)) return false;
  if (length < 0) {
    if (!nullable) return reader.fail(Errc::kInvalid, "null where it is not allowed");
    if constexpr (std::same_as<T, NullableString> || std::same_as<T, NullableBytes>) {
      out = std::nullopt;
    } else {
      out = {};
    }
    return true;
  }
  if (length > limit_bytes) return reader.fail(Errc::kInvalid, "a string is too long");
  Bytes bytes;
  if (!reader.take(static_cast<std::size_t>(length), bytes)) return false;
  if constexpr (StringType<T>) {
    out = as_text(bytes);
  } else {
    out = bytes;
  }
  return true;
}

inline bool decode_records(Reader& reader, Wire wire, bool nullable, Records& out) {
  NullableBytes bytes;
  constexpr std::int32_t kNoLimit = std::numeric_limits<std::int32_t>::max();
  if (!decode_run<std::int32_t>(reader, wire, nullable, kNoLimit, bytes)) return false;
  out = bytes ? Records(*bytes) : Records::null();
  return true;
}

template <class T>
bool decode_array(Reader& reader, Wire wire, bool nullable, Array<T>& out) {
  std::int32_t count = 0;
  if (!reader.length<std::int32_t>(wire.flexible, count)) return false;
  if (count < 0) {
    if (!nullable) return reader.fail(Errc::kInvalid, "null where it is not allowed");
    out = Array<T>::null();
    return true;
  }
  std::span<T> elements;
  const auto size = static_cast<std::size_t>(count);
  if (!reader.elements<T>(size, least_bytes<T>(wire), elements)) return false;
  for (std::size_t i = 0; i < size; ++i) {
    if (!decode_value(reader, wire, false, elements[i])) return reader.inside(i);
  }
  out = elements;
  return true;
}

// One tagged field's value, confined to the size that stands before it.
template <Struct S>
bool decode_tag(Reader& reader, Wire wire, std::uint32_t tag, S& out) {
  bool known = false;
  const bool decoded = all_fields<S>([&](auto i) {
    constexpr auto& row = kField<S, i>;
    if constexpr (row.is_tagged()) {
      if (tag != static_cast<std::uint32_t>(row.tag) || !row.versions.has(wire.version))
        return true;
      known = true;
      return decode_value(reader, wire, row.nullable_versions.has(wire.version), out.*row.member) ||
             reader.inside(kFieldName<S, i>);
    }
    return true;
  });
  if (!decoded) return false;
  if (!known) {
    Bytes skipped;
    return reader.take(reader.remaining(), skipped);
  }
  return reader.remaining() == 0 || reader.fail(Errc::kInvalid, "a tagged field is too long");
}

template <Struct S>
bool decode_tags(Reader& reader, Wire wire, S& out) {
  std::uint32_t count = 0;
  if (!reader.uvarint(count)) return false;
  for (; count > 0; --count) {
    std::uint32_t tag = 0;
    std::uint32_t size_bytes = 0;
    if (!reader.uvarint(tag) || !reader.uvarint(size_bytes)) return false;
    if (size_bytes > reader.remaining()) {
      return reader.fail(Errc::kInvalid, "a tagged field ends beyond the message");
    }
    const std::uint8_t* rest = reader.enter(size_bytes);
    if (!decode_tag(reader, wire, tag, out)) return false;
    reader.leave(rest);
  }
  return true;
}

template <Struct S>
bool decode_struct(Reader& reader, Wire wire, S& out) {
  const bool decoded = all_fields<S>([&](auto i) {
    constexpr auto& row = kField<S, i>;
    if constexpr (!row.is_tagged()) {
      if (!row.versions.has(wire.version)) return true;
      return decode_value(reader, wire_of(row, wire), row.nullable_versions.has(wire.version),
                          out.*row.member) ||
             reader.inside(kFieldName<S, i>);
    }
    return true;
  });
  return decoded && (!wire.flexible || decode_tags(reader, wire, out));
}

// Null is a byte -1; else a byte 1 and the struct.
template <Struct S>
bool decode_optional(Reader& reader, Wire wire, bool nullable, std::optional<S>& out) {
  std::int8_t there = 0;
  if (!reader.integer(there)) return false;
  if (there >= 0) return decode_struct(reader, wire, out.emplace());
  out = std::nullopt;
  return nullable || reader.fail(Errc::kInvalid, "null where it is not allowed");
}

template <class T>
bool decode_value(Reader& reader, Wire wire, bool nullable, T& out) {
  if constexpr (std::same_as<T, bool>) {
    std::uint8_t byte = 0;
    if (!reader.integer(byte)) return false;
    out = byte != 0;
    return true;
  } else if constexpr (Number<T>) {
    typename NumberOf<T>::Rep number{};
    if (!reader.integer(number)) return false;
    out = static_cast<T>(number);
    return true;
  } else if constexpr (std::same_as<T, Uuid>) {
    Bytes bytes;
    if (!reader.take(sizeof(Uuid), bytes)) return false;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    return true;
  } else if constexpr (StringType<T>) {
    return decode_run<std::int16_t>(reader, wire, nullable, kMaxStringBytes, out);
  } else if constexpr (BytesType<T>) {
    constexpr std::int32_t kNoLimit = std::numeric_limits<std::int32_t>::max();
    return decode_run<std::int32_t>(reader, wire, nullable, kNoLimit, out);
  } else if constexpr (std::same_as<T, Records>) {
    return decode_records(reader, wire, nullable, out);
  } else if constexpr (ArrayType<T>) {
    return decode_array(reader, wire, nullable, out);
  } else if constexpr (OptionalStruct<T>) {
    return decode_optional(reader, wire, nullable, out);
  } else {
    return decode_struct(reader, wire, out);
  }
}

}  // namespace duolog::kafka::codec

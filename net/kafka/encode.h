// Encoding by the table of fields. Part of the codec (codec.h).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

#include "engine/base/check.h"
#include "net/kafka/reader.h"
#include "net/kafka/walk.h"
#include "net/kafka/writer.h"

namespace duolog::kafka::codec {

template <class T>
void encode_value(Writer& writer, Wire wire, bool nullable, const T& value);

template <class Prefix>
void encode_run(Writer& writer, Wire wire, bool nullable, const NullableBytes& bytes) {
  if (!bytes && nullable) {
    writer.length<Prefix>(wire.flexible, -1);
    return;
  }
  const Bytes content = bytes.value_or(Bytes{});
  CHECK(content.size() <= static_cast<std::size_t>(std::numeric_limits<Prefix>::max()));
  writer.length<Prefix>(wire.flexible, static_cast<std::int64_t>(content.size()));
  writer.raw(content);
}

// A text that is longer than Kafka's strings may be is cut, at the end of a character: messages for
// people may hold whatever a client has sent.
inline void encode_string(Writer& writer, Wire wire, bool nullable, const NullableString& text) {
  NullableBytes bytes;
  if (text) {
    std::size_t size = std::min<std::size_t>(text->size(), kMaxStringBytes);
    const auto within_a_character = [&] {
      return size > 0 && size < text->size() &&
             (static_cast<unsigned char>((*text)[size]) >> 6) == 2;
    };
    while (within_a_character()) --size;
    bytes = as_bytes(text->substr(0, size));
  }
  encode_run<std::int16_t>(writer, wire, nullable, bytes);
}

inline void encode_records(Writer& writer, Wire wire, bool nullable, const Records& records) {
  if (records.is_external()) {
    CHECK(records.size_bytes() <= std::numeric_limits<std::int32_t>::max());
    writer.length<std::int32_t>(wire.flexible, static_cast<std::int64_t>(records.size_bytes()));
    writer.splice(static_cast<std::uint32_t>(records.size_bytes()), records.token());
    return;
  }
  const NullableBytes bytes = records.is_null() ? std::nullopt : NullableBytes(records.bytes());
  encode_run<std::int32_t>(writer, wire, nullable, bytes);
}

template <class T>
void encode_array(Writer& writer, Wire wire, bool nullable, const Array<T>& array) {
  if (array.is_null() && nullable) {
    writer.length<std::int32_t>(wire.flexible, -1);
    return;
  }
  CHECK(array.size() <= std::numeric_limits<std::int32_t>::max());
  writer.length<std::int32_t>(wire.flexible, static_cast<std::int64_t>(array.size()));
  for (const T& element : array) encode_value(writer, wire, false, element);
}

template <Struct S>
inline constexpr S kDefaults{};

// Calls visit(field) for each tagged field of this version whose value is not its default.
template <Struct S, class Visit>
void for_each_tag(Wire wire, const S& value, Visit visit) {
  all_fields<S>([&](auto i) {
    constexpr auto& row = kField<S, i>;
    if constexpr (row.is_tagged()) {
      if (row.versions.has(wire.version) && !equal(value.*row.member, kDefaults<S>.*row.member)) {
        visit(row);
      }
    }
    return true;
  });
}

// Tags ascend in the table, as they must on the wire.
template <Struct S>
constexpr bool tags_ascend() {
  std::int32_t last = kNoTag;
  return all_fields<S>([&](auto i) {
    constexpr auto& row = kField<S, i>;
    const bool ascends = !row.is_tagged() || row.tag > last;
    if (row.is_tagged()) last = row.tag;
    return ascends;
  });
}

template <Struct S>
void encode_tags(Writer& writer, Wire wire, const S& value) {
  static_assert(tags_ascend<S>());
  std::uint32_t count = 0;
  for_each_tag(wire, value, [&](const auto&) { ++count; });
  writer.uvarint(count);
  if (count == 0) return;
  for_each_tag(wire, value, [&](const auto& row) {
    writer.uvarint(static_cast<std::uint32_t>(row.tag));
    const std::size_t from = writer.size();
    encode_value(writer, wire, row.nullable_versions.has(wire.version), value.*row.member);
    writer.insert_size(from);
  });
}

template <Struct S>
void encode_struct(Writer& writer, Wire wire, const S& value) {
  all_fields<S>([&](auto i) {
    constexpr auto& row = kField<S, i>;
    if constexpr (!row.is_tagged()) {
      if (row.versions.has(wire.version)) {
        encode_value(writer, wire_of(row, wire), row.nullable_versions.has(wire.version),
                     value.*row.member);
      }
    }
    return true;
  });
  if (wire.flexible) encode_tags(writer, wire, value);
}

template <Struct S>
void encode_optional(Writer& writer, Wire wire, bool nullable, const std::optional<S>& value) {
  if (!value && nullable) return writer.integer(std::int8_t{-1});
  writer.integer(std::int8_t{1});
  encode_struct(writer, wire, value ? *value : kDefaults<S>);
}

template <class T>
void encode_value(Writer& writer, Wire wire, bool nullable, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    writer.integer(static_cast<std::uint8_t>(value ? 1 : 0));
  } else if constexpr (Number<T>) {
    writer.integer(to_number(value));
  } else if constexpr (std::same_as<T, Uuid>) {
    writer.raw(value.bytes);
  } else if constexpr (StringType<T>) {
    encode_string(writer, wire, nullable, value);
  } else if constexpr (BytesType<T>) {
    encode_run<std::int32_t>(writer, wire, nullable, value);
  } else if constexpr (std::same_as<T, Records>) {
    encode_records(writer, wire, nullable, value);
  } else if constexpr (ArrayType<T>) {
    encode_array(writer, wire, nullable, value);
  } else if constexpr (OptionalStruct<T>) {
    encode_optional(writer, wire, nullable, value);
  } else {
    encode_struct(writer, wire, value);
  }
}

}  // namespace duolog::kafka::codec

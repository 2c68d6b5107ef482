// A message as lines of "path = value", so that two of them can be compared field by field.
//
// What differs between any two brokers is left out or reduced to what matters: of an id, whether it
// is there; of record batches, everything but the leader epoch; of a tagged field, only where it is
// not its default. Free functions; any thread.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "net/kafka/types.h"
#include "net/kafka/walk.h"
#include "storage/record_batch.h"

namespace duolog::differential {

using Lines = std::vector<std::string>;

inline std::string hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Each batch with its leader epoch, which lies outside the CRC, set to 0.
inline std::string batches(Bytes records) {
  std::vector<std::uint8_t> copy(records.begin(), records.end());
  std::size_t at = 0;
  while (at + storage::kBatchHeaderBytes <= copy.size()) {
    store_be<std::int32_t>(copy.data() + at + storage::batch_at::kLeaderEpoch, 0);
    const auto length = load_be<std::int32_t>(copy.data() + at + storage::batch_at::kBatchLength);
    at += storage::kBatchLengthEnd + static_cast<std::size_t>(length);
  }
  return hex(copy);
}

template <class T>
void dump(std::int16_t version, const std::string& path, const T& value, Lines& lines) {
  using namespace kafka::codec;
  const auto say = [&](const std::string& text) { lines.push_back(path + " = " + text); };
  if constexpr (Struct<T>) {
    all_fields<T>([&](auto i) {
      constexpr auto& row = kField<T, i>;
      const auto& member = value.*row.member;
      if (!row.versions.has(version)) return true;
      if (row.is_tagged() && equal(member, T{}.*row.member)) return true;
      dump(version, (path.empty() ? "" : path + ".") + std::string(row.name()), member, lines);
      return true;
    });
  } else if constexpr (ArrayType<T>) {
    if (value.is_null()) return say("null");
    say("array of " + std::to_string(value.size()));
    for (std::size_t i = 0; i < value.size(); ++i) {
      dump(version, path + "[" + std::to_string(i) + "]", value[i], lines);
    }
  } else if constexpr (OptionalStruct<T>) {
    if (!value) return say("null");
    dump(version, path, *value, lines);
  } else if constexpr (std::same_as<T, bool>) {
    say(value ? "true" : "false");
  } else if constexpr (Number<T>) {
    say(std::to_string(to_number(value)));
  } else if constexpr (std::same_as<T, Uuid>) {
    say(value.is_zero() ? "no id" : "an id");
  } else if constexpr (std::same_as<T, kafka::Records>) {
    say(value.is_null() ? "null" : batches(value.bytes()));
  } else if constexpr (std::same_as<T, std::string_view>) {
    say("'" + std::string(value) + "'");
  } else if constexpr (std::same_as<T, kafka::NullableString>) {
    say(value ? "'" + std::string(*value) + "'" : "null");
  } else if constexpr (std::same_as<T, Bytes>) {
    say(hex(value));
  } else {
    say(value ? hex(*value) : "null");
  }
}

}  // namespace duolog::differential

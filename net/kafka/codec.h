// The codec: walks a message's table of fields, to decode and to encode any of its versions.
//
//   walk.h    the table, the types    decode.h    bytes -> struct    encode.h    struct -> bytes
//
// Included only by the .cc files that instantiate decode() and encode() for their messages, and
// by tests. Flexible versions (KIP-482) write lengths as varints of length + 1 and end every
// struct with a section of tagged fields:
//
//   version 0    name: int16 length, bytes | index: int32
//   flexible     name: varint length + 1, bytes | index: int32 | count of tags (tag, size, value)*
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "net/kafka/decode.h"
#include "net/kafka/encode.h"
#include "net/kafka/message.h"

namespace duolog::kafka::codec {

template <class Message>
constexpr const Api& api_of() {
  constexpr std::size_t kIndex = api_index(static_cast<std::int16_t>(Message::kApi));
  static_assert(kIndex < kApis.size(), "every message's API is in the table of api.h");
  return kApis[kIndex];
}

template <class Message>
Wire message_wire(std::int16_t version) {
  return {version, version >= api_of<Message>().flexible_since};
}

}  // namespace duolog::kafka::codec

namespace duolog::kafka {

template <class Message>
Result<void> decode(Reader& reader, std::int16_t version, Message& out) {
  const auto title = [version] {
    return std::string(detail::message_name<Message>()) + " v" + std::to_string(version);
  };
  if (!codec::api_of<Message>().versions.has(version)) {
    return fail(Errc::kUnsupported, title() + ": this version is not supported");
  }
  out = Message{};
  if (!codec::decode_struct(reader, codec::message_wire<Message>(version), out)) {
    return std::unexpected(reader.error(title()));
  }
  return {};
}

template <class Message>
void encode(Writer& writer, std::int16_t version, const Message& message) {
  CHECK(codec::api_of<Message>().versions.has(version));
  codec::encode_struct(writer, codec::message_wire<Message>(version), message);
}

}  // namespace duolog::kafka

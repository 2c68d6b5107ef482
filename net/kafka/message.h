// decode() and encode(): between the bytes of a frame and a message, in any version of it.
//
// A message is a plain struct with an ApiKey kApi and a table kFields (field.h). Both functions
// are templates that walk that table; they are defined in codec.h and instantiated once, in the
// .cc file beside the message, so that callers compile no codec.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "net/kafka/api.h"
#include "net/kafka/reader.h"
#include "net/kafka/types.h"
#include "net/kafka/writer.h"

namespace duolog::kafka {

// Fills `out` from the frame: fields that this version does not have get their defaults, unknown
// tagged fields are skipped. Bytes behind the message are left in the reader: some clients send
// them, and Kafka passes them over. Strings and records point into the frame, arrays into the
// reader's arena.
// Errors: kUnsupported for a version outside the API's range; kInvalid for bytes that are not
// such a message, with the field's path in the text; kTooLarge beyond the reader's memory limit.
template <class Message>
[[nodiscard]] Result<void> decode(Reader& reader, std::int16_t version, Message& out);

// Appends the message's bytes. Fields that this version does not have are left out, and a null
// that it cannot express is written as empty; a string longer than kMaxStringBytes is cut. CHECKs
// that the version is in the API's range.
template <class Message>
void encode(Writer& writer, std::int16_t version, const Message& message);

}  // namespace duolog::kafka

// Any bytes as a Kafka request, without their length: nothing is read past their end, and a request
// that is understood can be written and understood again.
#include <algorithm>

#include "net/kafka/header.h"
#include "tests/unit/kafka/message_cases.h"

using duolog::Bytes;
using namespace duolog::kafka;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Arena arena;
  Reader reader(Bytes(data, size), arena);
  const auto header = parse_request_header(reader);
  if (!header) return 0;
  const auto message = std::ranges::find_if(test::message_cases(), [&](const auto& candidate) {
    return candidate.is_request() && static_cast<std::int16_t>(candidate.key) == header->api_key;
  });
  if (message == test::message_cases().end() || !message->versions.has(header->api_version)) {
    return 0;
  }
  const Bytes body = Bytes(data, size).last(reader.remaining());
  // It checks that what was decoded encodes and decodes again.
  if (!message->decode(body, header->api_version)) return 0;
  return 0;
}

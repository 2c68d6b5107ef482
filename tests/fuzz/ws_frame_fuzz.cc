// Any bytes as the frames of one WebSocket connection: however they are cut, the same events. The
// first byte chooses what the parser accepts, the second how large the slices are.
#include "engine/base/check.h"
#include "tests/unit/ws/frame_stream.h"

using namespace duolog;
using namespace duolog::ws;

namespace {

constexpr std::size_t kChoiceBytes = 2;

FrameParserConfig config_of(std::uint8_t choice) {
  return {.role = (choice & 1) != 0 ? Role::kClient : Role::kServer,
          .accept_text = (choice & 2) == 0,
          .accept_binary = (choice & 4) == 0,
          .rsv1_negotiated = (choice & 8) != 0,
          .max_message_bytes = (choice & 16) != 0 ? 300U : 1U << 20};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kChoiceBytes) return 0;
  const FrameParserConfig config = config_of(data[0]);
  const Stream stream(data + kChoiceBytes, data + size);
  const Events events = events_of(stream, config);
  CHECK(events_in_slices(stream, 1, config) == events);
  CHECK(events_in_slices(stream, 2U + data[1], config) == events);
  return 0;
}

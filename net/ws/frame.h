// The WebSocket frame (RFC 6455 section 5.2): opcodes, close codes, and the encoders of both sides.
//
// A server's frames are not masked, so a data frame is a header and the payload where it lies; only
// the header is encoded here. Functions are pure and may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "net/ws/mask.h"

namespace duolog::ws {

// RFC 6455 section 11.8. 3 to 7 and 11 to 15 are reserved.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

[[nodiscard]] constexpr bool is_control(Opcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= 8;
}

inline constexpr std::size_t kMaxFrameHeaderBytes = 14;
inline constexpr std::size_t kMaxControlPayloadBytes = 125;
inline constexpr std::size_t kMaxControlFrameBytes = 2 + kMaxControlPayloadBytes;

// Close codes that Duolog sends or tells apart (RFC 6455 section 7.4.1 and the IANA registry; the
// 44xx and 45xx are Duolog's, in the range for private use).
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kNoStatus = 1005;  // never on the wire: a close frame without a code
inline constexpr std::uint16_t kInvalidPayload = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kTooLarge = 1009;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kServiceRestart = 1012;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kTopicGone = 4404;
inline constexpr std::uint16_t kTooLate = 4408;
inline constexpr std::uint16_t kTooManyRequests = 4429;
inline constexpr std::uint16_t kSlowReader = 4440;
inline constexpr std::uint16_t kNoPong = 4441;
inline constexpr std::uint16_t kPositionLost = 4442;
inline constexpr std::uint16_t kUnavailable = 4503;
}  // namespace close_code

// True for a code that a close frame may carry: 1000-1003, 1007-1014, 3000-4999.
[[nodiscard]] bool is_valid_close_code(std::uint16_t code);

// Writes the header of an unmasked frame to `out` and returns its length: 2, 4 or 10 bytes. `rsv1`
// marks the first frame of a compressed message (RFC 7692). A control frame must be final and carry
// at most 125 bytes.
[[nodiscard]] std::size_t encode_frame_header(Opcode opcode, bool fin, std::uint64_t payload_length,
                                              std::span<std::uint8_t, kMaxFrameHeaderBytes> out,
                                              bool rsv1 = false);

// A whole unmasked control frame, held by value.
struct ControlFrame {
  std::array<std::uint8_t, kMaxControlFrameBytes> storage;
  std::uint8_t size = 0;

  [[nodiscard]] Bytes bytes() const { return Bytes(storage).first(size); }
};

// A ping's or a pong's payload is at most 125 bytes; a pong carries its ping's (section 5.5.3).
[[nodiscard]] ControlFrame encode_ping(Bytes payload);
[[nodiscard]] ControlFrame encode_pong(Bytes payload);

// A close frame. close_code::kNoStatus gives an empty one; any other code must be valid. `reason`
// is UTF-8, and is cut to 123 bytes at a character's boundary.
[[nodiscard]] ControlFrame encode_close(std::uint16_t code, std::string_view reason);

// The client's side: appends a whole masked frame to `out`. For tools and tests; a real client
// draws `key` from a good random source for each frame (section 5.3).
void append_masked_frame(std::vector<std::uint8_t>& out, Opcode opcode, bool fin, Bytes payload,
                         MaskKey key, bool rsv1 = false);

}  // namespace duolog::ws

#include "net/ws/frame.h"

#include <cstring>

#include "engine/base/check.h"

namespace duolog::ws {
namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kRsv1 = 0x40;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::size_t kMaxReasonBytes = kMaxControlPayloadBytes - 2;

ControlFrame encode_control(Opcode opcode, Bytes payload) {
  CHECK(payload.size() <= kMaxControlPayloadBytes);
  ControlFrame frame;
  frame.storage[0] = static_cast<std::uint8_t>(kFin | static_cast<std::uint8_t>(opcode));
  frame.storage[1] = static_cast<std::uint8_t>(payload.size());
  if (!payload.empty()) std::memcpy(frame.storage.data() + 2, payload.data(), payload.size());
  frame.size = static_cast<std::uint8_t>(2 + payload.size());
  return frame;
}

}  // namespace

bool is_valid_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

std::size_t encode_frame_header(Opcode opcode, bool fin, std::uint64_t payload_length,
                                std::span<std::uint8_t, kMaxFrameHeaderBytes> out, bool rsv1) {
  CHECK(!is_control(opcode) || (fin && !rsv1 && payload_length <= kMaxControlPayloadBytes));
  out[0] = static_cast<std::uint8_t>((fin ? kFin : 0) | (rsv1 ? kRsv1 : 0) |
                                     static_cast<std::uint8_t>(opcode));
  if (payload_length <= 125) {
    out[1] = static_cast<std::uint8_t>(payload_length);
    return 2;
  }
  if (payload_length <= 0xFFFF) {
    out[1] = 126;
    store_be<std::uint16_t>(out.data() + 2, static_cast<std::uint16_t>(payload_length));
    return 4;
  }
  out[1] = 127;
  store_be<std::uint64_t>(out.data() + 2, payload_length);
  return 10;
}

ControlFrame encode_ping(Bytes payload) { return encode_control(Opcode::kPing, payload); }
ControlFrame encode_pong(Bytes payload) { return encode_control(Opcode::kPong, payload); }

ControlFrame encode_close(std::uint16_t code, std::string_view reason) {
  if (code == close_code::kNoStatus) return encode_control(Opcode::kClose, {});
  CHECK(is_valid_close_code(code));
  if (reason.size() > kMaxReasonBytes) {
    std::size_t cut = kMaxReasonBytes;
    while (cut > 0 && (static_cast<std::uint8_t>(reason[cut]) & 0xC0) == 0x80) --cut;
    reason = reason.substr(0, cut);
  }
  std::array<std::uint8_t, kMaxControlPayloadBytes> payload;
  store_be<std::uint16_t>(payload.data(), code);
  if (!reason.empty()) std::memcpy(payload.data() + 2, reason.data(), reason.size());
  return encode_control(Opcode::kClose, Bytes(payload).first(2 + reason.size()));
}

void append_masked_frame(std::vector<std::uint8_t>& out, Opcode opcode, bool fin, Bytes payload,
                         MaskKey key, bool rsv1) {
  std::array<std::uint8_t, kMaxFrameHeaderBytes> header;
  std::size_t header_size = encode_frame_header(opcode, fin, payload.size(), header, rsv1);
  header[1] |= kMasked;
  store_le<std::uint32_t>(header.data() + header_size, key);
  header_size += sizeof key;
  out.insert(out.end(), header.begin(), header.begin() + static_cast<std::ptrdiff_t>(header_size));
  const std::size_t payload_at = out.size();
  out.insert(out.end(), payload.begin(), payload.end());
  apply_mask(MutableBytes(out).subspan(payload_at), key, 0);
}

}  // namespace duolog::ws

// FrameStream: finds the stamps in what one subscriber receives, whatever the frames are cut into.
//
// A record's value holds '~' and the nanosecond it was due at as 16 hexadecimal digits; '~' stands
// nowhere else in a payload, be it the value alone or a JSON text with many. So a frame's payload
// is scanned as it passes and nothing is kept: no allocation, about 180 bytes a connection. Used by
// the readers' thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "engine/base/bytes.h"
#include "net/ws/frame.h"

namespace duolog::load {

inline constexpr char kStampMark = '~';
inline constexpr std::size_t kStampBytes = 17;

// Writes the mark and the digits, kStampBytes.
inline void write_stamp(std::uint64_t stamp_ns, char* out) {
  *out = kStampMark;
  for (std::size_t i = 1; i < kStampBytes; ++i) {
    out[i] = "0123456789abcdef"[stamp_ns >> (4 * (kStampBytes - 1 - i)) & 15U];
  }
}

class FrameStream {
 public:
  enum class State : std::uint8_t { kOpen, kClosed };  // kClosed: a close frame, or no frame at all

  // `on_stamp(ns)` for each stamp, `on_ping(payload)` for each ping.
  template <class OnStamp, class OnPing>
  State feed(Bytes input, OnStamp&& on_stamp, OnPing&& on_ping) {
    while (!input.empty()) {
      if (left_ == 0) {
        if (!read_header(input)) continue;
        if (opcode() == ws::Opcode::kClose || masked()) return State::kClosed;
        if (left_ == 0 && opcode() == ws::Opcode::kPing) on_ping(Bytes());
        continue;
      }
      const Bytes piece = input.first(std::min<std::uint64_t>(left_, input.size()));
      input = input.subspan(piece.size());
      left_ -= piece.size();
      if (ws::is_control(opcode())) {
        std::memcpy(control_.data() + control_have_, piece.data(), piece.size());
        control_have_ = static_cast<std::uint8_t>(control_have_ + piece.size());
        if (left_ > 0) continue;
        if (opcode() == ws::Opcode::kPing) on_ping(Bytes(control_).first(control_have_));
        control_have_ = 0;
      } else {
        scan(piece, on_stamp);
      }
    }
    return State::kOpen;
  }

 private:
  [[nodiscard]] ws::Opcode opcode() const { return static_cast<ws::Opcode>(header_[0] & 15U); }
  [[nodiscard]] bool masked() const { return (header_[1] & 0x80U) != 0; }

  // True when the header is whole: then `left_` is the payload's length.
  bool read_header(Bytes& input) {
    header_[header_have_++] = input.front();
    input = input.subspan(1);
    if (header_have_ < 2) return false;
    const unsigned length = header_[1] & 127U;
    const unsigned size = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (header_have_ < size) return false;
    left_ = size == 2   ? length
            : size == 4 ? load_be<std::uint16_t>(&header_[2])
                        : load_be<std::uint64_t>(&header_[2]);
    header_have_ = 0;
    return true;
  }

  template <class OnStamp>
  void scan(Bytes piece, OnStamp&& on_stamp) {
    const std::uint8_t* at = piece.data();
    const std::uint8_t* const end = at + piece.size();
    while (at != end) {
      if (stamp_have_ == 0) {
        at = static_cast<const std::uint8_t*>(
            std::memchr(at, kStampMark, static_cast<std::size_t>(end - at)));
        if (at == nullptr) return;
        stamp_ = 0;
      } else {
        stamp_ = stamp_ << 4 | (*at <= '9' ? *at - '0' : *at - 'a' + 10U);
      }
      ++at;
      if (++stamp_have_ == kStampBytes) {
        stamp_have_ = 0;
        on_stamp(stamp_);
      }
    }
  }

  std::uint64_t left_ = 0;   // of the frame's payload
  std::uint64_t stamp_ = 0;  // its digits so far
  std::uint8_t stamp_have_ = 0;
  std::uint8_t header_have_ = 0;
  std::uint8_t control_have_ = 0;
  std::array<std::uint8_t, 10> header_{};
  std::array<std::uint8_t, ws::kMaxControlPayloadBytes> control_;
};

}  // namespace duolog::load

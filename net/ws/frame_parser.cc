#include "net/ws/frame_parser.h"

#include <algorithm>
#include <cstring>

namespace duolog::ws {
namespace {

constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::size_t kMaskKeyBytes = 4;
constexpr std::size_t kMinCompressedSlackBytes = 64;

// The bytes of the extended length that the 7-bit length asks for.
std::size_t extended_length_bytes(std::uint8_t length7) {
  return length7 == 126 ? 2 : length7 == 127 ? 8 : 0;
}

}  // namespace

FrameEvent FrameParser::next(MutableBytes& input) {
  FrameEvent event;
  release();
  while (true) {
    switch (stage_) {
      case Stage::kHeader:
        if (!read_header(input, event)) return event;
        begin_payload();
        break;
      case Stage::kPayload:
        if (is_control(opcode_) ? !read_control(input, event) : !read_data(input, event)) {
          return event;
        }
        break;
      case Stage::kFinished:
        input = {};
        return event;
    }
  }
}

bool FrameParser::control_follows(Bytes input) const {
  switch (stage_) {
    case Stage::kHeader:
      return is_control(static_cast<Opcode>((header_have_ > 0 ? header_[0] : input[0]) & 0x0F));
    case Stage::kPayload:
      return is_control(opcode_);
    case Stage::kFinished:
      return true;
  }
  return true;
}

// The readers below return true to go on in the loop, false when `event` is what next() returns.

bool FrameParser::read_header(MutableBytes& input, FrameEvent& event) {
  while (header_have_ < header_size_) {
    if (input.empty()) return false;
    const std::size_t take = std::min<std::size_t>(input.size(), header_size_ - header_have_);
    std::memcpy(header_.data() + header_have_, input.data(), take);
    header_have_ = static_cast<std::uint8_t>(header_have_ + take);
    input = input.subspan(take);
    if (header_have_ == 2 && header_size_ == 2 && !check_first_bytes(event)) return false;
  }
  return check_length(event);
}

bool FrameParser::check_first_bytes(FrameEvent& event) {
  const bool rsv1 = (header_[0] & 0x40) != 0;
  const bool masked = (header_[1] & kMaskBit) != 0;
  const std::uint8_t length7 = header_[1] & 0x7F;
  fin_ = (header_[0] & 0x80) != 0;
  opcode_ = static_cast<Opcode>(header_[0] & 0x0F);
  if ((header_[0] & 0x30) != 0 || (rsv1 && !config_.rsv1_negotiated)) {
    return set_error(event, close_code::kProtocolError, "reserved bit set");
  }
  if (masked != (config_.role == Role::kServer)) {
    return set_error(event, close_code::kProtocolError,
                     masked ? "masked frame from a server" : "unmasked frame from a client");
  }
  if (!check_opcode(rsv1, event)) return false;
  if (is_control(opcode_) && length7 > kMaxControlPayloadBytes) {
    return set_error(event, close_code::kProtocolError, "control frame over 125 bytes");
  }
  header_size_ =
      static_cast<std::uint8_t>(2 + extended_length_bytes(length7) + (masked ? kMaskKeyBytes : 0));
  return true;
}

// Section 5.4: a message is one first frame with its opcode, then continuations up to FIN; control
// frames may come between. RFC 7692 section 6: RSV1 belongs to the first frame only.
bool FrameParser::check_opcode(bool rsv1, FrameEvent& event) {
  switch (opcode_) {
    case Opcode::kContinuation:
      if (message_opcode_ == Opcode::kContinuation) {
        return set_error(event, close_code::kProtocolError, "continuation of no message");
      }
      if (rsv1) return set_error(event, close_code::kProtocolError, "RSV1 on a continuation");
      return true;
    case Opcode::kText:
    case Opcode::kBinary:
      if (message_opcode_ != Opcode::kContinuation) {
        return set_error(event, close_code::kProtocolError, "new message inside a fragmented one");
      }
      if (!(opcode_ == Opcode::kText ? config_.accept_text : config_.accept_binary)) {
        return set_error(event, close_code::kUnsupportedData,
                         opcode_ == Opcode::kText ? "text messages are not accepted here"
                                                  : "binary messages are not accepted here");
      }
      message_opcode_ = opcode_;
      compressed_ = rsv1;
      utf8_.reset();
      return true;
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      if (rsv1) return set_error(event, close_code::kProtocolError, "RSV1 on a control frame");
      if (!fin_) return set_error(event, close_code::kProtocolError, "fragmented control frame");
      return true;
  }
  return set_error(event, close_code::kProtocolError, "reserved opcode");
}

// Section 5.2: the minimal number of bytes must encode the length, and its top bit must be zero.
bool FrameParser::check_length(FrameEvent& event) {
  const std::uint8_t length7 = header_[1] & 0x7F;
  payload_size_ = length7;
  if (length7 == 126) payload_size_ = load_be<std::uint16_t>(header_.data() + 2);
  if (length7 == 127) payload_size_ = load_be<std::uint64_t>(header_.data() + 2);
  if ((payload_size_ >> 63) != 0) {
    return set_error(event, close_code::kProtocolError, "64-bit length with the high bit set");
  }
  if ((length7 == 126 && payload_size_ < 126) || (length7 == 127 && payload_size_ <= 0xFFFF)) {
    return set_error(event, close_code::kProtocolError, "length not minimally encoded");
  }
  // buffer_ never holds more than the limit, so the subtraction cannot wrap.
  if (!is_control(opcode_) && payload_size_ > most_bytes() - buffer_.size()) {
    return set_error(event, close_code::kTooLarge, "message over the size limit");
  }
  return true;
}

// Of the message being read.
std::size_t FrameParser::most_bytes() const {
  const std::size_t most = config_.max_message_bytes;
  return compressed_ ? most + most / 16 + kMinCompressedSlackBytes : most;
}

void FrameParser::begin_payload() {
  if (config_.role == Role::kServer) {
    mask_key_ = load_le<std::uint32_t>(header_.data() + header_size_ - kMaskKeyBytes);
  }
  header_have_ = 0;
  header_size_ = 2;
  payload_have_ = 0;
  stage_ = Stage::kPayload;
}

// Cuts this frame's bytes from the front of `input` and unmasks them in place.
MutableBytes FrameParser::take_payload(MutableBytes& input) {
  const std::size_t take = std::min<std::uint64_t>(input.size(), payload_size_ - payload_have_);
  const MutableBytes piece = input.first(take);
  input = input.subspan(take);
  if (config_.role == Role::kServer) apply_mask(piece, mask_key_, payload_have_);
  return piece;
}

bool FrameParser::read_control(MutableBytes& input, FrameEvent& event) {
  const MutableBytes piece = take_payload(input);
  if (piece.size() == payload_size_) {
    finish_control(piece, event);
    return false;
  }
  if (!piece.empty()) std::memcpy(control_.data() + payload_have_, piece.data(), piece.size());
  payload_have_ += piece.size();
  if (payload_have_ < payload_size_) return false;
  finish_control(Bytes(control_).first(payload_size_), event);
  return false;
}

void FrameParser::finish_control(Bytes payload, FrameEvent& event) {
  stage_ = Stage::kHeader;
  if (opcode_ == Opcode::kClose) return finish_close(payload, event);
  event.kind = opcode_ == Opcode::kPing ? FrameEvent::Kind::kPing : FrameEvent::Kind::kPong;
  event.payload = payload;
}

// Section 5.5.1: nothing, or a code and a reason in UTF-8.
void FrameParser::finish_close(Bytes payload, FrameEvent& event) {
  std::uint16_t code = close_code::kNoStatus;
  if (payload.size() == 1) {
    set_error(event, close_code::kProtocolError, "close frame of one byte");
    return;
  }
  if (!payload.empty()) {
    code = load_be<std::uint16_t>(payload.data());
    payload = payload.subspan(2);
    if (!is_valid_close_code(code)) {
      set_error(event, close_code::kProtocolError, "invalid close code");
      return;
    }
  }
  if (!is_valid_utf8(payload)) {
    set_error(event, close_code::kInvalidPayload, "close reason is not UTF-8");
    return;
  }
  event.kind = FrameEvent::Kind::kClose;
  event.close_code = code;
  event.payload = payload;
  stage_ = Stage::kFinished;
  std::vector<std::uint8_t>().swap(buffer_);
}

bool FrameParser::read_data(MutableBytes& input, FrameEvent& event) {
  const MutableBytes piece = take_payload(input);
  const bool text = message_opcode_ == Opcode::kText && !compressed_;
  if (text && !utf8_.feed(piece)) {
    return set_error(event, close_code::kInvalidPayload, "text is not UTF-8");
  }
  const bool frame_done = payload_have_ + piece.size() == payload_size_;
  const bool message_done = frame_done && fin_;
  if (message_done && text && !utf8_.complete()) {
    return set_error(event, close_code::kInvalidPayload, "text ends inside a character");
  }
  const bool view = message_done && buffer_.empty();
  if (!view) assemble(piece);
  payload_have_ += piece.size();
  if (frame_done) stage_ = Stage::kHeader;
  if (!message_done) return frame_done;
  event.kind = FrameEvent::Kind::kMessage;
  event.opcode = message_opcode_;
  event.compressed = compressed_;
  event.payload = view ? Bytes(piece) : Bytes(buffer_);
  message_opcode_ = Opcode::kContinuation;
  delivered_ = true;
  return false;
}

// Grows by doubling, but to no more than the rest of the message can need: its declared end when
// this frame is the last, the limit when more may follow.
void FrameParser::assemble(Bytes piece) {
  const std::size_t needed = buffer_.size() + piece.size();
  if (needed > buffer_.capacity()) {
    const std::size_t most = fin_ ? buffer_.size() + (payload_size_ - payload_have_) : most_bytes();
    buffer_.reserve(std::max(needed, std::min(most, 2 * buffer_.capacity())));
  }
  buffer_.insert(buffer_.end(), piece.begin(), piece.end());
}

void FrameParser::release() {
  if (!delivered_) return;
  delivered_ = false;
  buffer_.clear();
  if (buffer_.capacity() > kKeptBufferBytes) std::vector<std::uint8_t>().swap(buffer_);
}

void FrameParser::give_up() {
  stage_ = Stage::kFinished;
  std::vector<std::uint8_t>().swap(buffer_);
}

bool FrameParser::set_error(FrameEvent& event, std::uint16_t code, std::string_view why) {
  event.kind = FrameEvent::Kind::kError;
  event.close_code = code;
  event.error = why;
  give_up();
  return false;
}

}  // namespace duolog::ws

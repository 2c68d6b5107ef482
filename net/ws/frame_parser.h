// FrameParser: the bytes of one WebSocket connection in, messages and control frames out
// (RFC 6455 sections 5 to 8). Sans-I/O: the session feeds it what it received.
//
//   MutableBytes input = received;
//   for (FrameEvent event = parser.next(input); event.kind != FrameEvent::Kind::kNeedMore;
//        event = parser.next(input)) { ... }
//
// Rules
//  1. Events come in the order of the bytes, one a call, so that a message before a bad frame is
//     delivered first, and a session may stop between any two (`input` holds what is left).
//  2. A control frame between two fragments is delivered at once.
//  3. How the bytes were cut into slices changes no event.
//  4. Payloads are unmasked in place. A message that lies whole in the slice is a view of it; any
//     other is assembled in the parser's buffer, which grows with what has arrived, never with what
//     was declared, and never beyond max_message_bytes. Fragments cost nothing but their payload. A
//     compressed message may be a 16th larger, because what cannot be compressed grows.
//  5. After a close frame or an error the parser swallows everything that follows.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "net/ws/frame.h"
#include "net/ws/utf8.h"

namespace duolog::ws {

// Which side this parser is: a server wants its client's frames masked, a client wants them bare.
enum class Role : std::uint8_t { kServer, kClient };

struct FrameParserConfig {
  Role role = Role::kServer;
  bool accept_text = true;       // false: a text message is error 1003
  bool accept_binary = true;     // false: a binary message is error 1003
  bool rsv1_negotiated = false;  // permessage-deflate was agreed: RSV1 marks a compressed message
  std::uint32_t max_message_bytes = 1 << 20;  // beyond: error 1009, at the header that declares it
};

struct FrameEvent {
  enum class Kind : std::uint8_t {
    kNeedMore,  // `input` is empty: feed the next slice
    kMessage,   // a whole data message, text (valid UTF-8) or binary
    kPing,      // answer it with encode_pong(payload)
    kPong,
    kClose,  // the peer closes with `close_code` (kNoStatus: it gave none); payload: its reason
    kError,  // fail the connection with `close_code`; `error` says why
  };

  Kind kind = Kind::kNeedMore;
  Opcode opcode = Opcode::kContinuation;  // of a kMessage: kText or kBinary
  bool compressed = false;       // of a kMessage: to be inflated, and its UTF-8 checked after that
  std::uint16_t close_code = 0;  // of kClose and kError
  Bytes payload;                 // valid until the next call of next(), and while the slice lives
  std::string_view error;        // of kError: a static text
};

// One for each connection, owned by its session and used by its shard's thread. An idle parser
// holds under 300 bytes and at most kKeptBufferBytes of buffer.
class FrameParser {
 public:
  static constexpr std::size_t kKeptBufferBytes = 1024;

  explicit FrameParser(FrameParserConfig config = {}) : config_(config) {}

  // Takes bytes from the front of `input` up to the end of the next event. Never fails otherwise
  // than by a kError event.
  [[nodiscard]] FrameEvent next(MutableBytes& input);

  // True when `input`, which is not empty, begins with a control frame or the rest of one: for a
  // session that takes no data for now, but answers pings. After a kClose or a kError also true.
  [[nodiscard]] bool control_follows(Bytes input) const;

  // The message that is being assembled is not wanted: as after an error.
  void give_up();

  // What the last event's payload lies in is no longer needed. next() says so as well.
  void release();

  // True after a kClose or a kError event.
  [[nodiscard]] bool finished() const { return stage_ == Stage::kFinished; }

  // A data message has begun, or a frame, and more of it is to come.
  [[nodiscard]] bool mid_message() const {
    if (stage_ == Stage::kFinished) return false;
    return stage_ == Stage::kPayload || header_have_ > 0 ||
           message_opcode_ != Opcode::kContinuation;
  }

  // Heap bytes held for a message that is not yet whole; for the session's accounting.
  [[nodiscard]] std::size_t buffer_bytes() const { return buffer_.capacity(); }

 private:
  enum class Stage : std::uint8_t { kHeader, kPayload, kFinished };

  [[nodiscard]] bool read_header(MutableBytes& input, FrameEvent& event);
  [[nodiscard]] bool check_first_bytes(FrameEvent& event);
  [[nodiscard]] bool check_opcode(bool rsv1, FrameEvent& event);
  [[nodiscard]] bool check_length(FrameEvent& event);
  [[nodiscard]] std::size_t most_bytes() const;
  void begin_payload();
  [[nodiscard]] bool read_control(MutableBytes& input, FrameEvent& event);
  [[nodiscard]] bool read_data(MutableBytes& input, FrameEvent& event);
  void finish_control(Bytes payload, FrameEvent& event);
  void finish_close(Bytes payload, FrameEvent& event);
  [[nodiscard]] MutableBytes take_payload(MutableBytes& input);
  void assemble(Bytes piece);
  bool set_error(FrameEvent& event, std::uint16_t code, std::string_view why);

  FrameParserConfig config_;
  Stage stage_ = Stage::kHeader;

  // The frame being read.
  bool fin_ = false;
  Opcode opcode_ = Opcode::kContinuation;
  std::uint8_t header_have_ = 0;
  std::uint8_t header_size_ = 2;
  MaskKey mask_key_ = 0;
  std::uint64_t payload_size_ = 0;
  std::uint64_t payload_have_ = 0;

  // The message being assembled; kContinuation when there is none.
  Opcode message_opcode_ = Opcode::kContinuation;
  bool compressed_ = false;
  bool delivered_ = false;  // buffer_ was handed out and is free at the next call
  Utf8Validator utf8_;
  std::vector<std::uint8_t> buffer_;

  std::array<std::uint8_t, kMaxFrameHeaderBytes> header_;
  std::array<std::uint8_t, kMaxControlPayloadBytes> control_;  // a control frame cut by slices
};

}  // namespace duolog::ws

// WsConnection: one WebSocket connection, from after the 101 to its close.
//
// Frames in: messages go to the endpoint, control frames are answered. Frames out, in one send a
// turn:
//
//   the rest of a half-sent message | control frames | whole messages of the endpoint
//
// Rules
//  1. Every ping is answered, before data. Pongs wait in at most kMaxControlBytes; what was
//     received behind them is held until they have gone.
//  2. Closing, whoever began it: one close frame out, nothing after it; the socket is closed when
//     the peer's close frame (after an error of its framing: its end) has come, or close_timeout_ms
//     after.
//  3. A peer's close, or an error in what it sends, is answered when what it sent before is: on
//     disk, echoed; if that fails, with the code of the failure.
//  4. Silence for ping_after_ms is answered with a ping, and another pong_within_ms with 4441.
//     Bytes received are a sign of life, and so is room to send where there was none; silence is
//     none while nothing is received because something is held, unless the peer does not read
//     either.
//  5. An endpoint that takes no messages for now still has its pings answered, up to the next
//     message. From there on, what was received is held, and nothing more is received: at most what
//     the shard's receive buffers hold. The end of the socket comes after it.
//  6. Half a message has a limit in time, message_timeout_ms (4408), and all of a shard have one in
//     memory, beyond which the most silent is closed (4429). So has a peer that takes nothing of
//     what is sent, write_timeout_ms: half a message out is lost then, and no close frame follows.
//  7. Messages are handled for as long as the shard's turn allows (runtime/share.h); what comes
//     behind them is held as in 5, and is the connection's task for the next turns.
//  8. A compressed message is inflated before the endpoint gets it, up to the size that a message
//     may have (1009); its text is checked once inflated.
//
// Owned by its HttpConnection, on the shard's thread. Limits: WsSettings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/runtime/run_queue.h"
#include "engine/session/http/upgraded.h"
#include "engine/session/websocket/deflate.h"
#include "engine/session/websocket/endpoint.h"
#include "engine/session/websocket/half_messages.h"
#include "net/ws/frame_parser.h"

namespace duolog::session {

class HttpConnection;
class WsShard;

class WsConnection final : public UpgradedConnection {
 public:
  static constexpr std::size_t kMaxControlBytes = 16U << 10;
  static constexpr std::size_t kKeptControlBytes = 256;

  // `deflate`: what was agreed on; none: no permessage-deflate.
  WsConnection(WsShard& ws, HttpConnection& connection, const ws::FrameParserConfig& frames,
               const std::optional<ws::DeflateParameters>& deflate);
  ~WsConnection() override;
  // Before the first byte: what the connection is for.
  void serve(std::unique_ptr<WsEndpoint> endpoint);

  // ---- The HttpConnection's.
  void on_data(MutableBytes bytes) override;
  void on_eof() override;
  void on_sent(std::size_t bytes) override;
  void on_send_lost() override { drop_plan(); }
  void on_writable() override;
  void on_timer() override;
  void flush() override;
  void drain() override;
  [[nodiscard]] bool busy() const override { return endpoint_->busy(); }

  // ---- The endpoint's, from within any of its functions.
  [[nodiscard]] WsShard& ws() { return ws_; }
  // The client's address, for logs.
  [[nodiscard]] std::string peer_name() const;
  // It has something to send, or wants turn_ended() to be called.
  void flush_soon(runtime::Urgency urgency = runtime::Urgency::kPrompt);
  // Calls on_time() at the latest then.
  void call_at(std::uint64_t at_ns);
  // Sends a close frame, and nothing after it. `reason`: a static text.
  void close(std::uint16_t code, std::string_view reason);
  // Closes without a close frame: half a message is lost.
  void abort();
  // A close frame was sent or received, or the socket is going.
  [[nodiscard]] bool closing() const;
  // What came before a close may still be answered.
  [[nodiscard]] bool answers() const;
  [[nodiscard]] bool sending() const;
  // The rest of a half-sent message, which begins within a frame or with one: behind the control
  // frames then, of which one may be half sent.
  void send_rest(std::string_view rest, bool mid_frame) {
    control_.insert(mid_frame ? 0 : control_.size(), rest);
  }
  // No on_message() until resume_reading().
  void pause_reading() { paused_ = true; }
  void resume_reading();
  [[nodiscard]] bool reading() const { return !paused_; }
  // permessage-deflate was agreed on: a message may be sent with the payload that deflate() makes
  // of it, and RSV1 on its first frame. Valid until the next call.
  [[nodiscard]] bool deflates() const { return deflate_ != nullptr; }
  [[nodiscard]] Bytes deflate(Bytes message) { return deflate_->deflate(message); }
  // Something it had started has ended. This object may be gone when it returns.
  void ended();

 private:
  enum class Closing : std::uint8_t {
    kNo,
    kReplying,  // the peer has closed, or failed; the answer waits for those to what came before
    kQueued,    // the close frame is in control_
    kSent,      // the kernel has it
  };

  // Bytes that wait to be looked at.
  struct Held {
    std::string bytes;
    std::size_t done = 0;
  };

  // input.cc
  [[nodiscard]] bool handle_all(MutableBytes& bytes);
  void handle_held();
  [[nodiscard]] bool must_wait(Bytes bytes);
  void hold(MutableBytes bytes, runtime::Urgency urgency);
  void go_on_later(runtime::Urgency urgency);
  void close_if_ended();
  void handle(const ws::FrameEvent& event);
  void take_message(const ws::FrameEvent& event);
  void answer_ping(Bytes payload);
  void peer_closes(std::uint16_t code);
  void close_when_answered(std::uint16_t code, std::string_view reason);
  void queue_close();
  void close_sent();
  void append_control(Bytes frame);
  void arm_timer();
  // What has arrived ends within a message, or does not.
  void note_half_message();
  void refuse_half_message(std::uint16_t code, std::string_view reason);
  [[nodiscard]] std::uint64_t half_message_due_ns() const;  // kNever: there is none
  [[nodiscard]] std::uint64_t write_due_ns() const;         // while it waits for room
  void check_limits(std::uint64_t now_ns);
  // Pings, or closes, if the peer has been silent for too long; otherwise nothing. Sets due_ns_.
  void check_silence(std::uint64_t now_ns);
  [[nodiscard]] bool fill(SendList& list);
  void add_control(SendList& list);
  // Nothing of what fill() planned counts as sent.
  void drop_plan();

  WsShard& ws_;
  HttpConnection& connection_;
  ws::FrameParser parser_;
  std::unique_ptr<WsDeflate> deflate_;  // null: not agreed on
  std::unique_ptr<WsEndpoint> endpoint_;
  std::unique_ptr<Held> held_;     // null: none
  std::string control_;            // encoded control frames not yet sent
  std::string_view close_reason_;  // a static text
  HalfMessage half_{*this};
  std::uint64_t half_since_ns_ = 0;  // half a message has been coming in; 0: none, or it is held
  std::uint64_t sent_ns_;            // the last send was begun
  std::uint64_t heard_ns_;
  std::uint64_t silence_due_ns_ = 0;                    // when to look for silence next
  std::uint64_t endpoint_due_ns_ = WsEndpoint::kNever;  // when to call on_time()
  bool pinged_ = false;                                 // since it was heard last
  bool paused_ = false;
  bool out_of_time_ = false;  // what is held waits for a turn, and for nothing else
  bool ended_ = false;        // the socket has, behind what is held
  bool peer_closed_ = false;
  bool large_ = false;    // the last send was: its reader is behind
  bool planned_ = false;  // fill() has, and how much of it was sent is not known
  Closing closing_ = Closing::kNo;
  std::uint16_t close_code_ = 0;
  std::uint32_t sending_control_ = 0;  // bytes of control_ in the send under way
};

}  // namespace duolog::session

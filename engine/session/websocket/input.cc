// WsConnection's input: from the bytes that were received to what the endpoint gets.
#include "engine/session/http/connection.h"
#include "engine/session/websocket/connection.h"
#include "engine/session/websocket/shard.h"
#include "net/ws/frame.h"
#include "net/ws/utf8.h"

namespace duolog::session {

using Kind = ws::FrameEvent::Kind;
namespace code = ws::close_code;

void WsConnection::on_data(MutableBytes bytes) {
  heard_ns_ = ws_.shard().now_ns();
  pinged_ = false;
  // Whoever has had nothing of this turn yet is not behind.
  const bool behind = held_ || handle_all(bytes);
  hold(bytes, behind ? runtime::Urgency::kBehind : runtime::Urgency::kPrompt);
  note_half_message();
}

void WsConnection::on_eof() {
  ended_ = true;
  close_if_ended();
}

// A peer that has said all it will, and wants an answer to a close frame or an error, gets it.
void WsConnection::close_if_ended() {
  const bool answer_due = closing_ == Closing::kReplying || closing_ == Closing::kQueued;
  if (ended_ && !held_ && !endpoint_->taking() && !answer_due) connection_.close();
}

// ---- What has to wait --------------------------------------------------------------------------

// Takes from the front of `bytes` what need not wait; whether that was a frame.
bool WsConnection::handle_all(MutableBytes& bytes) {
  bool handled = false;
  out_of_time_ = false;
  while (bytes.empty() || !must_wait(bytes)) {
    const ws::FrameEvent event = parser_.next(bytes);
    if (event.kind == Kind::kNeedMore) return handled;
    handle(event);
    handled = true;
  }
  parser_.release();
  return handled;
}

// Once closing has begun, all that is looked for is the peer's close frame.
bool WsConnection::must_wait(Bytes bytes) {
  if (closing_ != Closing::kNo) return false;
  if (control_.size() + ws::kMaxControlFrameBytes > kMaxControlBytes) return true;
  if ((paused_ || (deflate_ && deflate_->spent())) && !parser_.control_follows(bytes)) return true;
  out_of_time_ = !ws_.shard().share().allows_small();
  return out_of_time_;
}

void WsConnection::hold(MutableBytes bytes, runtime::Urgency urgency) {
  if (bytes.empty()) return;
  if (!held_) held_ = std::make_unique<Held>();
  held_->bytes.append(as_text(bytes));
  if (connection_.socket().reading()) connection_.socket().pause_reading();
  go_on_later(urgency);
}

void WsConnection::go_on_later(runtime::Urgency urgency) {
  if (out_of_time_) {
    ws_.counters().turn_waits.add();
    return connection_.flush_soon(urgency);
  }
  if (paused_ || !deflate_ || !deflate_->spent()) return;
  ws_.counters().deflate_waits.add();
  connection_.flush_soon(runtime::Urgency::kBehind);
}

void WsConnection::handle_held() {
  std::unique_ptr<Held> held = std::move(held_);
  auto* const first = reinterpret_cast<std::uint8_t*>(held->bytes.data());
  MutableBytes rest = MutableBytes(first, held->bytes.size()).subspan(held->done);
  (void)handle_all(rest);
  held->done = held->bytes.size() - rest.size();
  if (!rest.empty()) {
    held_ = std::move(held);
    return go_on_later(runtime::Urgency::kBehind);
  }
  note_half_message();
  heard_ns_ = ws_.shard().now_ns();
  connection_.socket().resume_reading();
  close_if_ended();
}

void WsConnection::resume_reading() {
  paused_ = false;
  if (held_) connection_.flush_soon();
}

// ---- Half a message ----------------------------------------------------------------------------

void WsConnection::note_half_message() {
  const bool half = parser_.mid_message();
  // While something is held, it is not the peer that makes it wait.
  if (!half || held_ || closing()) half_since_ns_ = 0;
  if (!half && half_.held_bytes == 0) return;
  HalfMessages& all = ws_.half_messages();
  all.holds(half_, half ? parser_.buffer_bytes() : 0);
  while (HalfMessage* most_silent = all.excess()) {
    ws_.counters().half_messages_refused.add();
    most_silent->owner.refuse_half_message(code::kTooManyRequests,
                                           "too much memory for half messages");
  }
  if (half_since_ns_ != 0 || !parser_.mid_message() || held_ || closing()) return;
  half_since_ns_ = ws_.shard().now_ns();
  if (half_message_due_ns() < std::min(silence_due_ns_, endpoint_due_ns_)) arm_timer();
}

void WsConnection::refuse_half_message(std::uint16_t the_code, std::string_view reason) {
  parser_.give_up();
  half_since_ns_ = 0;
  ws_.half_messages().holds(half_, 0);
  close(the_code, reason);
}

// ---- Frames ------------------------------------------------------------------------------------

void WsConnection::handle(const ws::FrameEvent& event) {
  switch (event.kind) {
    case Kind::kNeedMore:
    case Kind::kPong:
      break;
    case Kind::kMessage:
      half_since_ns_ = 0;
      if (!closing()) take_message(event);
      break;
    case Kind::kPing:
      if (!closing()) answer_ping(event.payload);
      break;
    case Kind::kClose:
      peer_closes(event.close_code);
      break;
    case Kind::kError:
      close_when_answered(event.close_code, event.error);
      break;
  }
}

void WsConnection::take_message(const ws::FrameEvent& event) {
  if (!event.compressed) {
    endpoint_->on_message(event.opcode, event.payload);
  } else if (const auto inflated = deflate_->inflate(event.payload); !inflated) {
    const bool too_large = inflated.error().code == Errc::kTooLarge;
    close_when_answered(too_large ? code::kTooLarge : code::kInvalidPayload,
                        too_large ? "inflated, the message is over the size limit"
                                  : "the compressed message is damaged");
  } else if (event.opcode == ws::Opcode::kText && !ws::is_valid_utf8(*inflated)) {
    close_when_answered(code::kInvalidPayload, "text is not UTF-8");
  } else {
    endpoint_->on_message(event.opcode, *inflated);
  }
  if (deflate_) ws_.deflate_share().trim();
}

void WsConnection::answer_ping(Bytes payload) {
  append_control(ws::encode_pong(payload).bytes());
  ws_.counters().pongs_sent.add();
  connection_.flush_soon();
}

}  // namespace duolog::session

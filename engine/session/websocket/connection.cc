#include "engine/session/websocket/connection.h"

#include <algorithm>
#include <utility>

#include "engine/base/clock.h"
#include "engine/runtime/descriptors.h"
#include "engine/session/http/connection.h"
#include "engine/session/transport/socket_address.h"
#include "engine/session/websocket/shard.h"
#include "net/ws/frame.h"

namespace duolog::session {
namespace {

namespace code = ws::close_code;

// Whoever has so much to read at once is behind.
constexpr std::size_t kLargeBytes = 32U << 10;

}  // namespace

WsConnection::WsConnection(WsShard& ws, HttpConnection& connection,
                           const ws::FrameParserConfig& frames,
                           const std::optional<ws::DeflateParameters>& deflate)
    : ws_(ws),
      connection_(connection),
      parser_(frames),
      sent_ns_(ws.shard().now_ns()),
      heard_ns_(ws.shard().now_ns()),
      silence_due_ns_(heard_ns_ + ws.settings().ping_after_ms * kNsPerMs) {
  ws_.counters().websockets_open.add();
  if (deflate) {
    deflate_ = std::make_unique<WsDeflate>(ws, *deflate, frames.max_message_bytes);
  }
}

WsConnection::~WsConnection() {
  ws_.half_messages().holds(half_, 0);
  auto& open = ws_.counters().websockets_open;
  open.set(open.get() - 1);
  ws_.counters().closes.of(closing_ >= Closing::kQueued ? close_code_ : 1006).add();
}

void WsConnection::serve(std::unique_ptr<WsEndpoint> endpoint) {
  endpoint_ = std::move(endpoint);
  arm_timer();
}

// ---- For the endpoint --------------------------------------------------------------------------

void WsConnection::flush_soon(runtime::Urgency urgency) { connection_.flush_soon(urgency); }

std::string WsConnection::peer_name() const {
  return peer_name_of(connection_.socket().descriptor());
}

bool WsConnection::closing() const {
  return closing_ != Closing::kNo || connection_.socket().closing();
}

bool WsConnection::answers() const {
  return closing_ < Closing::kQueued && !connection_.socket().closing();
}

bool WsConnection::sending() const { return connection_.socket().sending(); }

void WsConnection::ended() {
  if (closing_ == Closing::kReplying && !endpoint_->answering()) queue_close();
  connection_.release_if_done();
}

// ---- Closing -----------------------------------------------------------------------------------

void WsConnection::peer_closes(std::uint16_t its_code) {
  peer_closed_ = true;
  if (closing_ == Closing::kSent) return connection_.close();
  close_when_answered(its_code, {});
}

void WsConnection::close_when_answered(std::uint16_t the_code, std::string_view reason) {
  if (closing()) return;
  closing_ = Closing::kReplying;
  close_code_ = the_code;
  close_reason_ = reason;
  connection_.arm_timer(ws_.settings().close_timeout_ms);
  if (!endpoint_->answering()) queue_close();
}

void WsConnection::close(std::uint16_t the_code, std::string_view reason) {
  if (closing_ >= Closing::kQueued || connection_.socket().closing()) return;
  close_code_ = the_code;
  close_reason_ = reason;
  connection_.arm_timer(ws_.settings().close_timeout_ms);
  queue_close();
}

void WsConnection::abort() { connection_.close(); }

void WsConnection::queue_close() {
  closing_ = Closing::kQueued;
  append_control(ws::encode_close(close_code_, close_reason_).bytes());
  connection_.flush_soon();
}

// The peer may still be sending: closing at once would reset the connection, and could take the
// close frame back from it.
void WsConnection::close_sent() {
  closing_ = Closing::kSent;
  if (peer_closed_ || ended_) return connection_.close();
  if (parser_.finished()) runtime::shut_down_sending(connection_.socket().descriptor());
  connection_.socket().resume_reading();
  if (held_) connection_.flush_soon();
}

void WsConnection::drain() {
  if (closing_ == Closing::kNo) return endpoint_->drain();
  close(code::kUnavailable, "draining");
}

// ---- Sending -----------------------------------------------------------------------------------

void WsConnection::append_control(Bytes frame) { control_.append(as_text(frame)); }

void WsConnection::flush() {
  runtime::Socket& socket = connection_.socket();
  // What is being sent must not move before the kernel has read it, at the end of this turn.
  if (held_ && !socket.sending() && !socket.closing()) handle_held();
  endpoint_->turn_ended();
  close_if_ended();
  if (socket.closing() || socket.sending()) return;
  if (closing_ == Closing::kReplying && !endpoint_->answering()) queue_close();
  if (socket.waiting_writable()) return;
  SendList& list = ws_.send_list();
  list.begin(ws_.settings().max_unsent_bytes + ws::kMaxFrameHeaderBytes);
  sending_control_ = 0;
  const bool filled = fill(list);
  if (socket.closing()) return drop_plan();
  if (!filled) return connection_.flush_soon();  // it is closing now: once more
  planned_ = list.size_bytes() > 0;
  large_ = list.size_bytes() >= kLargeBytes;
  if (!planned_) return;
  sent_ns_ = ws_.shard().now_ns();
  connection_.send(list.slices(), list.size_bytes());
}

// False: reading has failed, and the close frame is queued.
bool WsConnection::fill(SendList& list) {
  using Status = WsEndpoint::Plan::Status;
  WsEndpoint::Plan plan;
  planned_ = true;
  if (closing_ < Closing::kSent) plan = endpoint_->begin(list);
  if (plan.status == Status::kOk && closing_ != Closing::kSent) {
    add_control(list);
    if (closing_ < Closing::kQueued) plan = endpoint_->collect(list);
  }
  if (plan.status != Status::kFailed) return true;
  drop_plan();
  if (closing_ >= Closing::kQueued) {
    // The close frame can never go out: a frame is cut whose rest is lost.
    connection_.close();
    return true;
  }
  close(plan.close_code, plan.reason);
  return false;
}

// Copies, because the endpoint may add to control_ before the kernel has read it.
void WsConnection::add_control(SendList& list) {
  for (Bytes rest = as_bytes(control_); !rest.empty();) {
    const auto copy = ws_.shard().arena().take<std::uint8_t>(
        std::min(rest.size(), runtime::TurnArena::kBlockBytes));
    std::ranges::copy(rest.first(copy.size()), copy.begin());
    if (!list.add(copy)) return;
    sending_control_ += static_cast<std::uint32_t>(copy.size());
    rest = rest.subspan(copy.size());
  }
}

void WsConnection::drop_plan() {
  if (!std::exchange(planned_, false)) return;
  sending_control_ = 0;
  endpoint_->sent(0, 0);
}

void WsConnection::on_sent(std::size_t bytes) {
  planned_ = false;
  if (closing_ == Closing::kNo && write_due_ns() < std::min(silence_due_ns_, endpoint_due_ns_)) {
    connection_.arm_timer_at(write_due_ns());  // it may have to wait for room from now on
  }
  const std::size_t of_begin = std::min(bytes, endpoint_->begun_bytes());
  const std::size_t of_control = std::min<std::size_t>(bytes - of_begin, sending_control_);
  const std::size_t of_collect = bytes - of_begin - of_control;
  ws_.counters().bytes_pushed.add(of_begin + of_collect);
  endpoint_->sent(of_begin, of_collect);
  control_.erase(0, of_control);
  sending_control_ = 0;
  if (control_.empty() && control_.capacity() > kKeptControlBytes) control_ = std::string();
  if (control_.empty() && closing_ == Closing::kQueued) close_sent();
  if (closing_ == Closing::kReplying && !endpoint_->answering()) queue_close();
  if (!control_.empty()) {
    connection_.flush_soon();
  } else if (held_ || endpoint_->more()) {
    const bool caught_up = !held_ && !large_ && !endpoint_->taking();
    connection_.flush_soon(caught_up ? runtime::Urgency::kFanOut : runtime::Urgency::kBehind);
  }
}

void WsConnection::on_writable() {
  heard_ns_ = ws_.shard().now_ns();
  connection_.flush_soon(large_ ? runtime::Urgency::kBehind : runtime::Urgency::kFanOut);
}

// ---- Time --------------------------------------------------------------------------------------

void WsConnection::call_at(std::uint64_t at_ns) {
  if (at_ns >= endpoint_due_ns_) return;
  endpoint_due_ns_ = at_ns;
  if (closing_ == Closing::kNo && at_ns < silence_due_ns_) arm_timer();
}

void WsConnection::arm_timer() {
  const std::uint64_t write_due =
      connection_.socket().waiting_writable() ? write_due_ns() : WsEndpoint::kNever;
  connection_.arm_timer_at(
      std::min({silence_due_ns_, endpoint_due_ns_, half_message_due_ns(), write_due}));
}

void WsConnection::on_timer() {
  if (closing_ != Closing::kNo) return connection_.close();
  const std::uint64_t now_ns = ws_.shard().now_ns();
  if (now_ns >= endpoint_due_ns_) endpoint_due_ns_ = endpoint_->on_time(now_ns);
  if (!closing()) check_limits(now_ns);
  if (!closing()) check_silence(now_ns);
  if (!closing()) arm_timer();
}

std::uint64_t WsConnection::half_message_due_ns() const {
  if (half_since_ns_ == 0) return WsEndpoint::kNever;
  return half_since_ns_ + ws_.settings().message_timeout_ms * kNsPerMs;
}

std::uint64_t WsConnection::write_due_ns() const {
  return sent_ns_ + ws_.settings().write_timeout_ms * kNsPerMs;
}

void WsConnection::check_limits(std::uint64_t now_ns) {
  if (connection_.socket().waiting_writable() && now_ns >= write_due_ns()) {
    ws_.counters().write_timeouts.add();
    return abort();
  }
  if (now_ns < half_message_due_ns()) return;
  ws_.counters().message_timeouts.add();
  refuse_half_message(code::kTooLate, "the message did not arrive in time");
}

void WsConnection::check_silence(std::uint64_t now_ns) {
  const WsSettings& settings = ws_.settings();
  const runtime::Socket& socket = connection_.socket();
  if (!socket.reading() && !socket.waiting_writable()) heard_ns_ = now_ns;
  const std::uint64_t ping_ns = heard_ns_ + settings.ping_after_ms * kNsPerMs;
  if (now_ns < ping_ns) {
    pinged_ = false;
    silence_due_ns_ = ping_ns;
    return;
  }
  if (pinged_ && now_ns < silence_due_ns_) return;
  if (pinged_) return close(code::kNoPong, "no pong");
  pinged_ = true;
  append_control(ws::encode_ping({}).bytes());
  ws_.counters().pings_sent.add();
  connection_.flush_soon();
  silence_due_ns_ = now_ns + settings.pong_within_ms * kNsPerMs;
}

}  // namespace duolog::session

#include "engine/session/ws_connection.h"

#include <algorithm>
#include <vector>

#include <sys/socket.h>

#include "engine/session/http_connection.h"
#include "engine/session/http_door.h"
#include "net/ws/frame.h"

namespace duolog::session {
namespace {

namespace code = ws::close_code;

constexpr std::uint64_t kNsPerMs = 1'000'000;

}  // namespace

WsConnection::WsConnection(HttpDoor& door, HttpConnection& connection, const FeedSource& source,
                           const ws::FeedTarget& target)
    : door_(door),
      connection_(connection),
      topic_(source.topic),
      parser_({.role = ws::Role::kServer, .max_message_bytes = door.settings().max_message_bytes}),
      subscription_(door, source.read, target, on_ready, this),
      publisher_(door, *source.write, target.key, on_acked, this),
      partitions_(source.whole_topic ? source.read.size() : 0),
      heard_ns_(door.shard().now_ns()) {
  door_.counters().feeds_open.add();
  connection_.arm_timer(door_.settings().ping_after_ms);
}

WsConnection::~WsConnection() {
  auto& open = door_.counters().feeds_open;
  open.set(open.get() - 1);
  door_.counters().closes.of(closing_ >= Closing::kQueued ? close_code_ : 1006).add();
}

// ---- Receiving ---------------------------------------------------------------------------------

void WsConnection::on_data(MutableBytes bytes) {
  heard_ns_ = door_.shard().now_ns();
  pinged_ns_ = 0;
  for (ws::FrameEvent event = parser_.next(bytes); event.kind != ws::FrameEvent::Kind::kNeedMore;
       event = parser_.next(bytes)) {
    handle(event);
  }
}

void WsConnection::handle(const ws::FrameEvent& event) {
  switch (event.kind) {
    case ws::FrameEvent::Kind::kNeedMore:
    case ws::FrameEvent::Kind::kPong:
      break;
    case ws::FrameEvent::Kind::kMessage:
      if (closing_ == Closing::kNo) publish(event.payload);
      break;
    case ws::FrameEvent::Kind::kPing:
      if (closing_ == Closing::kNo) answer_ping(event.payload);
      break;
    case ws::FrameEvent::Kind::kClose:
      peer_closes(event.close_code);
      break;
    case ws::FrameEvent::Kind::kError:
      close(event.close_code, event.error);
      break;
  }
}

void WsConnection::publish(Bytes value) {
  if (broker::is_internal_topic(topic_->name)) {
    return close(code::kPolicyViolation, "an internal topic is only read");
  }
  if (topic_->config->cleanup_compact && !publisher_.has_key()) {
    return close(code::kPolicyViolation, "a compacted topic needs a key");
  }
  if (!publisher_.add(value)) return close(code::kTooLarge, "larger than max.message.bytes");
  connection_.flush_soon();
  if (publisher_.unacked_bytes() > door_.settings().max_unacked_bytes &&
      connection_.socket().reading()) {
    door_.counters().publish_pauses.add();
    connection_.socket().pause_reading();
  }
}

void WsConnection::answer_ping(Bytes payload) {
  const ws::ControlFrame pong = ws::encode_pong(payload);
  connection_.flush_soon();
  if (control_.size() + pong.size <= kMaxControlBytes) {
    door_.counters().pongs_sent.add();
    return append_control(pong.bytes());
  }
  if (!late_pong_.empty()) door_.counters().pongs_dropped.add();
  late_pong_ = as_text(pong.bytes());
}

void WsConnection::on_acked(void* context, kafka::ErrorCode error) {
  auto& self = *static_cast<WsConnection*>(context);
  switch (error) {
    case kafka::ErrorCode::kNone:
      break;
    case kafka::ErrorCode::kMessageTooLarge:
    case kafka::ErrorCode::kRecordListTooLarge:
      self.close(code::kTooLarge, "larger than max.message.bytes");
      break;
    case kafka::ErrorCode::kUnknownTopicOrPartition:
      self.close(code::kTopicGone, "topic deleted");
      break;
    default:
      self.close(code::kUnavailable, "cannot write now");
      break;
  }
  self.resume_if_acked();
  if (self.closing_ == Closing::kReplying && !self.publisher_.busy()) self.queue_close();
  self.connection_.release_if_done();  // this object may be gone now
}

void WsConnection::resume_if_acked() {
  runtime::Socket& socket = connection_.socket();
  if (socket.closing() || socket.reading() ||
      publisher_.unacked_bytes() > door_.settings().max_unacked_bytes / 2) {
    return;
  }
  heard_ns_ = door_.shard().now_ns();
  socket.resume_reading();
}

void WsConnection::on_eof() { connection_.close(); }

// ---- Closing -----------------------------------------------------------------------------------

void WsConnection::peer_closes(std::uint16_t its_code) {
  peer_closed_ = true;
  if (closing_ == Closing::kSent) return connection_.close();
  if (closing_ != Closing::kNo) return;
  closing_ = Closing::kReplying;
  close_code_ = its_code;
  connection_.arm_timer(door_.settings().close_timeout_ms);
  if (!publisher_.busy()) queue_close();
}

void WsConnection::close(std::uint16_t the_code, std::string_view reason) {
  if (closing_ >= Closing::kQueued || connection_.socket().closing()) return;
  close_code_ = the_code;
  close_reason_ = reason;
  connection_.arm_timer(door_.settings().close_timeout_ms);
  queue_close();
}

void WsConnection::queue_close() {
  closing_ = Closing::kQueued;
  if (!late_pong_.empty()) {
    control_.append(late_pong_);
    late_pong_.clear();
  }
  append_control(ws::encode_close(close_code_, close_reason_).bytes());
  connection_.flush_soon();
}

// The peer may still be sending: closing at once would reset the connection, and could take the
// close frame back from it.
void WsConnection::close_sent() {
  closing_ = Closing::kSent;
  if (peer_closed_) return connection_.close();
  if (parser_.finished()) ::shutdown(connection_.socket().descriptor(), SHUT_WR);
  connection_.socket().resume_reading();
}

void WsConnection::topic_grown(const broker::Topic& topic) {
  if (topic_ != &topic || partitions_ == 0) return;
  std::vector<broker::Partition*> added;
  for (; partitions_ < topic.partitions.size(); ++partitions_) {
    added.push_back(topic.partitions[partitions_]);
  }
  if (added.empty()) return;
  subscription_.read_too(added);
  connection_.flush_soon();
}

void WsConnection::topic_gone(const broker::Topic& topic) {
  if (topic_ != &topic) return;
  topic_ = nullptr;
  publisher_.topic_gone();
  runtime::Socket& socket = connection_.socket();
  if (socket.closing()) return subscription_.stop();
  if (socket.sending()) {
    // How much of which frame the peer has is not known, and will not be.
    subscription_.stop();
    return connection_.close();
  }
  // A frame that the peer has half of is completed from here.
  FeedSendList& list = door_.send_list();
  list.begin(door_.settings().max_unsent_bytes);
  const bool whole = subscription_.begin(list) == FeedSubscription::Status::kOk;
  std::string rest;
  for (const iovec& slice : list.slices()) {
    rest.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  }
  subscription_.stop();
  if (!whole) return connection_.close();
  control_.insert(0, rest);
  close(code::kTopicGone, "topic deleted");
}

void WsConnection::drain() { close(code::kUnavailable, "draining"); }

// ---- Sending -----------------------------------------------------------------------------------

void WsConnection::append_control(Bytes frame) { control_.append(as_text(frame)); }

void WsConnection::on_ready(void* context) {
  static_cast<WsConnection*>(context)->connection_.flush_soon();
}

void WsConnection::flush() {
  publisher_.submit();
  runtime::Socket& socket = connection_.socket();
  if (socket.closing() || socket.sending() || socket.waiting_writable()) return;
  FeedSendList& list = door_.send_list();
  list.begin(door_.settings().max_unsent_bytes + ws::kMaxFrameHeaderBytes);
  sending_control_ = 0;
  if (!fill(list)) return connection_.flush_soon();  // it is closing now: once more
  if (list.size_bytes() > 0) connection_.send(list.slices(), list.size_bytes());
}

// False: reading has failed, and the close frame is queued.
bool WsConnection::fill(FeedSendList& list) {
  using Status = FeedSubscription::Status;
  Status status = Status::kOk;
  const bool reads = topic_ != nullptr && closing_ < Closing::kSent;
  if (reads) status = subscription_.begin(list);
  if (status == Status::kOk && closing_ != Closing::kSent) {
    if (!control_.empty() && list.add(as_bytes(control_))) {
      sending_control_ = static_cast<std::uint32_t>(control_.size());
    }
    if (reads && closing_ < Closing::kQueued) status = subscription_.collect(list);
  }
  if (status == Status::kOk || status == Status::kBlocked) return true;
  // The plan is dropped, so that nothing of it counts as sent.
  subscription_.sent(0, 0);
  sending_control_ = 0;
  if (closing_ >= Closing::kQueued) {
    // The close frame can never go out: a frame is cut whose rest is lost.
    connection_.close();
    return true;
  }
  if (status == Status::kPositionLost) {
    close(code::kPositionLost, "offset out of range");
  } else {
    close(code::kInternalError, "a stored batch cannot be read");
  }
  return false;
}

void WsConnection::on_sent(std::size_t bytes) {
  const std::size_t begun = topic_ != nullptr ? subscription_.begun_bytes() : 0;
  const std::size_t of_begin = std::min(bytes, begun);
  const std::size_t of_control = std::min<std::size_t>(bytes - of_begin, sending_control_);
  const std::size_t of_collect = bytes - of_begin - of_control;
  door_.counters().bytes_pushed.add(of_begin + of_collect);
  if (topic_ != nullptr) subscription_.sent(of_begin, of_collect);
  control_.erase(0, of_control);
  sending_control_ = 0;
  if (control_.empty()) control_empty();
  if (!control_.empty() || (topic_ != nullptr && subscription_.more())) connection_.flush_soon();
}

void WsConnection::control_empty() {
  if (closing_ == Closing::kQueued) return close_sent();
  if (late_pong_.empty()) return;
  control_.swap(late_pong_);
  late_pong_.clear();
  door_.counters().pongs_sent.add();
}

void WsConnection::on_writable() {
  heard_ns_ = door_.shard().now_ns();
  connection_.flush_soon();
}

// ---- Time --------------------------------------------------------------------------------------

void WsConnection::on_timer() {
  if (closing_ != Closing::kNo) return connection_.close();
  check_silence();
}

void WsConnection::check_silence() {
  const HttpSettings& settings = door_.settings();
  const std::uint64_t now_ns = door_.shard().now_ns();
  if (!connection_.socket().reading()) heard_ns_ = now_ns;
  const std::uint64_t silent_ms = (now_ns - heard_ns_) / kNsPerMs;
  if (silent_ms < settings.ping_after_ms) {
    pinged_ns_ = 0;
    return connection_.arm_timer(settings.ping_after_ms - silent_ms);
  }
  if (pinged_ns_ == 0) {
    pinged_ns_ = now_ns;
    append_control(ws::encode_ping({}).bytes());
    door_.counters().pings_sent.add();
    connection_.flush_soon();
    return connection_.arm_timer(settings.pong_within_ms);
  }
  close(code::kNoPong, "no pong");
}

}  // namespace duolog::session

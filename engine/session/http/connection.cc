#include "engine/session/http/connection.h"

#include <optional>
#include <utility>

#include "engine/base/clock.h"
#include "engine/runtime/descriptors.h"
#include "engine/session/http/door.h"
#include "engine/session/http/routes.h"
#include "engine/session/transport/socket_address.h"
#include "net/http/access.h"

namespace duolog::session {
namespace {

constexpr std::string_view kMethodsOfWebSockets = "GET, OPTIONS";

}  // namespace

void HttpConnection::accept(HttpDoor& door, int descriptor) {
  new HttpConnection(door, descriptor);  // owns itself
}

HttpConnection::HttpConnection(HttpDoor& door, int descriptor)
    : door_(door),
      socket_(door.shard(), descriptor, *this),
      flush_task_([](runtime::Task&, void* self) { static_cast<HttpConnection*>(self)->flush(); },
                  this),
      timer_([](runtime::Timer&, void* self) { static_cast<HttpConnection*>(self)->on_timer(); },
             this),
      parser_(door.settings().request) {
  door_.shard().hold();
  door_.add(*this);
  arm_timer(door_.settings().request_timeout_ms);
  socket_.resume_reading();
}

HttpConnection::~HttpConnection() {
  door_.remove(*this);
  door_.shard().release();
}

runtime::Shard& HttpConnection::shard() { return door_.shard(); }

void HttpConnection::arm_timer(std::uint64_t in_ms) {
  arm_timer_at(door_.shard().now_ns() + in_ms * kNsPerMs);
}

void HttpConnection::arm_timer_at(std::uint64_t at_ns) {
  door_.shard().timers().arm(timer_, at_ns);
}

void HttpConnection::close() {
  if (socket_.closing()) return;
  door_.shard().timers().cancel(timer_);
  socket_.close();
  flush_soon();  // what was received is still published
}

void HttpConnection::release_if_done() {
  if (!closed_ || waited_for_ || flushing_ || flush_task_.queued()) return;
  if (!upgraded_ || !upgraded_->busy()) delete this;
}

void HttpConnection::on_closed() {
  closed_ = true;
  release_if_done();
}

void HttpConnection::on_error(int /*error_number*/) { close(); }

void HttpConnection::on_eof() {
  peer_done_ = true;
  if (upgraded_) return upgraded_->on_eof();
  if (stage_ == Stage::kWaiting || out_.empty()) return close();
  stage_ = Stage::kLingering;
}

// ---- Requests ----------------------------------------------------------------------------------

void HttpConnection::on_data(MutableBytes bytes) {
  switch (stage_) {
    case Stage::kRequests:
      return read_requests(bytes);
    case Stage::kWaiting:
      waiting_->held.append(as_text(bytes));
      return;
    case Stage::kUpgraded:
      return upgraded_->on_data(bytes);
    case Stage::kLingering:
      return;
  }
}

void HttpConnection::read_requests(MutableBytes bytes) {
  if (!parser_.in_request() && http::begins_tls(bytes)) return close_on_tls();
  while (stage_ == Stage::kRequests && !bytes.empty()) {
    const auto fed = parser_.feed(bytes);
    bytes = bytes.subspan(fed.consumed);
    switch (fed.status) {
      case http::RequestParser::Status::kNeedMore:
        if (!parser_.take_expect_continue()) break;
        out_.append("HTTP/1.1 100 Continue\r\n\r\n");
        flush_soon();
        break;
      case http::RequestParser::Status::kError:
        door_.counters().refused_request.add();
        send_and_close(parser_.error());
        break;
      case http::RequestParser::Status::kComplete:
        arm_timer(door_.settings().request_timeout_ms);
        door_.counters().requests.add();
        handle(parser_.take());
        break;
    }
  }
  if (stage_ == Stage::kWaiting) waiting_->held.append(as_text(bytes));
  if (stage_ == Stage::kUpgraded && !bytes.empty()) upgraded_->on_data(bytes);
  if (stage_ == Stage::kRequests && out_.size() > kMaxUnsentBytes) socket_.pause_reading();
}

// An answer would be no TLS, and clients say little of that: the line is for who configured them.
void HttpConnection::close_on_tls() {
  door_.counters().refused_request.add();
  door_.warn("http client " + peer_name_of(socket_.descriptor()) +
             ": closed: it began TLS, which this port does not speak; use http:// and ws://, or a "
             "proxy in front that ends TLS");
  close();
}

void HttpConnection::handle(const http::Request& request) {
  head_ = request.method == "HEAD";
  if (out_.size() > kMaxUnsentBytes) {
    door_.counters().refused_limit.add();
    return refuse(429, "too many answers wait to be sent");
  }
  using enum http::TargetForm;
  const HttpRoute* route = find_route(request.target.path);
  const bool options = request.method == "OPTIONS";  // says nothing that is not for everybody
  if (!options && (route == nullptr || !route->for_everybody)) {
    if (auto refusal = http::check_access(request, door_.settings().access)) {
      door_.counters().refused_access.add();
      return send_and_close(*refusal);
    }
  }
  if (route != nullptr) return respond(answer(*route, door_, request), request);
  if (request.target.form == kAsterisk) return respond(answer_options(kReadingMethods), request);
  if (request.target.form == kAuthority) return send_and_close(refuse_method(kReadingMethods));
  if (door_.upgrades().serves(request.target)) {
    if (options) return respond(answer_options(kMethodsOfWebSockets), request);
    return door_.upgrades().upgrade(*this, request);
  }
  door_.counters().refused_target.add();
  respond(http::text_response(404, "404 Not Found: there is nothing at this path\n"), request);
}

void HttpConnection::respond(http::Response response, const http::Request& request) {
  out_.append(http::serialize(response, {.head = std::exchange(head_, false),
                                         .keep_alive = request.keep_alive,
                                         .version_minor = request.version_minor}));
  if (response.close || !request.keep_alive) stage_ = Stage::kLingering;
  flush_soon();
}

void HttpConnection::refuse(int status, std::string_view message) {
  send_and_close(http::error_response(status, message));
}

void HttpConnection::send_and_close(const http::Response& response) {
  out_.append(http::serialize(response, {.head = head_, .keep_alive = false}));
  stage_ = Stage::kLingering;
  if (!socket_.reading()) socket_.resume_reading();
  flush_soon();
}

// ---- Upgrading ---------------------------------------------------------------------------------

void HttpConnection::become(std::unique_ptr<UpgradedConnection> what,
                            const http::Response& switching) {
  upgraded_ = std::move(what);
  stage_ = Stage::kUpgraded;
  door_.counters().upgrades.add();
  out_.append(http::serialize(switching));
  flush_soon();
}

void HttpConnection::begin_wait(std::string_view late) {
  waiting_ = std::make_unique<Waiting>(Waiting{.held = {}, .late = late});
  stage_ = Stage::kWaiting;
  waited_for_ = true;
  socket_.pause_reading();
}

bool HttpConnection::wait_ended() {
  waited_for_ = false;
  return stage_ == Stage::kWaiting && !socket_.closing();
}

void HttpConnection::go_on() {
  const std::unique_ptr<Waiting> waiting = std::move(waiting_);
  socket_.resume_reading();
  std::string& held = waiting->held;
  if (!upgraded_ || held.empty()) return;
  upgraded_->on_data({reinterpret_cast<std::uint8_t*>(held.data()), held.size()});
}

void HttpConnection::drain() {
  switch (stage_) {
    case Stage::kRequests:
      if (out_.empty()) return close();
      stage_ = Stage::kLingering;
      return;
    case Stage::kWaiting:
      return refuse(503, "the server is stopping");
    case Stage::kUpgraded:
      return upgraded_->drain();
    case Stage::kLingering:
      return;
  }
}

// ---- Sending -----------------------------------------------------------------------------------

void HttpConnection::send(std::span<const iovec> slices, std::size_t bytes) {
  sending_bytes_ = bytes;
  sending_out_ = false;
  socket_.send(slices);
}

void HttpConnection::flush() {
  flushing_ = true;
  if (!out_.empty() && !socket_.closing()) {
    if (!socket_.sending() && !socket_.waiting_writable()) {
      const iovec slice{out_.data(), out_.size()};
      send({&slice, 1}, out_.size());
      sending_out_ = true;
    }
  } else if (upgraded_) {
    upgraded_->flush();
  }
  flushing_ = false;
  release_if_done();
}

void HttpConnection::on_sent(std::size_t bytes) {
  const bool whole = bytes == sending_bytes_;
  if (!whole) door_.counters().short_sends.add();
  if (sending_out_) {
    out_.erase(0, bytes);
    if (out_.empty()) response_sent();
  } else {
    upgraded_->on_sent(bytes);
  }
  if (!whole && !socket_.closing()) socket_.wait_writable();
}

void HttpConnection::on_send_lost() {
  if (!sending_out_) upgraded_->on_send_lost();
}

void HttpConnection::response_sent() {
  out_.shrink_to_fit();
  if (stage_ == Stage::kUpgraded) return flush_soon();
  if (stage_ == Stage::kRequests) {
    if (!socket_.reading()) socket_.resume_reading();
    return;
  }
  if (stage_ != Stage::kLingering) return;
  if (peer_done_) return close();
  runtime::shut_down_sending(socket_.descriptor());
  arm_timer(door_.settings().linger_timeout_ms);
}

void HttpConnection::on_writable() {
  if (upgraded_) upgraded_->on_writable();
  if (!upgraded_ || !out_.empty()) flush_soon();
}

void HttpConnection::on_timer() {
  switch (stage_) {
    case Stage::kUpgraded:
      return upgraded_->on_timer();
    case Stage::kRequests:
      if (!parser_.in_request() || !out_.empty()) return close();
      door_.counters().request_timeouts.add();
      arm_timer(door_.settings().linger_timeout_ms);
      return refuse(408, "the request did not arrive in time");
    case Stage::kWaiting:
      door_.counters().request_timeouts.add();
      arm_timer(door_.settings().linger_timeout_ms);
      return refuse(503, waiting_->late);
    case Stage::kLingering:
      return close();
  }
}

}  // namespace duolog::session

#include "engine/session/http_connection.h"

#include <optional>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "engine/broker/partitioner.h"
#include "engine/session/http_door.h"
#include "net/http/access.h"

namespace duolog::session {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

}  // namespace

void HttpConnection::accept(HttpDoor& door, int descriptor) {
  new HttpConnection(door, descriptor);  // owns itself
}

HttpConnection::HttpConnection(HttpDoor& door, int descriptor)
    : door_(door),
      socket_(door.shard(), descriptor, *this),
      flush_hook_(
          [](runtime::TurnHook&, void* self) { static_cast<HttpConnection*>(self)->flush(); },
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

runtime::Shard& HttpConnection::door_shard() { return door_.shard(); }

void HttpConnection::arm_timer(std::uint64_t in_ms) {
  door_.shard().timers().arm(timer_, door_.shard().now_ns() + in_ms * kNsPerMs);
}

void HttpConnection::close() {
  if (socket_.closing()) return;
  door_.shard().timers().cancel(timer_);
  socket_.close();
  flush_soon();  // what was received in this turn is still published
}

void HttpConnection::release_if_done() {
  if (closed_ && !creating_ && !flushing_ && !(feed_ && feed_->busy())) delete this;
}

void HttpConnection::on_closed() {
  closed_ = true;
  release_if_done();
}

void HttpConnection::on_error(int /*error_number*/) { close(); }

void HttpConnection::on_eof() {
  peer_done_ = true;
  if (feed_) return feed_->on_eof();
  if (stage_ == Stage::kOpening || out_.empty()) return close();
  stage_ = Stage::kLingering;
}

// ---- Requests ----------------------------------------------------------------------------------

void HttpConnection::on_data(MutableBytes bytes) {
  switch (stage_) {
    case Stage::kRequests:
      return read_requests(bytes);
    case Stage::kOpening:
      opening_->held.append(as_text(bytes));
      return;
    case Stage::kFeed:
      return feed_->on_data(bytes);
    case Stage::kLingering:
      return;
  }
}

void HttpConnection::read_requests(MutableBytes bytes) {
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
  if (stage_ == Stage::kOpening) opening_->held.append(as_text(bytes));
  if (stage_ == Stage::kFeed && !bytes.empty()) feed_->on_data(bytes);
  if (stage_ == Stage::kRequests && out_.size() > kMaxUnsentBytes) socket_.pause_reading();
}

void HttpConnection::handle(const http::Request& request) {
  if (request.target.path == "/healthz") return answer_health(request);
  if (auto refusal = http::check_access(request, door_.settings().access)) {
    door_.counters().refused_access.add();
    return send_and_close(*refusal);
  }
  if (ws::is_feed_path(request.target)) return upgrade(request);
  door_.counters().refused_target.add();
  respond(http::text_response(404, "404 Not Found: there is nothing at this path\n"), request);
}

void HttpConnection::answer_health(const http::Request& request) {
  if (request.method == "GET" || request.method == "HEAD") {
    return respond(http::text_response(200, "ok"), request);
  }
  http::Response response = http::text_response(405, "405 Method Not Allowed: use GET\n");
  response.fields.push_back({"Allow", "GET, HEAD"});
  respond(std::move(response), request);
}

void HttpConnection::respond(http::Response response, const http::Request& request) {
  out_.append(http::serialize(response, {.head = request.method == "HEAD",
                                         .keep_alive = request.keep_alive,
                                         .version_minor = request.version_minor}));
  if (response.close || !request.keep_alive) stage_ = Stage::kLingering;
  flush_soon();
}

void HttpConnection::refuse(int status, std::string_view message) {
  send_and_close(http::error_response(status, message));
}

void HttpConnection::send_and_close(const http::Response& response) {
  out_.append(http::serialize(response, {.keep_alive = false}));
  stage_ = Stage::kLingering;
  if (!socket_.reading()) socket_.resume_reading();
  flush_soon();
}

// ---- The upgrade -------------------------------------------------------------------------------

void HttpConnection::upgrade(const http::Request& request) {
  auto checked = ws::check_upgrade(request, {});
  if (!checked) {
    door_.counters().refused_handshake.add();
    return send_and_close(checked.error());
  }
  auto target = ws::parse_feed_target(request.target);
  if (!target) {
    door_.counters().refused_target.add();
    return refuse(400, target.error().message);
  }
  if (broker::Topic* topic = door_.broker().find(target->topic)) {
    return open_feed(*topic, *target, *checked);
  }
  const broker::Resource cluster{.type = broker::ResourceType::kCluster, .name = {}};
  if (!door_.broker().options().auto_create_topics ||
      !broker::authorize({}, broker::Operation::kCreate, cluster)) {
    door_.counters().refused_target.add();
    return refuse(404, "no topic '" + target->topic + "'");
  }
  create_topic(std::move(*target), std::move(*checked));
}

void HttpConnection::create_topic(ws::FeedTarget target, ws::Upgrade upgrade) {
  broker::NewTopic topic{.name = target.topic};
  opening_ = std::make_unique<Opening>(
      Opening{.target = std::move(target), .upgrade = std::move(upgrade), .held = {}});
  stage_ = Stage::kOpening;
  creating_ = true;
  socket_.pause_reading();
  door_.broker().create_topic(std::move(topic), [this](broker::TopicOutcome outcome) {
    creating_ = false;
    if (stage_ == Stage::kOpening && !socket_.closing()) {
      topic_created(outcome.error, outcome.message);
    }
    release_if_done();
  });
}

void HttpConnection::topic_created(kafka::ErrorCode error, const std::string& message) {
  const std::unique_ptr<Opening> opening = std::move(opening_);
  broker::Topic* topic = door_.broker().find(opening->target.topic);
  if (topic == nullptr) {
    door_.counters().refused_target.add();
    const bool invalid = error == kafka::ErrorCode::kInvalidTopicException;
    return refuse(invalid ? 400 : 503, "cannot create the topic: " + message);
  }
  open_feed(*topic, opening->target, opening->upgrade);
  socket_.resume_reading();
  if (feed_ && !opening->held.empty()) {
    auto* held = reinterpret_cast<std::uint8_t*>(opening->held.data());
    feed_->on_data({held, opening->held.size()});
  }
}

void HttpConnection::open_feed(broker::Topic& topic, const ws::FeedTarget& target,
                               const ws::Upgrade& upgrade) {
  HttpCounters& counters = door_.counters();
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  std::vector<broker::Partition*> read;
  if (target.partition) {
    if (broker::Partition* only = topic.partition(*target.partition)) read.push_back(only);
  } else {
    for (broker::Partition* partition : topic.partitions) read.push_back(partition);
  }
  if (read.empty()) {
    counters.refused_target.add();
    return refuse(404, "topic '" + topic.name + "' has " + std::to_string(count) +
                           " partitions, counted from 0");
  }
  if (target.from == ws::FeedTarget::From::kOffset && read.size() > 1) {
    counters.refused_target.add();
    return refuse(
        400, "from: an offset needs a partition, because the topic has " + std::to_string(count));
  }
  const broker::Resource resource{.type = broker::ResourceType::kTopic, .name = topic.name};
  if (!broker::authorize({}, broker::Operation::kRead, resource) ||
      !broker::authorize({}, broker::Operation::kWrite, resource)) {
    counters.refused_access.add();
    return refuse(403, "not allowed to read and write topic '" + topic.name + "'");
  }
  if (counters.feeds_open.get() >= door_.settings().max_feeds) {
    counters.refused_limit.add();
    return refuse(503, "too many feeds are open");
  }
  broker::Partition* write = read.front();
  if (!target.partition) {
    const PartitionId chosen = target.key ? broker::partition_for_key(as_bytes(*target.key), count)
                                          : PartitionId(door_.next_partition(count));
    write = topic.partition(chosen);
  }
  const int low_water = door_.settings().not_sent_low_water_bytes;
  setsockopt(socket_.descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low_water, sizeof low_water);
  // Where `latest` is, is decided in here: before the client can know that it is connected.
  feed_ = std::make_unique<WsConnection>(
      door_, *this,
      FeedSource{
          .topic = &topic, .read = read, .write = write, .whole_topic = !target.partition},
      target);
  stage_ = Stage::kFeed;
  counters.upgrades.add();
  out_.append(http::serialize(ws::upgrade_response(upgrade)));
  flush_soon();
}

void HttpConnection::topic_grown(const broker::Topic& topic) {
  if (feed_) feed_->topic_grown(topic);
}

void HttpConnection::topic_gone(const broker::Topic& topic) {
  if (feed_) feed_->topic_gone(topic);
}

void HttpConnection::drain() {
  switch (stage_) {
    case Stage::kRequests:
      if (out_.empty()) return close();
      stage_ = Stage::kLingering;
      return;
    case Stage::kOpening:
      return refuse(503, "the server is stopping");
    case Stage::kFeed:
      return feed_->drain();
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
  } else if (feed_) {
    feed_->flush();
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
    feed_->on_sent(bytes);
  }
  if (!whole && !socket_.closing()) socket_.wait_writable();
}

void HttpConnection::response_sent() {
  out_.shrink_to_fit();
  if (stage_ == Stage::kFeed) return flush_soon();
  if (stage_ == Stage::kRequests) {
    if (!socket_.reading()) socket_.resume_reading();
    return;
  }
  if (stage_ != Stage::kLingering) return;
  if (peer_done_) return close();
  ::shutdown(socket_.descriptor(), SHUT_WR);
  arm_timer(door_.settings().linger_timeout_ms);
}

void HttpConnection::on_writable() {
  if (feed_) feed_->on_writable();
  flush_soon();
}

void HttpConnection::on_timer() {
  switch (stage_) {
    case Stage::kFeed:
      return feed_->on_timer();
    case Stage::kRequests:
      if (!parser_.in_request() || !out_.empty()) return close();
      door_.counters().request_timeouts.add();
      arm_timer(door_.settings().linger_timeout_ms);
      return refuse(408, "the request did not arrive in time");
    case Stage::kOpening:
      door_.counters().request_timeouts.add();
      arm_timer(door_.settings().linger_timeout_ms);
      return refuse(503, "the topic is still being created");
    case Stage::kLingering:
      return close();
  }
}

}  // namespace duolog::session

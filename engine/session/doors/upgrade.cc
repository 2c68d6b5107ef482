// HttpConnection's upgrade to WebSocket: which endpoint a path names, and what it needs first.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "engine/broker/partitioner.h"
#include "engine/session/feed/endpoint.h"
#include "engine/session/http/connection.h"
#include "engine/session/http/door.h"
#include "engine/session/push/endpoint.h"
#include "engine/session/websocket/echo_endpoint.h"

namespace duolog::session {
namespace {

constexpr std::string_view kPushPath = "/v1/ws";
constexpr std::array kPushSubprotocols = {PushEndpoint::kSubprotocol};
constexpr std::string_view kEchoPath = "/v1/echo";

}  // namespace

bool HttpConnection::is_websocket_path(const http::Target& target) const {
  return target.path == kPushPath || ws::is_feed_path(target) ||
         (door_.settings().echo && target.path == kEchoPath);
}

void HttpConnection::upgrade(const http::Request& request) {
  const bool push = request.target.path == kPushPath;
  auto checked = ws::check_upgrade(
      request, push ? std::span(kPushSubprotocols) : std::span<const std::string_view>());
  if (!checked) {
    door_.counters().refused_handshake.add();
    return send_and_close(checked.error());
  }
  if (push) return upgrade_push(request, *checked);
  if (request.target.path == kEchoPath) return upgrade_echo(request, *checked);
  upgrade_feed(request, std::move(*checked));
}

void HttpConnection::upgrade_push(const http::Request& request, const ws::Upgrade& upgrade) {
  if (!admit_websocket()) return;
  WsConnection& connection = begin_websocket(
      upgrade, {.accept_binary = false, .max_message_bytes = door_.settings().max_message_bytes},
      agree_on_feed_deflate(request));
  connection.serve(std::make_unique<PushEndpoint>(connection));
}

bool HttpConnection::admit_websocket() {
  HttpCounters& counters = door_.counters();
  if (counters.websockets_open.get() < door_.settings().max_websockets) return true;
  counters.refused_limit.add();
  refuse(503, "too many WebSocket connections are open");
  return false;
}

// What the client offers; without contexts when too many connections keep one.
std::optional<ws::DeflateAgreement> HttpConnection::agree_on_deflate(const http::Request& request) {
  HttpCounters& counters = door_.counters();
  const bool full = counters.deflate_contexts.get() >= door_.settings().max_deflate_contexts;
  auto agreement = ws::negotiate_deflate(
      http::list_elements(request, "Sec-WebSocket-Extensions"),
      {.server_no_context_takeover = full, .client_no_context_takeover = full});
  if (agreement && full) counters.deflate_contexts_refused.add();
  return agreement;
}

// What is pushed is compressed once for all: so without a context, and with the whole window.
std::optional<ws::DeflateAgreement> HttpConnection::agree_on_feed_deflate(
    const http::Request& request) {
  if (!door_.settings().compress_feeds) return std::nullopt;
  constexpr ws::DeflateParameters kOurs = EncodeScratch::kAgreement;
  auto agreement =
      ws::negotiate_deflate(http::list_elements(request, "Sec-WebSocket-Extensions"),
                            {.server_no_context_takeover = kOurs.server_no_context_takeover,
                             .client_no_context_takeover = kOurs.client_no_context_takeover});
  const bool whole_window =
      agreement && agreement->parameters.server_max_window_bits == kOurs.server_max_window_bits;
  return whole_window ? agreement : std::nullopt;
}

WsConnection& HttpConnection::begin_websocket(ws::Upgrade upgrade, ws::FrameParserConfig frames,
                                              const std::optional<ws::DeflateAgreement>& deflate) {
  std::optional<ws::DeflateParameters> parameters;
  if (deflate) {
    upgrade.extensions = deflate->response;
    frames.rsv1_negotiated = true;
    parameters = deflate->parameters;
  }
  const int low_water = door_.settings().not_sent_low_water_bytes;
  setsockopt(socket_.descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low_water, sizeof low_water);
  ws_ = std::make_unique<WsConnection>(door_, *this, frames, parameters);
  stage_ = Stage::kWebSocket;
  door_.counters().upgrades.add();
  out_.append(http::serialize(ws::upgrade_response(upgrade)));
  flush_soon();
  return *ws_;
}

// ---- The echo ----------------------------------------------------------------------------------

void HttpConnection::upgrade_echo(const http::Request& request, const ws::Upgrade& upgrade) {
  if (!admit_websocket()) return;
  WsConnection& connection = begin_websocket(
      upgrade, {.max_message_bytes = EchoEndpoint::kMaxMessageBytes}, agree_on_deflate(request));
  connection.serve(std::make_unique<EchoEndpoint>(connection));
}

// ---- The plain feed ----------------------------------------------------------------------------

void HttpConnection::upgrade_feed(const http::Request& request, ws::Upgrade upgrade) {
  auto target = ws::parse_feed_target(request.target);
  if (!target) {
    door_.counters().refused_target.add();
    return refuse(400, target.error().message);
  }
  FeedRequest feed{std::move(*target), std::move(upgrade), agree_on_feed_deflate(request)};
  const std::string& name = feed.target.topic;
  if (broker::Topic* topic = door_.broker().find(name)) return open_feed(*topic, feed);
  const broker::Resource cluster{.type = broker::ResourceType::kCluster, .name = {}};
  if (!door_.broker().options().auto_create_topics ||
      !broker::authorize({}, broker::Operation::kCreate, cluster)) {
    door_.counters().refused_target.add();
    return refuse(404, "no topic '" + name + "'");
  }
  create_topic(std::move(feed));
}

void HttpConnection::create_topic(FeedRequest feed) {
  broker::NewTopic topic{.name = feed.target.topic};
  opening_ = std::make_unique<Opening>(Opening{.feed = std::move(feed), .held = {}});
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
  broker::Topic* topic = door_.broker().find(opening->feed.target.topic);
  if (topic == nullptr) {
    door_.counters().refused_target.add();
    const bool invalid = error == kafka::ErrorCode::kInvalidTopicException;
    return refuse(invalid ? 400 : 503, "cannot create the topic: " + message);
  }
  open_feed(*topic, opening->feed);
  socket_.resume_reading();
  if (ws_ && !opening->held.empty()) {
    auto* held = reinterpret_cast<std::uint8_t*>(opening->held.data());
    ws_->on_data({held, opening->held.size()});
  }
}

void HttpConnection::open_feed(broker::Topic& topic, const FeedRequest& feed) {
  const ws::FeedTarget& target = feed.target;
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
  if (!admit_websocket()) return;
  broker::Partition* write = read.front();
  if (!target.partition) {
    const PartitionId chosen = target.key ? broker::partition_for_key(as_bytes(*target.key), count)
                                          : PartitionId(door_.next_partition(count));
    write = topic.partition(chosen);
  }
  WsConnection& connection = begin_websocket(
      feed.upgrade, {.max_message_bytes = door_.settings().max_message_bytes}, feed.deflate);
  // Where `latest` is, is decided in here: before the client can know that it is connected.
  connection.serve(std::make_unique<FeedEndpoint>(
      connection,
      FeedSource{.topic = &topic, .read = read, .write = write, .whole_topic = !target.partition},
      target));
}

}  // namespace duolog::session

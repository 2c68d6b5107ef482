#include "engine/session/doors/web_socket_upgrades.h"

#include <array>
#include <memory>
#include <span>
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
#include "engine/session/transport/socket_address.h"
#include "engine/session/websocket/echo_endpoint.h"

namespace duolog::session {
namespace {

constexpr std::string_view kPushPath = "/v1/ws";
constexpr std::array kPushSubprotocols = {PushEndpoint::kSubprotocol};
constexpr std::string_view kEchoPath = "/v1/echo";

}  // namespace

bool WebSocketUpgrades::serves(const http::Target& target) const {
  return target.path == kPushPath || ws::is_feed_path(target) ||
         (ws_.settings().echo && target.path == kEchoPath);
}

void WebSocketUpgrades::upgrade(HttpConnection& connection, const http::Request& request) {
  const bool push = request.target.path == kPushPath;
  auto checked = ws::check_upgrade(
      request, push ? std::span(kPushSubprotocols) : std::span<const std::string_view>());
  if (!checked) {
    connection.door().counters().refused_handshake.add();
    return connection.send_and_close(checked.error());
  }
  if (push) return upgrade_push(connection, request, *checked);
  if (request.target.path == kEchoPath) return upgrade_echo(connection, request, *checked);
  upgrade_feed(connection, request, std::move(*checked));
}

bool WebSocketUpgrades::admit(HttpConnection& connection) {
  if (ws_.counters().websockets_open.get() < ws_.settings().max_websockets) return true;
  connection.door().counters().refused_limit.add();
  connection.refuse(503, "too many WebSocket connections are open");
  return false;
}

WsConnection& WebSocketUpgrades::begin(HttpConnection& connection, ws::Upgrade upgrade,
                                       ws::FrameParserConfig frames,
                                       const std::optional<ws::DeflateAgreement>& deflate) {
  std::optional<ws::DeflateParameters> parameters;
  if (deflate) {
    upgrade.extensions = deflate->response;
    frames.rsv1_negotiated = true;
    parameters = deflate->parameters;
  }
  const int low_water = ws_.settings().not_sent_low_water_bytes;
  setsockopt(connection.socket().descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low_water,
             sizeof low_water);
  auto websocket = std::make_unique<WsConnection>(ws_, connection, frames, parameters);
  WsConnection& begun = *websocket;
  connection.become(std::move(websocket), ws::upgrade_response(upgrade));
  return begun;
}

// What the client offers; without contexts when too many connections keep one.
std::optional<ws::DeflateAgreement> WebSocketUpgrades::agree_on_deflate(
    const http::Request& request) {
  WsCounters& counters = ws_.counters();
  const bool full = counters.deflate_contexts.get() >= ws_.settings().max_deflate_contexts;
  auto agreement = ws::negotiate_deflate(
      http::list_elements(request, "Sec-WebSocket-Extensions"),
      {.server_no_context_takeover = full, .client_no_context_takeover = full});
  if (agreement && full) counters.deflate_contexts_refused.add();
  return agreement;
}

// What is pushed is compressed once for all: so without a context, and with the whole window.
std::optional<ws::DeflateAgreement> WebSocketUpgrades::agree_on_live_deflate(
    const http::Request& request) const {
  if (!live_.settings().compress) return std::nullopt;
  constexpr ws::DeflateParameters kOurs = EncodeScratch::kAgreement;
  auto agreement =
      ws::negotiate_deflate(http::list_elements(request, "Sec-WebSocket-Extensions"),
                            {.server_no_context_takeover = kOurs.server_no_context_takeover,
                             .client_no_context_takeover = kOurs.client_no_context_takeover});
  const bool whole_window =
      agreement && agreement->parameters.server_max_window_bits == kOurs.server_max_window_bits;
  return whole_window ? agreement : std::nullopt;
}

// ---- The push protocol, and the echo -----------------------------------------------------------

void WebSocketUpgrades::upgrade_push(HttpConnection& connection, const http::Request& request,
                                     const ws::Upgrade& upgrade) {
  if (!admit(connection)) return;
  WsConnection& websocket =
      begin(connection, upgrade,
            {.accept_binary = false, .max_message_bytes = ws_.settings().max_message_bytes},
            agree_on_live_deflate(request));
  websocket.serve(std::make_unique<PushEndpoint>(pushes_, websocket));
}

void WebSocketUpgrades::upgrade_echo(HttpConnection& connection, const http::Request& request,
                                     const ws::Upgrade& upgrade) {
  if (!admit(connection)) return;
  WsConnection& websocket =
      begin(connection, upgrade, {.max_message_bytes = EchoEndpoint::kMaxMessageBytes},
            agree_on_deflate(request));
  websocket.serve(std::make_unique<EchoEndpoint>(websocket));
}

// ---- The plain feed ----------------------------------------------------------------------------

void WebSocketUpgrades::upgrade_feed(HttpConnection& connection, const http::Request& request,
                                     ws::Upgrade upgrade) {
  HttpCounters& counters = connection.door().counters();
  auto target = ws::parse_feed_target(request.target);
  if (!target) {
    counters.refused_target.add();
    return connection.refuse(400, target.error().message);
  }
  FeedRequest feed{std::move(*target), std::move(upgrade), agree_on_live_deflate(request)};
  const std::string& name = feed.target.topic;
  if (broker::Topic* topic = live_.broker().find(name)) return open_feed(connection, *topic, feed);
  if (!live_.broker().options().auto_create_topics ||
      !broker::authorize({}, broker::Operation::kCreate, broker::kClusterResource)) {
    counters.refused_target.add();
    return connection.refuse(404, "no topic '" + name + "'");
  }
  create_topic(connection, std::move(feed));
}

void WebSocketUpgrades::create_topic(HttpConnection& connection, FeedRequest feed) {
  broker::NewTopic topic{
      .name = feed.target.topic,
      .by = "WebSocket client " + peer_name_of(connection.socket().descriptor())};
  connection.begin_wait("the topic is still being created");
  live_.broker().create_topic(std::move(topic), [this, &connection, feed = std::move(feed)](
                                                    const broker::TopicOutcome& outcome) {
    if (connection.wait_ended()) {
      topic_created(connection, feed, outcome.error, outcome.message);
    }
    connection.release_if_done();
  });
}

void WebSocketUpgrades::topic_created(HttpConnection& connection, const FeedRequest& feed,
                                      kafka::ErrorCode error, const std::string& message) {
  broker::Topic* topic = live_.broker().find(feed.target.topic);
  if (topic == nullptr) {
    connection.door().counters().refused_target.add();
    const bool invalid = error == kafka::ErrorCode::kInvalidTopicException;
    return connection.refuse(invalid ? 400 : 503, "cannot create the topic: " + message);
  }
  open_feed(connection, *topic, feed);
  connection.go_on();
}

void WebSocketUpgrades::open_feed(HttpConnection& connection, broker::Topic& topic,
                                  const FeedRequest& feed) {
  const ws::FeedTarget& target = feed.target;
  HttpCounters& counters = connection.door().counters();
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  std::vector<broker::Partition*> read;
  if (target.partition) {
    if (broker::Partition* only = topic.partition(*target.partition)) read.push_back(only);
  } else {
    for (broker::Partition* partition : topic.partitions) read.push_back(partition);
  }
  if (read.empty()) {
    counters.refused_target.add();
    return connection.refuse(404, "topic '" + topic.name + "' has " + std::to_string(count) +
                                      " partitions, counted from 0");
  }
  if (target.from == ws::FeedTarget::From::kOffset && read.size() > 1) {
    counters.refused_target.add();
    return connection.refuse(
        400, "from: an offset needs a partition, because the topic has " + std::to_string(count));
  }
  const auto offline =
      std::ranges::find_if(read, [](const broker::Partition* one) { return one->offline(); });
  if (offline != read.end()) {
    counters.refused_target.add();
    return connection.refuse(503, broker::offline_text(**offline));
  }
  const broker::Resource resource{.type = broker::ResourceType::kTopic, .name = topic.name};
  if (!broker::authorize({}, broker::Operation::kRead, resource) ||
      !broker::authorize({}, broker::Operation::kWrite, resource)) {
    counters.refused_access.add();
    return connection.refuse(403, "not allowed to read and write topic '" + topic.name + "'");
  }
  if (!admit(connection)) return;
  broker::Partition* write = read.front();
  if (!target.partition) {
    const PartitionId chosen = target.key
                                   ? broker::partition_for_key(as_bytes(*target.key), count)
                                   : broker::online_partition(topic, live_.next_partition(count));
    write = topic.partition(chosen);
  }
  WsConnection& websocket =
      begin(connection, feed.upgrade, {.max_message_bytes = ws_.settings().max_message_bytes},
            feed.deflate);
  // Where `latest` is, is decided in here: before the client can know that it is connected.
  websocket.serve(std::make_unique<FeedEndpoint>(
      feeds_, websocket,
      FeedSource{.topic = &topic, .read = read, .write = write, .whole_topic = !target.partition},
      target));
}

}  // namespace duolog::session

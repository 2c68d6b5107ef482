// HttpPort: everything behind the HTTP port on one shard. The rooms do not know each other; here
// they are put together.
//
// One for each shard, made on its thread after its broker, and used there alone; it outlives the
// shard's connections (the runtime has stopped before it goes). What it is given outlives it.
//
//   start:  ports[n] = std::make_unique<HttpPort>(broker, settings, view);
//   accept: ports[here.id().value]->accept(descriptor);
//   stop:   ports[n]->drain();   // the shard turns on until every connection is closed
#pragma once

#include "engine/broker/broker.h"
#include "engine/runtime/counter_list.h"
#include "engine/session/doors/web_socket_upgrades.h"
#include "engine/session/feed/shard.h"
#include "engine/session/http/door.h"
#include "engine/session/http/server_view.h"
#include "engine/session/live/shard.h"
#include "engine/session/push/shard.h"
#include "engine/session/websocket/shard.h"

namespace duolog::session {

struct HttpPortSettings {
  HttpSettings http;
  WsSettings websocket;
  LiveSettings live;
  PushSettings push;
};

class HttpPort {
 public:
  HttpPort(broker::Broker& broker, const HttpPortSettings& settings, const ServerView& view)
      : ws_(broker.shard(), settings.websocket),
        live_(broker, ws_, settings.live),
        feeds_(live_),
        pushes_(live_, settings.push),
        upgrades_(feeds_, pushes_),
        http_(broker, settings.http, view, upgrades_) {}

  // Serves a connected socket, which is the port's from here on.
  void accept(int descriptor) { http_.accept(descriptor); }
  // Closes every connection, WebSockets with 4503 "draining"; and takes no more.
  void drain() { http_.drain(); }
  void list_counters(runtime::CounterList& list) const;

  [[nodiscard]] HttpDoor& http() { return http_; }
  [[nodiscard]] WsShard& ws() { return ws_; }
  [[nodiscard]] LiveShard& live() { return live_; }
  [[nodiscard]] FeedShard& feeds() { return feeds_; }
  [[nodiscard]] PushShard& pushes() { return pushes_; }

 private:
  WsShard ws_;
  LiveShard live_;
  FeedShard feeds_;
  PushShard pushes_;
  WebSocketUpgrades upgrades_;
  HttpDoor http_;  // the first to go: nothing of the others outlives its connections
};

}  // namespace duolog::session

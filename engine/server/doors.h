// Doors: on each shard its broker and the connections of both ports; on shard 0 the listeners.
//
// Owned by `serve`, which calls `start` and `stop` through the Runtime, on each shard's own thread.
#pragma once

#include <memory>
#include <vector>

#include "engine/broker/cluster.h"
#include "engine/groups/group_coordinators.h"
#include "engine/runtime/listener.h"
#include "engine/runtime/runtime.h"
#include "engine/server/config.h"
#include "engine/session/doors/http_port.h"
#include "engine/session/http/server_view.h"
#include "engine/session/kafka/sessions.h"

namespace duolog::server {

class Doors {
 public:
  // `shards`: how many there will be. The cluster outlives the doors.
  Doors(broker::Cluster& cluster, const Config& config, std::size_t shards);

  // On each shard, before its first turn.
  [[nodiscard]] Result<void> start(runtime::Shard& shard);
  // On each shard, when the server stops: no more connections, those that are there are drained,
  // and the logs are written out. The shard turns on until all of that is done.
  void stop(runtime::Shard& shard);
  // On the main thread, once every shard has started: begins to accept.
  void open(runtime::Runtime& runtime, runtime::ListeningSocket kafka,
            runtime::ListeningSocket http);

 private:
  // One shard's.
  struct Side {
    broker::Broker* broker = nullptr;
    groups::GroupCoordinator* groups = nullptr;
    std::unique_ptr<session::KafkaSessions> kafka;
    std::unique_ptr<session::HttpPort> http;
  };
  // Whether a connection may stay; over the limit it is closed at once, and counted.
  [[nodiscard]] bool admit(runtime::Shard& here, int descriptor);
  static void close_listener(std::unique_ptr<runtime::Listener>& listener);

  broker::Cluster& cluster_;
  HostPort kafka_address_;  // as clients are told it; port 0: the one that was free
  session::KafkaSettings kafka_settings_;
  session::HttpPortSettings http_settings_;
  std::uint64_t max_connections_per_shard_;
  groups::GroupCoordinators groups_;
  session::ServerView view_;
  std::vector<Side> sides_;
  std::unique_ptr<runtime::Listener> kafka_listener_;  // shard 0's
  std::unique_ptr<runtime::Listener> http_listener_;
};

}  // namespace duolog::server

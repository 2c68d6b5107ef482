// HttpDoor: the HTTP connections of one shard, and what they share.
//
// One for each shard, made on its thread after its broker, and used there alone; it outlives the
// shard's connections (the runtime has stopped before it goes). What it is given outlives it.
#pragma once

#include <string_view>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/runtime/log.h"
#include "engine/runtime/shard.h"
#include "engine/session/http/connection.h"
#include "engine/session/http/counters.h"
#include "engine/session/http/server_view.h"
#include "engine/session/http/settings.h"
#include "engine/session/http/upgraded.h"

namespace duolog::session {

class HttpDoor {
 public:
  // `upgrades` may still be under construction.
  HttpDoor(broker::Broker& broker, const HttpSettings& settings, const ServerView& view,
           Upgrades& upgrades)
      : broker_(broker), settings_(settings), view_(view), upgrades_(upgrades) {}
  ~HttpDoor();
  HttpDoor(const HttpDoor&) = delete;
  HttpDoor& operator=(const HttpDoor&) = delete;

  // Serves a connected socket, which is the door's from here on.
  void accept(int descriptor);
  // Closes every connection, and takes no more.
  void drain();

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }  // any thread

  // ---- For its connections, and what they become.
  [[nodiscard]] broker::Broker& broker() { return broker_; }
  [[nodiscard]] runtime::Shard& shard() { return broker_.shard(); }
  [[nodiscard]] const HttpSettings& settings() const { return settings_; }
  [[nodiscard]] const ServerView& view() const { return view_; }
  [[nodiscard]] Upgrades& upgrades() { return upgrades_; }
  [[nodiscard]] HttpCounters& counters() { return counters_; }
  // A line for the operator, unless there were many.
  void warn(std::string_view line) { log_limit_.warn(shard().now_ns(), line); }
  void add(HttpConnection& connection);
  void remove(HttpConnection& connection);

 private:
  broker::Broker& broker_;
  const HttpSettings& settings_;
  const ServerView& view_;
  Upgrades& upgrades_;
  HttpCounters counters_;
  runtime::LogLimit log_limit_;
  IntrusiveList<HttpConnection, &HttpConnection::link> connections_;
  bool draining_ = false;
};

}  // namespace duolog::session

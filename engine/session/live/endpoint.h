// LiveEndpoint: a WebSocket endpoint that reads topics or publishes to them, and so is told when
// one grows or goes.
#pragma once

#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/session/websocket/endpoint.h"

namespace duolog::session {

class LiveShard;

class LiveEndpoint : public WsEndpoint {
 public:
  explicit LiveEndpoint(LiveShard& live);

  // The topic has more partitions.
  virtual void topic_grown(const broker::Topic& topic) = 0;
  // The topic is about to be forgotten. The endpoint may close its connection, which stays.
  virtual void topic_gone(const broker::Topic& topic) = 0;

  ListHook link;  // in the LiveShard's list
};

}  // namespace duolog::session

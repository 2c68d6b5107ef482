// What an HTTP connection becomes after an upgrade (RFC 9110, 7.8), and who decides on it.
//
// The HTTP room knows no protocol that it may be upgraded to: it finds what was asked for in its
// routes, or hands the request to Upgrades. On the shard's thread. A few indirect calls a turn.
#pragma once

#include <cstddef>

#include "engine/base/bytes.h"
#include "net/http/request.h"
#include "net/http/target.h"

namespace duolog::session {

class HttpConnection;

// Owned by its HttpConnection, from the 101 on: the socket's events, its task and its
// timer are handed on.
class UpgradedConnection {
 public:
  UpgradedConnection() = default;
  virtual ~UpgradedConnection() = default;
  UpgradedConnection(const UpgradedConnection&) = delete;
  UpgradedConnection& operator=(const UpgradedConnection&) = delete;

  virtual void on_data(MutableBytes bytes) = 0;
  virtual void on_eof() = 0;
  virtual void on_sent(std::size_t bytes) = 0;  // of what flush() gave to HttpConnection::send
  virtual void on_send_lost() = 0;              // ... of which that will never be known
  virtual void on_writable() = 0;
  virtual void on_timer() = 0;
  virtual void flush() = 0;
  // The server stops.
  virtual void drain() = 0;
  // Something was started whose end will call this object: it must not be destroyed.
  [[nodiscard]] virtual bool busy() const = 0;
};

// Outlives the connections of its shard.
class Upgrades {
 public:
  Upgrades() = default;
  virtual ~Upgrades() = default;
  Upgrades(const Upgrades&) = delete;
  Upgrades& operator=(const Upgrades&) = delete;

  [[nodiscard]] virtual bool serves(const http::Target& target) const = 0;
  // The request is for what it serves, and from who may ask. Ends in HttpConnection::become, in one
  // of its refusals, or in HttpConnection::begin_wait.
  virtual void upgrade(HttpConnection& connection, const http::Request& request) = 0;
};

}  // namespace duolog::session

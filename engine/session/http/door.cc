#include "engine/session/http/door.h"

#include "engine/base/check.h"
#include "engine/runtime/descriptors.h"

namespace duolog::session {

HttpDoor::~HttpDoor() { CHECK(connections_.empty()); }

void HttpDoor::accept(int descriptor) {
  if (draining_) {
    runtime::close_descriptor(descriptor);
    return;
  }
  counters_.connections.add();
  HttpConnection::accept(*this, descriptor);
}

void HttpDoor::drain() {
  draining_ = true;
  for (HttpConnection *connection = connections_.front(), *next = nullptr; connection != nullptr;
       connection = next) {
    next = connections_.next(*connection);
    connection->drain();
  }
}

void HttpDoor::add(HttpConnection& connection) {
  connections_.push_back(connection);
  counters_.connections_open.add();
}

void HttpDoor::remove(HttpConnection& connection) {
  connection.link.unlink();
  counters_.connections_open.set(counters_.connections_open.get() - 1);
}

}  // namespace duolog::session

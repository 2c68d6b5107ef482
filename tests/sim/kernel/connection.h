// Connection: a TCP connection in memory, between a simulated client and the server.
//
// The kernel and the client's end share it. What the server's end does, it does through its
// descriptor; bytes lie in the direction they go in until the other side takes them.
#pragma once

#include <cstddef>
#include <string>

namespace duolog::sim {

struct Connection {
  std::string to_server;       // sent by the client, not yet received
  std::string to_client;       // sent by the server, not yet received
  std::size_t send_room = 0;   // bytes that may lie in `to_client`: the socket's send buffer
  bool client_ended = false;   // the client sends no more
  bool server_ended = false;   // the server sends no more
  bool reset = false;          // either side has thrown the connection away
  bool server_closed = false;  // its descriptor is closed
  bool accepted = false;

  [[nodiscard]] std::size_t room() const {
    return to_client.size() < send_room ? send_room - to_client.size() : 0;
  }
};

}  // namespace duolog::sim

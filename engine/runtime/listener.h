// Listener: accepts connections on one shard and hands them to all of them in turn.
//
// Owned by whoever opened it, on its shard's thread. One multishot accept; accepted sockets have
// TCP_NODELAY. Without a free descriptor or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) it parks,
// which is counted, and tries again when a socket of this process has closed, and after kRetryMs.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/runtime/op.h"
#include "engine/runtime/timers.h"
#include "engine/runtime/wake.h"

namespace duolog::runtime {

class Shard;
struct Message;

// A socket that listens, not yet attached to a shard.
struct ListeningSocket {
  int descriptor = -1;
  std::uint16_t port = 0;  // the real one
};

// Listens on a numeric address or a name (IPv4 or IPv6; the first address that works); port 0
// picks a free one. Blocking: start-up. kBusy when the port is in use; errors name host and port.
[[nodiscard]] Result<ListeningSocket> listen_on(const std::string& host, std::uint16_t port,
                                                int backlog = 4096);

class Listener {
 public:
  static constexpr std::uint64_t kRetryMs = 100;

  // Called on the shard that is to serve the connection, with a descriptor that is its own from
  // here on. A shard that is stopping closes it.
  using Accepted = void (*)(Shard& here, void* context, int descriptor);
  using Closed = void (*)(Listener& listener, void* context);

  // Takes over the descriptor and starts accepting. `context` must be valid on every shard for as
  // long as shards run.
  Listener(Shard& shard, ListeningSocket socket, Accepted accepted, void* context);
  // Closed before.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Stops accepting; `closed` (which may delete the listener) is called from the loop when nothing
  // is in flight. Once.
  void close(Closed closed, void* context);

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void arm();
  void park();
  void unpark();
  void hand_over(int descriptor);
  void close_if_done();
  static void on_accept(Op& op, std::int32_t result, std::uint32_t flags);
  static void on_cancel(Op& op, std::int32_t result, std::uint32_t flags);
  static void on_descriptor_free(Shard& here, WakeNode& node, void* context);
  static void on_retry(Timer& timer, void* context);

  Shard& shard_;
  Accepted accepted_;
  void* context_;
  int descriptor_;
  std::uint16_t port_;
  std::size_t next_shard_ = 0;
  bool parked_ = false;
  Closed closed_ = nullptr;
  void* closed_context_ = nullptr;
  OwnedOp<Listener> accept_{*this, on_accept};
  OwnedOp<Listener> cancel_{*this, on_cancel};
  WakeNode descriptor_free_{on_descriptor_free, this};
  Timer retry_{on_retry, this};
};

}  // namespace duolog::runtime

// Socket: one connected stream socket on a shard.
//
// Owned by the connection that uses it, on the shard's thread. Receiving is one multishot recv over
// the shard's provided buffers; sending is one SENDMSG at a time with MSG_DONTWAIT, so that the
// memory sent is read while this turn's submissions are taken and never afterwards.
//
// Callbacks come from the loop, never from within a call of this class. Each send ends in
// `on_sent` or in `on_send_lost`. After `close` none comes but the latter and `on_closed`, exactly
// once, in which the owner may delete itself.
#pragma once

#include <cstdint>
#include <span>

#include <sys/uio.h>

#include "engine/base/bytes.h"
#include "engine/runtime/buffer_ring.h"
#include "engine/runtime/op.h"

namespace duolog::runtime {

class Shard;

// One indirect call for each receive or send, not for each record.
class SocketHandler {
 public:
  // Bytes from the peer, in order. They are the handler's to change, and gone when it returns.
  virtual void on_data(MutableBytes bytes) = 0;
  // The peer will send no more. Sending to it may still work.
  virtual void on_eof() = 0;
  // Receiving, sending or waiting failed: the connection is of no further use; close it. Once.
  virtual void on_error(int error_number) = 0;
  // The send has ended: the kernel took the first `bytes` of it, perhaps none: then wait_writable.
  virtual void on_sent(std::size_t bytes) = 0;
  // The send has ended otherwise, because it failed or the socket was closed: how much of it the
  // peer has will never be known. `on_error` or `on_closed` follows.
  virtual void on_send_lost() = 0;
  // There is room to send.
  virtual void on_writable() = 0;
  // The descriptor is closed and nothing is in flight. The owner may delete the socket, and itself.
  virtual void on_closed() = 0;

 protected:
  ~SocketHandler() = default;
};

class Socket {
 public:
  // The most iovecs that one send takes (IOV_MAX); what is beyond is not sent.
  static constexpr std::size_t kMaxIovecs = 1024;

  // Takes over `descriptor`, a connected blocking stream socket. Nothing is read until
  // `resume_reading`. The handler outlives the socket.
  Socket(Shard& shard, int descriptor, SocketHandler& handler);
  // Closed before (`on_closed` has been called).
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Starts reading, or goes on. After `on_eof` and `on_error` it has no effect.
  void resume_reading();
  // Cancels the receive. What had already been received still comes, at most a turn's worth.
  void pause_reading();
  [[nodiscard]] bool reading() const { return want_reading_; }

  // Sends the iovecs' bytes, as many as the kernel takes at once; `on_sent` says how many. The
  // iovecs are copied; the bytes must stay until the end of this turn. Not while `sending`.
  void send(std::span<const iovec> data);
  [[nodiscard]] bool sending() const { return send_.in_flight; }

  // `on_writable` follows when the kernel has room. Not twice at once. How long that may take is
  // for the owner's timer to decide.
  void wait_writable();
  [[nodiscard]] bool waiting_writable() const { return writable_.in_flight; }

  // Shuts the socket down, cancels what is in flight, and closes the descriptor when nothing is.
  // Bytes that the kernel took are still delivered, unless the peer has sent what nobody has read:
  // then TCP resets the connection. A second call has no effect.
  void close();
  [[nodiscard]] bool closing() const { return closing_; }

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] Shard& shard() { return shard_; }

 private:
  void arm_receive();
  void received(std::int32_t result, std::uint32_t flags);
  void receive_ended(std::int32_t result);
  void failed(int error_number);
  void close_if_done();
  static void on_receive(Op& op, std::int32_t result, std::uint32_t flags);
  static void on_send(Op& op, std::int32_t result, std::uint32_t flags);
  static void on_poll(Op& op, std::int32_t result, std::uint32_t flags);
  static void on_cancel(Op& op, std::int32_t result, std::uint32_t flags);

  // Parked for want of a receive buffer.
  struct Parked : BufferWaiter {
    explicit Parked(Socket& socket);
    Socket& owner;
  };

  Shard& shard_;
  SocketHandler& handler_;
  int descriptor_;
  bool want_reading_ = false;
  bool end_of_input_ = false;
  bool failed_ = false;  // the handler has been told
  bool closing_ = false;
  bool closed_ = false;
  OwnedOp<Socket> receive_{*this, on_receive};
  OwnedOp<Socket> send_{*this, on_send};
  OwnedOp<Socket> writable_{*this, on_poll};
  OwnedOp<Socket> cancel_{*this, on_cancel};
  Parked parked_{*this};
};

}  // namespace duolog::runtime

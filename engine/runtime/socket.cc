#include "engine/runtime/socket.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "engine/runtime/descriptors.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/shard.h"

namespace duolog::runtime {

Socket::Parked::Parked(Socket& socket)
    : BufferWaiter([](BufferWaiter& waiter) { static_cast<Parked&>(waiter).owner.arm_receive(); }),
      owner(socket) {}

Socket::Socket(Shard& shard, int descriptor, SocketHandler& handler)
    : shard_(shard), handler_(handler), descriptor_(descriptor) {
  CHECK(descriptor >= 0);
  shard_.hold();
  shard_.counters().sockets_open.add();
}

Socket::~Socket() { CHECK(closed_); }

void Socket::resume_reading() {
  if (closing_ || end_of_input_) return;
  want_reading_ = true;
  if (!parked_.hook.linked()) arm_receive();
}

void Socket::pause_reading() {
  want_reading_ = false;
  parked_.hook.unlink();
  shard_.ring().cancel(receive_);
}

void Socket::arm_receive() {
  if (receive_.in_flight) return;  // its cancellation is under way; that ends in arming it again
  shard_.ring().start(receive_, [&](io_uring_sqe* entry) {
    io_uring_prep_recv_multishot(entry, descriptor_, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BufferRing::kGroup;
  });
}

void Socket::on_receive(Op& op, std::int32_t result, std::uint32_t flags) {
  OwnedOp<Socket>::of(op).received(result, flags);
}

void Socket::received(std::int32_t result, std::uint32_t flags) {
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    const MutableBytes bytes =
        shard_.buffers().take(flags, result > 0 ? static_cast<std::size_t>(result) : 0);
    if (!closing_ && !bytes.empty()) {
      shard_.begin_receive();
      handler_.on_data(bytes);
    }
    shard_.buffers().give_back(flags);
  }
  if (receive_.in_flight) return;
  if (closing_) {
    close_if_done();
  } else {
    receive_ended(result);
  }
}

void Socket::receive_ended(std::int32_t result) {
  if (result == 0) {
    end_of_input_ = true;
    want_reading_ = false;
    handler_.on_eof();
  } else if (result == -ENOBUFS) {
    shard_.counters().receive_buffer_parks.add();
    if (want_reading_ && !parked_.hook.linked()) shard_.buffers().park(parked_);
  } else if (result > 0 || result == -ECANCELED || result == -EINTR || result == -EAGAIN) {
    // It had to end (its queue overflowed, or it was paused): on it goes, unless it is to pause.
    if (want_reading_) arm_receive();
  } else {
    failed(-result);
  }
}

void Socket::failed(int error_number) {
  end_of_input_ = true;
  want_reading_ = false;
  if (failed_) return;
  failed_ = true;
  handler_.on_error(error_number);
}

void Socket::send(std::span<const iovec> data) {
  CHECK(!send_.in_flight && !closing_);
  const std::size_t count = std::min(data.size(), kMaxIovecs);
  const auto vectors = shard_.arena().take<iovec>(count);
  std::copy_n(data.begin(), count, vectors.begin());
  std::size_t bytes = 0;
  for (const iovec& vector : vectors) bytes += vector.iov_len;
  shard_.count_send(bytes);
  msghdr& header = shard_.arena().take<msghdr>(1).front();
  header = msghdr{};
  header.msg_iov = vectors.data();
  header.msg_iovlen = count;
  shard_.ring().start(send_, [&](io_uring_sqe* entry) {
    io_uring_prep_sendmsg(entry, descriptor_, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  });
}

void Socket::on_send(Op& op, std::int32_t result, std::uint32_t /*flags*/) {
  Socket& socket = OwnedOp<Socket>::of(op);
  if (socket.closing_) {
    socket.handler_.on_send_lost();
    return socket.close_if_done();
  }
  if (result >= 0) return socket.handler_.on_sent(static_cast<std::size_t>(result));
  if (result == -EAGAIN || result == -EINTR) return socket.handler_.on_sent(0);
  socket.handler_.on_send_lost();
  socket.failed(-result);
}

void Socket::wait_writable() {
  CHECK(!writable_.in_flight && !closing_);
  shard_.ring().start(
      writable_, [&](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, descriptor_, POLLOUT); });
}

void Socket::on_poll(Op& op, std::int32_t result, std::uint32_t /*flags*/) {
  Socket& socket = OwnedOp<Socket>::of(op);
  if (socket.closing_) return socket.close_if_done();
  // An error of the socket makes it writable; the send that follows says which.
  if (result >= 0) return socket.handler_.on_writable();
  socket.failed(-result);
}

void Socket::close() {
  if (closing_) return;
  closing_ = true;
  want_reading_ = false;
  parked_.hook.unlink();
  shut_down(descriptor_);
  shard_.ring().start(cancel_, [&](io_uring_sqe* entry) {
    io_uring_prep_cancel_fd(entry, descriptor_, IORING_ASYNC_CANCEL_ALL);
  });
}

void Socket::on_cancel(Op& op, std::int32_t /*result*/, std::uint32_t /*flags*/) {
  OwnedOp<Socket>::of(op).close_if_done();
}

void Socket::close_if_done() {
  if (receive_.in_flight || send_.in_flight || writable_.in_flight || cancel_.in_flight) return;
  CHECK(!closed_);
  closed_ = true;
  close_descriptor(descriptor_);
  auto& open = shard_.counters().sockets_open;
  open.set(open.get() - 1);
  shard_.runtime().descriptor_waiters().descriptor_closed();
  shard_.release();
  handler_.on_closed();  // this object may be gone now
}

}  // namespace duolog::runtime

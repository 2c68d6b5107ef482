#include "engine/runtime/listener.h"

#include <bit>
#include <cerrno>

#include <sys/socket.h>

#include "engine/runtime/descriptors.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/shard.h"

namespace duolog::runtime {

namespace {

// Where a connection arrives that another shard has accepted. The listener may be gone by now: all
// that counts is in the message.
void on_handed_over(Shard& here, ShardId /*from*/, const Message& message) {
  const auto accepted = std::bit_cast<Listener::Accepted>(message.a);
  accepted(here, message.object, static_cast<int>(message.c));
}

}  // namespace

Listener::Listener(Shard& shard, ListeningSocket socket, Accepted accepted, void* context)
    : shard_(shard),
      accepted_(accepted),
      context_(context),
      descriptor_(socket.descriptor),
      port_(socket.port) {
  shard_.hold();
  arm();
}

Listener::~Listener() { CHECK(descriptor_ < 0); }

void Listener::arm() {
  shard_.ring().start(accept_, [&](io_uring_sqe* entry) {
    io_uring_prep_multishot_accept(entry, descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  });
}

void Listener::on_accept(Op& op, std::int32_t result, std::uint32_t /*flags*/) {
  Listener& listener = OwnedOp<Listener>::of(op);
  const bool closing = listener.closed_ != nullptr;
  if (result >= 0 && closing) close_descriptor(result);
  if (result >= 0 && !closing) listener.hand_over(result);
  if (op.in_flight) return;
  if (listener.closed_ != nullptr) return listener.close_if_done();
  switch (-result) {
    // The connection was gone, or it is only that the accept had to be renewed; accept(2) lists
    // the errors of the network that belong to the one connection.
    case ECONNABORTED:
    case EINTR:
    case EAGAIN:
    case ECANCELED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EPERM:
      return listener.arm();
    default:
      return result >= 0 ? listener.arm() : listener.park();
  }
}

void Listener::park() {
  parked_ = true;
  shard_.counters().accept_parks.add();
  shard_.runtime().descriptor_waiters().add(shard_.id(), descriptor_free_);
  shard_.timers().arm(retry_, shard_.now_ns() + kRetryMs * 1'000'000);
}

void Listener::unpark() {
  if (!parked_) return;
  parked_ = false;
  shard_.runtime().descriptor_waiters().remove(descriptor_free_);
  shard_.timers().cancel(retry_);
  if (closed_ == nullptr) arm();
}

void Listener::on_descriptor_free(Shard& /*here*/, WakeNode& /*node*/, void* context) {
  auto& listener = *static_cast<Listener*>(context);
  listener.unpark();
  if (listener.closed_ != nullptr) listener.close_if_done();
}

void Listener::on_retry(Timer& /*timer*/, void* context) {
  static_cast<Listener*>(context)->unpark();
}

void Listener::hand_over(int descriptor) {
  shard_.counters().connections_accepted.add();
  const std::size_t shards = shard_.runtime().shard_count();
  const Message message{.fn = on_handed_over,
                        .object = context_,
                        .a = std::bit_cast<std::uint64_t>(accepted_),
                        .c = static_cast<std::uint32_t>(descriptor)};
  for (std::size_t attempt = 0; attempt < shards; ++attempt) {
    const ShardId target(static_cast<std::uint16_t>(next_shard_++ % shards));
    if (target == shard_.id()) return accepted_(shard_, context_, descriptor);
    if (shard_.mailbox().try_post(target, message)) return;
    shard_.counters().accept_hand_off_full.add();
  }
}

void Listener::close(Closed closed, void* context) {
  if (closed_ != nullptr) return;
  closed_ = closed;
  closed_context_ = context;
  unpark();
  shard_.ring().start(cancel_, [&](io_uring_sqe* entry) {
    io_uring_prep_cancel_fd(entry, descriptor_, IORING_ASYNC_CANCEL_ALL);
  });
}

void Listener::on_cancel(Op& op, std::int32_t /*result*/, std::uint32_t /*flags*/) {
  OwnedOp<Listener>::of(op).close_if_done();
}

void Listener::close_if_done() {
  if (accept_.in_flight || cancel_.in_flight || descriptor_free_.pending() || descriptor_ < 0) {
    return;
  }
  close_descriptor(descriptor_);
  descriptor_ = -1;
  shard_.release();
  closed_(*this, closed_context_);  // this object may be gone now
}

}  // namespace duolog::runtime

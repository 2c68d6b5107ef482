#include "tests/sim/kernel/ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "engine/base/check.h"
#include "tests/sim/kernel/kernel.h"

namespace duolog::sim {

SimRing::SimRing(Kernel& kernel, unsigned submissions, unsigned completions, io_uring& program)
    : kernel_(kernel), program_(program), submissions_(submissions), completions_(completions) {
  program_ = io_uring{};
  program_.features = IORING_FEAT_EXT_ARG;
  io_uring_sq& sq = program_.sq;
  sq.khead = &submission_head_;
  sq.ktail = &submission_tail_;
  sq.kflags = &submission_flags_;
  sq.sqes = submissions_.data();
  sq.ring_entries = submissions;
  sq.ring_mask = submissions - 1;
  io_uring_cq& cq = program_.cq;
  cq.khead = &completion_head_;
  cq.ktail = &completion_tail_;
  cq.cqes = completions_.data();
  cq.ring_entries = completions;
  cq.ring_mask = completions - 1;
}

SimRing::~SimRing() = default;

void SimRing::register_buffers(const io_uring_buf_reg& registration) {
  buffers_ = reinterpret_cast<io_uring_buf_ring*>(registration.ring_addr);
  buffer_count_ = registration.ring_entries;
  buffer_head_ = 0;
}

void SimRing::enter() {
  while (!overflowed_.empty() && post_to_queue(overflowed_.front())) overflowed_.pop_front();
  if (overflowed_.empty()) submission_flags_ &= ~IORING_SQ_CQ_OVERFLOW;
  const unsigned end = program_.sq.sqe_tail;
  while (submission_head_ != end) {
    const io_uring_sqe entry = submissions_[submission_head_ & program_.sq.ring_mask];
    ++submission_head_;
    take(entry);
  }
  submission_tail_ = end;
  while (at_once_ && choices() > 0) choose(0);
}

bool SimRing::awake(std::uint64_t now_ns) const {
  return !waiting_ || completion_head_ != completion_tail_ || !overflowed_.empty() ||
         now_ns >= deadline_ns_;
}

void SimRing::take(const io_uring_sqe& entry) {
  switch (entry.opcode) {
    case IORING_OP_POLL_ADD:
    case IORING_OP_ACCEPT:
    case IORING_OP_RECV:
      pending_.push_back({entry});
      return;
    case IORING_OP_SENDMSG:
      return send(entry);
    case IORING_OP_WRITEV:
    case IORING_OP_FSYNC:
      return start_disk(entry);
    case IORING_OP_ASYNC_CANCEL:
      return cancel(entry);
    default:
      CHECK(false);  // the server uses no other
  }
}

void SimRing::send(const io_uring_sqe& entry) {
  CHECK((entry.msg_flags & MSG_DONTWAIT) != 0);  // else it could read memory later
  Connection* to = kernel_.connection(entry.fd);
  CHECK(to != nullptr);
  if (to->reset || to->server_ended) return complete_later(entry.user_data, -EPIPE);
  const auto& message = *reinterpret_cast<const msghdr*>(entry.addr);
  std::string bytes;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const iovec& part = message.msg_iov[i];
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  std::size_t room = std::min(to->room(), bytes.size());
  if (room > 1 && kernel_.one_in(kernel_.settings().short_send)) room = 1 + kernel_.below(room - 1);
  if (room == 0 && !bytes.empty()) return complete_later(entry.user_data, -EAGAIN);
  to->to_client.append(bytes, 0, room);
  complete_later(entry.user_data, static_cast<std::int32_t>(room));
}

void SimRing::start_disk(const io_uring_sqe& entry) {
  DiskRequest& request = disk_.emplace_back();
  request.self = std::prev(disk_.end());
  request.ring = this;
  request.user_data = entry.user_data;
  request.file = entry.fd;
  if (entry.opcode == IORING_OP_FSYNC) {
    request.kind = storage::DiskOp::Kind::kSync;
  } else {
    const bool durable = (static_cast<unsigned>(entry.rw_flags) & RWF_DSYNC) != 0;
    request.kind = durable ? storage::DiskOp::Kind::kDurableWrite : storage::DiskOp::Kind::kWrite;
    request.offset = entry.off;
    // The kernel copies the list, not what it refers to.
    const auto* parts = reinterpret_cast<const iovec*>(entry.addr);
    request.parts.assign(parts, parts + entry.len);
    request.data = request.parts;
    for (const iovec& part : request.parts) {
      request.bytes += static_cast<std::int32_t>(part.iov_len);
    }
  }
  request.done = [](storage::DiskOp& op, Result<void> outcome) {
    auto& done = static_cast<DiskRequest&>(op);
    const auto result = [&]() -> std::int32_t {
      if (outcome) return done.bytes;
      return outcome.error().code == Errc::kNoSpace ? -ENOSPC : -EIO;
    }();
    SimRing& ring = *done.ring;
    ring.complete_later(done.user_data, result);
    ring.disk_.erase(done.self);
  };
  kernel_.disk().submit(request);
}

void SimRing::cancel(const io_uring_sqe& entry) {
  const bool by_descriptor = (entry.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0;
  const bool all = (entry.cancel_flags & IORING_ASYNC_CANCEL_ALL) != 0;
  std::int32_t found = 0;
  for (std::size_t i = 0; i < pending_.size();) {
    const io_uring_sqe& other = pending_[i].entry;
    const bool meant = by_descriptor ? other.fd == entry.fd : other.user_data == entry.addr;
    if (!meant || (found > 0 && !all)) {
      ++i;
      continue;
    }
    ++found;
    end(i, -ECANCELED);
  }
  complete_later(entry.user_data, found == 0 ? -ENOENT : all ? found : 0);
}

bool SimRing::completable(const Pending& pending) const {
  const io_uring_sqe& entry = pending.entry;
  if (entry.opcode == IORING_OP_ACCEPT) return kernel_.anyone_waits(entry.fd);
  const Connection* connection = kernel_.connection(entry.fd);
  if (connection == nullptr) return kernel_.signals(entry.fd) > pending.signals_seen;
  if (connection->reset || connection->server_ended) return true;
  if (entry.opcode == IORING_OP_POLL_ADD) return connection->room() > 0;
  return !connection->to_server.empty() || connection->client_ended;
}

std::size_t SimRing::choices() {
  completable_.clear();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (completable(pending_[i])) completable_.push_back(i);
  }
  return completed_.size() + completable_.size();
}

void SimRing::choose(std::size_t which) {
  if (which >= completed_.size()) return complete_pending(completable_[which - completed_.size()]);
  const Completion completion = completed_[which];
  completed_.erase(completed_.begin() + static_cast<std::ptrdiff_t>(which));
  post(completion);
}

void SimRing::complete_pending(std::size_t index) {
  const io_uring_sqe entry = pending_[index].entry;
  switch (entry.opcode) {
    case IORING_OP_ACCEPT:
      return accept(index);
    case IORING_OP_RECV:
      return receive(index);
    default:
      break;
  }
  // What one request completes with comes in order: all but the last is posted at once.
  const bool goes_on = entry.len == IORING_POLL_ADD_MULTI && !is_full() &&
                       !kernel_.one_in(kernel_.settings().receive_ends);
  pending_[index].signals_seen = kernel_.signals(entry.fd);
  const auto events = static_cast<std::int32_t>(entry.poll32_events & (POLLIN | POLLOUT));
  if (!goes_on) return end(index, events);
  post({entry.user_data, events, IORING_CQE_F_MORE});
}

void SimRing::accept(std::size_t index) {
  const io_uring_sqe entry = pending_[index].entry;
  if (!kernel_.has_descriptor()) return end(index, -EMFILE);
  const auto descriptor = kernel_.accept(entry.fd);
  CHECK(descriptor);
  if (is_full() || kernel_.one_in(kernel_.settings().receive_ends)) return end(index, *descriptor);
  post({entry.user_data, *descriptor, IORING_CQE_F_MORE});
}

void SimRing::receive(std::size_t index) {
  const io_uring_sqe entry = pending_[index].entry;
  Connection& from = *kernel_.connection(entry.fd);
  if (from.reset && !from.server_ended) return end(index, -ECONNRESET);
  if (from.to_server.empty() || from.server_ended) return end(index, 0);
  CHECK(buffers_ != nullptr);
  if (buffers_->tail == buffer_head_) return end(index, -ENOBUFS);
  const io_uring_buf& buffer = buffers_->bufs[buffer_head_ & (buffer_count_ - 1)];
  ++buffer_head_;
  const KernelSettings& unkind = kernel_.settings();
  std::size_t size = std::min<std::size_t>(buffer.len, from.to_server.size());
  if (kernel_.one_in(unkind.tiny_receive)) {
    size = 1;
  } else if (size > 1 && kernel_.one_in(unkind.short_receive)) {
    size = 1 + kernel_.below(size - 1);
  }
  std::memcpy(reinterpret_cast<void*>(buffer.addr), from.to_server.data(), size);
  from.to_server.erase(0, size);
  const std::uint32_t flags =
      IORING_CQE_F_BUFFER | (std::uint32_t{buffer.bid} << IORING_CQE_BUFFER_SHIFT);
  const auto result = static_cast<std::int32_t>(size);
  // Bytes stay in order: what was received is posted at once, before what is received next.
  if (is_full() || kernel_.one_in(unkind.receive_ends)) {
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
    return post({entry.user_data, result, flags});
  }
  post({entry.user_data, result, flags | IORING_CQE_F_MORE});
}

void SimRing::end(std::size_t index, std::int32_t result, std::uint32_t flags) {
  const std::uint64_t user_data = pending_[index].entry.user_data;
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  complete_later(user_data, result, flags);
}

void SimRing::post(const Completion& completion) {
  if (overflowed_.empty() && post_to_queue(completion)) return;
  overflowed_.push_back(completion);
  submission_flags_ |= IORING_SQ_CQ_OVERFLOW;
}

bool SimRing::post_to_queue(const Completion& completion) {
  if (is_full()) return false;
  io_uring_cqe& place = completions_[completion_tail_ & program_.cq.ring_mask];
  place.user_data = completion.user_data;
  place.res = completion.result;
  place.flags = completion.flags;
  ++completion_tail_;
  return true;
}

}  // namespace duolog::sim

#include "bench/push/crowd.h"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace duolog::load {
namespace {

constexpr int kLookForEndMs = 20;

}  // namespace

void Crowd::start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  for (Member& member : members_) {
    epoll_event event{};
    event.events = EPOLLIN | (to_send_.empty() ? 0U : EPOLLOUT);
    event.data.ptr = &member;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, member.subscriber.descriptor(), &event);
  }
  thread_ = std::thread(&Crowd::run, this);
}

Crowd::~Crowd() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  if (epoll_ >= 0) close(epoll_);
}

void Crowd::run() {
  std::array<epoll_event, 256> events;
  while (!stop_) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kLookForEndMs);
    for (int i = 0; i < count; ++i) {
      serve(*static_cast<Member*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }
}

void Crowd::serve(Member& member) {
  const int descriptor = member.subscriber.descriptor();
  const ssize_t got = recv(descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) received_bytes_ += static_cast<std::uint64_t>(got);
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    ++ended_;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    return;
  }
  if (to_send_.empty()) return;
  const ssize_t sent = send(descriptor, to_send_.data() + member.sent,
                            to_send_.size() - member.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) member.sent = (member.sent + static_cast<std::size_t>(sent)) % to_send_.size();
}

}  // namespace duolog::load

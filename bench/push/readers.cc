#include "bench/push/readers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"

namespace duolog::load {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10;
constexpr int kEvents = 256;
constexpr int kWaitMs = 50;

std::uint64_t cpu_ns_of(std::thread& thread) {
  clockid_t clock{};
  timespec used{};
  if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0) return 0;
  clock_gettime(clock, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

}  // namespace

Readers::Readers(std::size_t most) : buffer_(kBufferBytes), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::runtime_error(std::string("epoll_create1: ") + std::strerror(errno));
  readers_.reserve(most);
  thread_ = std::thread([this] { run(); });
}

Readers::~Readers() {
  stop_.store(true);
  thread_.join();
  close(epoll_);
}

void Readers::add(Subscriber subscriber) {
  const std::lock_guard lock(mutex_);
  readers_.push_back({.subscriber = std::move(subscriber), .stream = {}});
  Reader& reader = readers_.back();
  take(reader, reader.subscriber.take_pushed(), monotonic_ns());
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.ptr = &reader}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, reader.subscriber.descriptor(), &event) != 0) {
    throw std::runtime_error(std::string("epoll_ctl: ") + std::strerror(errno));
  }
}

void Readers::begin(std::uint64_t from_ns) {
  const std::lock_guard lock(mutex_);
  late_ns_ = {};
  from_ns_ = from_ns;
  arrived_.store(0);
  for (Reader& reader : readers_) reader.received = 0;
  began_cpu_ns_ = cpu_ns_of(thread_);
}

Readers::Measured Readers::measured() {
  const std::lock_guard lock(mutex_);
  const auto [fewest, most] = std::ranges::minmax_element(readers_, {}, &Reader::received);
  return {.late_ns = late_ns_,
          .last_ns = last_ns_,
          .fewest = fewest->received,
          .most = most->received,
          .closed = closed_,
          .cpu_s = static_cast<double>(cpu_ns_of(thread_) - began_cpu_ns_) / 1e9};
}

void Readers::run() {
  std::array<epoll_event, kEvents> events;
  while (!stop_.load()) {
    const int count = epoll_wait(epoll_, events.data(), kEvents, kWaitMs);
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; ++i) {
      read(*static_cast<Reader*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }
}

void Readers::read(Reader& reader) {
  const ssize_t got =
      recv(reader.subscriber.descriptor(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) {
    return take(reader, Bytes(buffer_).first(static_cast<std::size_t>(got)), monotonic_ns());
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  drop(reader);
}

void Readers::take(Reader& reader, Bytes bytes, std::uint64_t now_ns) {
  const auto on_stamp = [&](std::uint64_t due_ns) {
    ++reader.received;
    arrived_.fetch_add(1, std::memory_order_relaxed);
    if (due_ns < from_ns_) return;
    late_ns_.add(now_ns - due_ns);
    last_ns_ = now_ns;
  };
  const auto on_ping = [&](Bytes payload) { reader.subscriber.send_pong(payload); };
  if (reader.stream.feed(bytes, on_stamp, on_ping) == FrameStream::State::kClosed) drop(reader);
}

// It stays in its place, so that what it has received still counts.
void Readers::drop(Reader& reader) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, reader.subscriber.descriptor(), nullptr);
  ++closed_;
}

}  // namespace duolog::load

#include "tools/duolog/client/web_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "net/ws/client_handshake.h"

namespace duolog::tools {
namespace {

constexpr std::size_t kReadBytes = 64U << 10;

// RFC 6455 wants keys and masks that nobody can foresee.
template <class T>
T random_bytes() {
  T bytes{};
  CHECK(getrandom(&bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes));
  return bytes;
}

struct Deadline {
  explicit Deadline(int timeout_ms)
      : at_ns(monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000) {}
  [[nodiscard]] int left_ms() const {
    const std::uint64_t now_ns = monotonic_ns();
    return now_ns >= at_ns ? 0 : static_cast<int>((at_ns - now_ns) / 1'000'000) + 1;
  }
  std::uint64_t at_ns;
};

Result<int> connect_to(const addrinfo& where, int timeout_ms) {
  const int descriptor = socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return fail_errno(Errc::kIo, "socket", errno);
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int error = connect(descriptor, where.ai_addr, where.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waited{.fd = descriptor, .events = POLLOUT, .revents = 0};
    const int ready = poll(&waited, 1, timeout_ms);
    socklen_t size = sizeof error;
    if (ready > 0) getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    if (ready == 0) error = ETIMEDOUT;
    if (ready < 0) error = errno;
  }
  if (error == 0) return descriptor;
  ::close(descriptor);
  return fail(Errc::kIo, std::strerror(error));
}

Result<int> connect_to(const std::string& address, int timeout_ms) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return fail(Errc::kInvalid, "'" + address + "' is not of the form HOST:PORT");
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
      error != 0) {
    return fail(Errc::kIo, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, freeaddrinfo);
  Result<int> outcome = fail(Errc::kIo, "no address");
  for (const addrinfo* where = found; where != nullptr && !outcome; where = where->ai_next) {
    outcome = connect_to(*where, timeout_ms);
  }
  return outcome;
}

}  // namespace

Result<std::unique_ptr<WebSocket>> WebSocket::open(const std::string& address,
                                                   const std::string& target,
                                                   const std::string& subprotocol, int timeout_ms) {
  const Result<int> descriptor = connect_to(address, timeout_ms);
  if (!descriptor) return std::unexpected(descriptor.error());
  std::unique_ptr<WebSocket> socket(new WebSocket(*descriptor));
  if (auto upgraded = socket->upgrade(address, target, subprotocol, timeout_ms); !upgraded) {
    return std::unexpected(upgraded.error());
  }
  return socket;
}

WebSocket::~WebSocket() { ::close(descriptor_); }

Result<void> WebSocket::upgrade(const std::string& address, const std::string& target,
                                const std::string& subprotocol, int timeout_ms) {
  const ws::ClientUpgrade asked{.host = address,
                                .target = target,
                                .key = ws::make_key(random_bytes<std::array<std::uint8_t, 16>>()),
                                .subprotocol = subprotocol};
  const Deadline deadline(timeout_ms);
  if (auto sent = send_bytes(as_bytes(ws::upgrade_request(asked)), timeout_ms); !sent) return sent;
  while (true) {
    const Result<std::size_t> taken = ws::check_answer(as_text(inbox_), asked);
    if (!taken) return std::unexpected(taken.error());
    if (*taken > 0) {
      taken_ = *taken;
      return {};
    }
    const Result<short> ready = wait(POLLIN, deadline.left_ms());
    if (!ready) return std::unexpected(ready.error());
    if (*ready == 0) return fail(Errc::kIo, "no answer to the upgrade");
    if (auto got = read(); !got) return got;
  }
}

Result<short> WebSocket::wait(short events, int timeout_ms) {
  pollfd waited{.fd = descriptor_, .events = events, .revents = 0};
  if (poll(&waited, 1, timeout_ms) >= 0) return waited.revents;
  if (errno == EINTR) return short{0};
  return fail_errno(Errc::kIo, "poll", errno);
}

std::unexpected<Error> WebSocket::ended(const std::string& why, std::uint16_t code) {
  ended_ = true;
  close_code_ = code;
  return fail(Errc::kClosed, why);
}

Result<void> WebSocket::read() {
  if (taken_ > 0) {
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  const std::size_t before = inbox_.size();
  inbox_.resize(before + kReadBytes);
  const ssize_t got = recv(descriptor_, inbox_.data() + before, kReadBytes, 0);
  inbox_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return {};
  return ended(got == 0 ? "the server ended the connection" : std::strerror(errno), 1006);
}

Result<void> WebSocket::send_bytes(Bytes bytes, int timeout_ms) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return ended(std::strerror(errno), 1006);
    const Result<short> ready = wait(POLLOUT | POLLIN, timeout_ms);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == 0) return fail(Errc::kIo, "the server takes nothing");
    if ((*ready & ~POLLOUT) == 0) continue;
    if (auto got = read(); !got) return got;
  }
  return {};
}

Result<void> WebSocket::send_frame(ws::Opcode opcode, Bytes payload, int timeout_ms) {
  if (ended_) return fail(Errc::kClosed, "the connection has ended");
  std::vector<std::uint8_t> frame;
  ws::append_masked_frame(frame, opcode, true, payload, random_bytes<ws::MaskKey>());
  return send_bytes(frame, timeout_ms);
}

Result<void> WebSocket::send(std::string_view text, int timeout_ms) {
  return send_frame(ws::Opcode::kText, as_bytes(text), timeout_ms);
}

Result<std::optional<std::string_view>> WebSocket::receive(int timeout_ms) {
  using Kind = ws::FrameEvent::Kind;
  const Deadline deadline(timeout_ms);
  while (!ended_) {
    MutableBytes input = MutableBytes(inbox_).subspan(taken_);
    const ws::FrameEvent event = parser_.next(input);
    taken_ = inbox_.size() - input.size();
    if (event.kind == Kind::kMessage) return as_text(event.payload);
    if (event.kind == Kind::kPing) {
      if (auto sent = send_frame(ws::Opcode::kPong, event.payload, 1000); !sent) {
        return std::unexpected(sent.error());
      }
    } else if (event.kind == Kind::kClose) {
      return ended("the server closed the connection with " + std::to_string(event.close_code) +
                       " " + std::string(as_text(event.payload)),
                   event.close_code);
    } else if (event.kind == Kind::kError) {
      return ended("the server broke the protocol: " + std::string(event.error), event.close_code);
    } else if (event.kind == Kind::kNeedMore) {
      const Result<short> ready = wait(POLLIN, deadline.left_ms());
      if (!ready) return std::unexpected(ready.error());
      if (*ready == 0) return std::nullopt;
      if (auto got = read(); !got) return std::unexpected(got.error());
    }
  }
  return fail(Errc::kClosed, "the connection has ended");
}

Result<std::uint16_t> WebSocket::close(int timeout_ms) {
  const std::array<std::uint8_t, 2> normal{1000 >> 8, 1000 & 255};
  const Deadline deadline(timeout_ms);
  if (auto sent = send_frame(ws::Opcode::kClose, normal, timeout_ms); !sent) {
    return std::unexpected(sent.error());
  }
  while (deadline.left_ms() > 0) {
    const auto message = receive(deadline.left_ms());
    if (message) continue;
    if (message.error().code == Errc::kClosed && close_code_ != 1006) return close_code_;
    return std::unexpected(message.error());
  }
  return fail(Errc::kIo, "the server does not answer the close");
}

}  // namespace duolog::tools

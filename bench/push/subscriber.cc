#include "bench/push/subscriber.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <netdb.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ws/client_handshake.h"
#include "net/ws/frame.h"
#include "net/ws/frame_parser.h"

namespace duolog::load {
namespace {

constexpr int kTimeoutS = 30;
// The server does not care which: a key and a mask only have to be there.
constexpr std::array<std::uint8_t, 16> kNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr ws::MaskKey kMask = 0x12345678;

[[noreturn]] void fail_errno(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void send_all(int descriptor, const void* data, std::size_t size_bytes) {
  const auto* at = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const ssize_t sent = send(descriptor, at, size_bytes, MSG_NOSIGNAL);
    if (sent < 0) fail_errno("send");
    at += sent;
    size_bytes -= static_cast<std::size_t>(sent);
  }
}

}  // namespace

int connected_socket(const PushTarget& target) {
  const std::size_t colon = target.http.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("--http is HOST:PORT");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = target.http.substr(0, colon);
  const std::string port = target.http.substr(colon + 1);
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    throw std::runtime_error(target.http + ": " + gai_strerror(error));
  }
  const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail_errno("socket");
  if (target.receive_buffer > 0) {
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &target.receive_buffer, sizeof(int));
  }
  const timeval timeout{.tv_sec = kTimeoutS, .tv_usec = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const int outcome = connect(descriptor, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (outcome != 0) fail_errno("connect");
  return descriptor;
}

Subscriber::Subscriber(const PushTarget& target) : descriptor_(connected_socket(target)) {
  upgrade(target);
  if (!target.plain) subscribe(target);
}

Subscriber::~Subscriber() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Subscriber::receive_more() {
  std::array<std::uint8_t, 4096> piece;
  const ssize_t got = recv(descriptor_, piece.data(), piece.size(), 0);
  if (got == 0) throw std::runtime_error("the server closed a connection that was to subscribe");
  if (got < 0) fail_errno("receive");
  pushed_.insert(pushed_.end(), piece.begin(), piece.begin() + got);
}

void Subscriber::upgrade(const PushTarget& target) {
  const ws::ClientUpgrade asked{
      .host = target.http,
      .target = target.plain ? "/v1/topics/" + target.topic + "/ws?from=" + target.from : "/v1/ws",
      .key = ws::make_key(kNonce),
      .subprotocol = target.plain ? "" : "duolog.v1.json"};
  const std::string request = ws::upgrade_request(asked);
  send_all(descriptor_, request.data(), request.size());
  while (true) {
    const auto taken = ws::check_answer(as_text(pushed_), asked);
    if (!taken) throw std::runtime_error(asked.target + ": " + taken.error().message);
    pushed_.erase(pushed_.begin(), pushed_.begin() + static_cast<std::ptrdiff_t>(*taken));
    if (*taken > 0) return;
    receive_more();
  }
}

void Subscriber::subscribe(const PushTarget& target) {
  const std::string command = R"({"id":1,"subscribe":{"sid":1,"topic":")" + target.topic +
                              R"(","from":")" + target.from + R"("}})";
  std::vector<std::uint8_t> frame;
  ws::append_masked_frame(frame, ws::Opcode::kText, true, as_bytes(command), kMask);
  send_all(descriptor_, frame.data(), frame.size());
  // The reply's message may carry records behind it: the whole of it is looked at here, so that
  // FrameStream begins with a frame. A stalled subscriber has read its first records by then.
  ws::FrameParser parser({.role = ws::Role::kClient, .max_message_bytes = 64U << 20});
  MutableBytes input;
  while (true) {
    const ws::FrameEvent event = parser.next(input);
    if (event.kind == ws::FrameEvent::Kind::kNeedMore) {
      pushed_.clear();
      receive_more();
      input = pushed_;
      continue;
    }
    const std::string_view text = as_text(event.payload);
    if (event.kind == ws::FrameEvent::Kind::kClose || text.find("\"error\"") != text.npos) {
      throw std::runtime_error("subscribe: " + std::string(text));
    }
    if (text.find("\"subscribed\"") != text.npos) break;
  }
  pushed_.erase(pushed_.begin(), pushed_.end() - static_cast<std::ptrdiff_t>(input.size()));
}

void Subscriber::send_pong(Bytes payload) const {
  std::vector<std::uint8_t> frame;
  ws::append_masked_frame(frame, ws::Opcode::kPong, true, payload, kMask);
  static_cast<void>(send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

bool Subscriber::ended() const {
  pollfd asked{.fd = descriptor_, .events = POLLRDHUP, .revents = 0};
  return poll(&asked, 1, 0) > 0;
}

bool Subscriber::has_unread() const {
  int unread = 0;
  return ioctl(descriptor_, FIONREAD, &unread) == 0 && unread > 0;
}

}  // namespace duolog::load

#include <cerrno>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/runtime/descriptors.h"
#include "engine/runtime/listener.h"

namespace duolog::runtime {

namespace {

std::uint16_t local_port(int descriptor) {
  const sockaddr_storage address = local_name(descriptor);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// A descriptor, or a negated errno.
int listen_on_address(const addrinfo& address, int backlog) {
  // Blocking: on a non-blocking descriptor the ring would answer EAGAIN instead of waiting.
  const int descriptor =
      socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol);
  if (descriptor < 0) return -errno;
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit it; tcp(7).
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 &&
      listen(descriptor, backlog) == 0) {
    return descriptor;
  }
  const int error_number = errno;
  ::close(descriptor);
  return -error_number;
}

}  // namespace

Result<ListeningSocket> listen_on(const std::string& host, std::uint16_t port, int backlog) {
  const std::string where = fmt::format("listen on {}:{}", host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int outcome = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                  std::to_string(port).c_str(), &hints, &found);
  if (outcome != 0) return fail(Errc::kInvalid, where + ": " + gai_strerror(outcome));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  int error_number = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int descriptor = listen_on_address(*address, backlog);
    if (descriptor >= 0) return ListeningSocket{descriptor, local_port(descriptor)};
    error_number = -descriptor;
  }
  return fail_errno(error_number == EADDRINUSE ? Errc::kBusy : Errc::kIo, where, error_number);
}

}  // namespace duolog::runtime

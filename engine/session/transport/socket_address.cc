#include "engine/session/transport/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/base/bytes.h"
#include "engine/runtime/descriptors.h"

namespace duolog::session {
namespace {

SocketAddress to_address(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return {text, load_be<std::uint16_t>(&address.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
      ::inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    }
    return {text, load_be<std::uint16_t>(&address.sin6_port)};
  }
  return {text, 0};
}

}  // namespace

SocketAddress local_address_of(int descriptor) {
  return to_address(runtime::local_name(descriptor));
}
SocketAddress peer_address_of(int descriptor) { return to_address(runtime::peer_name(descriptor)); }

std::string peer_name_of(int descriptor) {
  const SocketAddress peer = peer_address_of(descriptor);
  const bool ipv6 = peer.host.find(':') != std::string::npos;
  return (ipv6 ? '[' + peer.host + ']' : peer.host) + ':' + std::to_string(peer.port);
}

}  // namespace duolog::session

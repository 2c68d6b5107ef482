#include "engine/runtime/descriptors.h"

#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace duolog::runtime {

void close_descriptor(int descriptor) { ::close(descriptor); }
void shut_down_sending(int descriptor) { ::shutdown(descriptor, SHUT_WR); }
void shut_down(int descriptor) { ::shutdown(descriptor, SHUT_RDWR); }

namespace {

using GetName = int (*)(int, sockaddr*, socklen_t*);

sockaddr_storage name_of(int descriptor, GetName get_name) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (get_name(descriptor, reinterpret_cast<sockaddr*>(&name), &size) != 0) return {};
  return name;
}

}  // namespace

sockaddr_storage local_name(int descriptor) { return name_of(descriptor, ::getsockname); }
sockaddr_storage peer_name(int descriptor) { return name_of(descriptor, ::getpeername); }

Result<int> create_event() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) return fail_errno(Errc::kIo, "create an eventfd", errno);
  return descriptor;
}

void signal_event(int descriptor) { CHECK(eventfd_write(descriptor, 1) == 0); }

}  // namespace duolog::runtime

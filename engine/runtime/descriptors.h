// What the kernel is asked about a descriptor directly, not through a ring; none of it blocks. Any
// thread.
#pragma once

#include <sys/socket.h>

#include "engine/base/result.h"

namespace duolog::runtime {

// close(2). Errors are of no consequence to whoever closes.
void close_descriptor(int descriptor);

// shutdown(2): the peer sees the end of what is sent; or nothing goes either way any more. It fails
// where the peer was first, and nothing follows from that.
void shut_down_sending(int descriptor);
void shut_down(int descriptor);

// getsockname(2), getpeername(2). Of the family AF_UNSPEC if the kernel does not know.
[[nodiscard]] sockaddr_storage local_name(int descriptor);
[[nodiscard]] sockaddr_storage peer_name(int descriptor);

// An eventfd(2), close-on-exec, that never blocks; and a write to it, which wakes whoever polls it.
[[nodiscard]] Result<int> create_event();
void signal_event(int descriptor);

}  // namespace duolog::runtime

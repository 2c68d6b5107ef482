// What this kernel gives us.
//
// The floor is Linux 6.1 with liburing 2.3 (Debian 12). What the floor must have is tried at start;
// what is newer is declared here and nowhere else, tried too, and used only where it was found.
#pragma once

#include <cstdint>
#include <string>

#include <liburing.h>

#include "engine/base/result.h"

namespace duolog::runtime {

// Newer than the floor: constants that liburing 2.3's header does not have.
namespace newer {
inline constexpr std::uint16_t kReceiveBundle = 1U << 4;  // IORING_RECVSEND_BUNDLE, Linux 6.10
}  // namespace newer

struct Capabilities {
  std::string kernel_release;     // uname(2)
  bool message_ring = false;      // IORING_OP_MSG_RING works with our kind of ring
  bool receive_bundle = false;    // one completion may cover several buffers
  bool direct_io = false;         // O_DIRECT in the data directory; set by the caller
  std::uint64_t descriptors = 0;  // RLIMIT_NOFILE after raising; set by the caller

  // One line for the log.
  [[nodiscard]] std::string describe() const;
};

// The exit code of a program that was denied io_uring.
inline constexpr int kExitNoUring = 2;

// What a failed io_uring_setup(2) means and what to do about it: ENOSYS (seccomp or a kernel
// without it), EPERM (kernel.io_uring_disabled or a security policy), ENOMEM (memlock), EINVAL (a
// kernel below the floor). `error_number` is positive.
[[nodiscard]] Error setup_error(int error_number);

// Tries, on the calling thread: a ring with our flags, a provided buffer ring, a multishot receive
// through it, and what is newer. Fails as `setup_error`, or with kUnsupported and the feature that
// is missing. `setup` is for tests.
using SetupRing = int (*)(unsigned entries, io_uring* ring, io_uring_params* params);
[[nodiscard]] Result<Capabilities> probe_capabilities(SetupRing setup = io_uring_queue_init_params);

// Raises RLIMIT_NOFILE to the hard limit and returns it.
[[nodiscard]] Result<std::uint64_t> raise_descriptor_limit();

}  // namespace duolog::runtime

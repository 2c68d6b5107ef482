// liburing's functions that enter the kernel, over the simulated one. What is inline in liburing.h
// works on the memory of a SimRing as it is. A program that has these takes none of the library's.
#include <cerrno>

#include <liburing.h>

#include "tests/sim/kernel/kernel.h"

using duolog::sim::Kernel;

namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

extern "C" {

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* params) {
  Kernel& kernel = Kernel::current();
  const int descriptor = kernel.create_ring(entries, params->cq_entries, *ring);
  ring->ring_fd = descriptor;
  ring->flags = params->flags;
  return 0;
}

void io_uring_queue_exit(io_uring* ring) { Kernel::current().destroy_ring(ring->ring_fd); }

int io_uring_submit_and_get_events(io_uring* ring) {
  Kernel::current().ring(ring->ring_fd).enter();
  return 0;
}

int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** /*completion*/,
                                     unsigned /*wait_for*/, __kernel_timespec* timeout,
                                     sigset_t* /*signals*/) {
  Kernel& kernel = Kernel::current();
  auto& here = kernel.ring(ring->ring_fd);
  here.enter();
  if (io_uring_cq_ready(ring) != 0) return 0;
  here.wait_until(timeout == nullptr
                      ? duolog::sim::Actor::kNever
                      : kernel.now_ns() +
                            static_cast<std::uint64_t>(timeout->tv_sec) * kNsPerSecond +
                            static_cast<std::uint64_t>(timeout->tv_nsec));
  return -ETIME;
}

int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* registration, unsigned /*flags*/) {
  Kernel::current().ring(ring->ring_fd).register_buffers(*registration);
  return 0;
}

int io_uring_unregister_buf_ring(io_uring* ring, int /*group*/) {
  Kernel::current().ring(ring->ring_fd).unregister_buffers();
  return 0;
}

}  // extern "C"

#include "engine/runtime/capabilities.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/runtime/buffer_ring.h"
#include "engine/runtime/ring.h"

namespace duolog::runtime {

namespace {

std::string kernel_release() {
  utsname name{};
  return uname(&name) == 0 ? std::string(name.release) : std::string("unknown");
}

// kernel.io_uring_disabled, which Linux has since 6.6; -1 where there is none.
int uring_disabled_setting() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  if (!(file >> value)) return -1;
  return value;
}

// A ring of our kind with one group of two buffers, and a connected pair of sockets to try it on.
class Trial {
 public:
  ~Trial() {
    for (const int descriptor : sockets_) {
      if (descriptor >= 0) ::close(descriptor);
    }
    if (buffers_registered_) io_uring_unregister_buf_ring(&ring_, BufferRing::kGroup);
    if (open_) io_uring_queue_exit(&ring_);
  }

  // 0, or a negated errno.
  int open(SetupRing setup) {
    io_uring_params params{};
    params.flags = kRingFlags;
    params.cq_entries = 32;
    const int outcome = setup(8, &ring_, &params);
    open_ = outcome == 0;
    return outcome;
  }

  int register_buffers() {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(&entries_);
    registration.ring_entries = 2;
    registration.bgid = BufferRing::kGroup;
    const int outcome = io_uring_register_buf_ring(&ring_, &registration, 0);
    buffers_registered_ = outcome == 0;
    if (!buffers_registered_) return outcome;
    auto* ring = reinterpret_cast<io_uring_buf_ring*>(&entries_);
    io_uring_buf_ring_init(ring);
    for (std::uint16_t id = 0; id < 2; ++id) {
      io_uring_buf_ring_add(ring, buffers_[id].data(), sizeof buffers_[id], id, 1, id);
    }
    io_uring_buf_ring_advance(ring, 2);
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets_.data()) == 0 ? 0 : -errno;
  }

  // A multishot receive of one byte on one of the sockets, which stays armed: 1, or a negated errno
  // if it fails or does not go on.
  int receive(std::size_t socket, std::uint16_t extra_flags) {
    if (::write(sockets_[1 - socket], "x", 1) != 1) return -errno;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_recv_multishot(entry, sockets_[socket], nullptr, 0, 0);
    entry->ioprio = static_cast<std::uint16_t>(entry->ioprio | extra_flags);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BufferRing::kGroup;
    return completion_result(IORING_CQE_F_MORE);
  }

  int message_ring() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_msg_ring(entry, ring_.ring_fd, 1, 0, 0);
    return completion_result(0);
  }

 private:
  int completion_result(std::uint32_t wanted_flags) {
    __kernel_timespec timeout{.tv_sec = 1, .tv_nsec = 0};
    io_uring_cqe* entry = nullptr;
    const int outcome = io_uring_submit_and_wait_timeout(&ring_, &entry, 1, &timeout, nullptr);
    if (outcome < 0) return outcome;
    const int result = entry->res;
    const bool as_wanted = (entry->flags & wanted_flags) == wanted_flags;
    io_uring_cqe_seen(&ring_, entry);
    return result >= 0 && !as_wanted ? -EOPNOTSUPP : result;
  }

  io_uring ring_{};
  bool open_ = false;
  bool buffers_registered_ = false;
  std::array<int, 2> sockets_{-1, -1};
  struct alignas(4096) Page {
    std::array<std::uint8_t, 4096> bytes;
  };
  Page entries_{};
  std::array<std::array<std::uint8_t, 64>, 2> buffers_{};
};

}  // namespace

std::string Capabilities::describe() const {
  const auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  return fmt::format(
      "Linux {}: io_uring with single issuer, deferred task work, multishot accept and receive, "
      "provided buffers; message ring {}, receive bundles {}; direct I/O {}; {} descriptors",
      kernel_release, yes_no(message_ring), yes_no(receive_bundle), yes_no(direct_io), descriptors);
}

Error setup_error(int error_number) {
  const std::string what = fmt::format("io_uring is not available ({}): ", strerror(error_number));
  switch (error_number) {
    case ENOSYS:
      return {Errc::kUnsupported,
              what +
                  "a seccomp filter blocks it, or this kernel is built without it. In a container, "
                  "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp "
                  "profile (Docker: --security-opt seccomp=<profile>). Duolog needs Linux 6.1 or "
                  "newer; this is " +
                  kernel_release()};
    case EPERM: {
      const int setting = uring_disabled_setting();
      if (setting > 0) {
        return {Errc::kUnsupported,
                what + fmt::format("kernel.io_uring_disabled is {}. Allow it with: sysctl -w "
                                   "kernel.io_uring_disabled=0",
                                   setting)};
      }
      return {Errc::kUnsupported,
              what +
                  "kernel.io_uring_disabled does not forbid it, so a security policy does. In a "
                  "container, allow io_uring_setup, io_uring_enter and io_uring_register in the "
                  "seccomp profile (Docker: --security-opt seccomp=<profile>)"};
    }
    case ENOMEM:
      return {Errc::kUnsupported,
              what +
                  "too little memory may be locked. Raise the limit (ulimit -l unlimited; systemd: "
                  "LimitMEMLOCK=infinity; Docker: --ulimit memlock=-1) or the memory limit of the "
                  "control group"};
    case EINVAL:
      return {Errc::kUnsupported,
              what + "Duolog needs Linux 6.1 or newer; this is " + kernel_release()};
    default:
      return {Errc::kUnsupported, what + "io_uring_setup failed"};
  }
}

Result<Capabilities> probe_capabilities(SetupRing setup) {
  Trial trial;
  if (const int outcome = trial.open(setup); outcome < 0) {
    return std::unexpected(setup_error(-outcome));
  }
  const auto required = [](const char* feature, int outcome) -> Result<void> {
    if (outcome >= 0) return {};
    return fail_errno(Errc::kUnsupported,
                      fmt::format("io_uring lacks {} (Duolog needs Linux 6.1 or newer; this is {})",
                                  feature, kernel_release()),
                      -outcome);
  };
  if (auto buffers = required("provided buffer rings", trial.register_buffers()); !buffers) {
    return std::unexpected(buffers.error());
  }
  Capabilities found;
  found.kernel_release = kernel_release();
  if (auto receive = required("multishot receive", trial.receive(0, 0)); !receive) {
    return std::unexpected(receive.error());
  }
  found.receive_bundle = trial.receive(1, newer::kReceiveBundle) >= 0;
  found.message_ring = trial.message_ring() >= 0;  // last: a message has two completions here
  return found;
}

Result<std::uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail_errno(Errc::kIo, "read the limit of open files", errno);
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail_errno(Errc::kIo, "raise the limit of open files to the hard limit", errno);
  }
  return limit.rlim_cur;
}

}  // namespace duolog::runtime

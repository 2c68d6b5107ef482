#include "bench/load/disk_floor.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "bench/load/sleep.h"
#include "engine/base/clock.h"

namespace duolog::load {
namespace {

constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::uint64_t kLargeBytes = 2 << 20;
constexpr std::uint64_t kSmallFileBytes = 16 << 20;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// A file that is gone with this object.
class ScratchFile {
 public:
  ScratchFile(const std::string& directory, int flags) : path_(directory + "/disk-floor.tmp") {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
    if (descriptor_ < 0) fail("create " + path_);
  }
  ~ScratchFile() {
    ::close(descriptor_);
    ::unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void allocate(std::uint64_t size_bytes) const {
    if (fallocate(descriptor_, 0, 0, static_cast<off_t>(size_bytes)) != 0)
      fail("allocate " + path_);
  }
  void write(const void* data, std::uint64_t size_bytes, std::uint64_t at) const {
    const ssize_t written = pwrite(descriptor_, data, size_bytes, static_cast<off_t>(at));
    if (written != static_cast<ssize_t>(size_bytes)) fail("write " + path_);
  }

 private:
  std::string path_;
  int descriptor_ = -1;
};

using Aligned = std::unique_ptr<void, decltype(&std::free)>;

Aligned filled(std::uint64_t size_bytes) {
  Aligned data(std::aligned_alloc(kBlockBytes, size_bytes), &std::free);
  if (!data) fail("allocate memory");
  std::memset(data.get(), 1, size_bytes);
  return data;
}

}  // namespace

Histogram small_durable_writes(const std::string& directory, std::uint64_t count,
                               std::uint64_t interval_ns) {
  const ScratchFile file(directory, O_DIRECT | O_DSYNC);
  const Aligned data = filled(kLargeBytes);
  for (std::uint64_t at = 0; at < kSmallFileBytes; at += kLargeBytes) {
    file.write(data.get(), kLargeBytes, at);
  }
  Histogram took;
  std::uint64_t due_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < count; ++i) {
    sleep_until(due_ns);
    const std::uint64_t began_ns = monotonic_ns();
    file.write(data.get(), kBlockBytes, i * kBlockBytes % kSmallFileBytes);
    const std::uint64_t ended_ns = monotonic_ns();
    took.add(ended_ns - began_ns);
    due_ns = std::max(due_ns + interval_ns, ended_ns);
  }
  return took;
}

std::uint64_t bulk_durable_writes(const std::string& directory, std::uint64_t size_bytes) {
  const ScratchFile file(directory, O_DIRECT | O_DSYNC);
  file.allocate(size_bytes);
  const Aligned data = filled(kLargeBytes);
  const std::uint64_t began_ns = monotonic_ns();
  for (std::uint64_t at = 0; at + kLargeBytes <= size_bytes; at += kLargeBytes) {
    file.write(data.get(), kLargeBytes, at);
  }
  return monotonic_ns() - began_ns;
}

}  // namespace duolog::load

#include "engine/runtime/posix_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/runtime/mapped_files.h"

namespace duolog::runtime {

using storage::FileId;
using storage::kBlockBytes;
using storage::Mapping;
using storage::OpenMode;

namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0700;  // records are for who serves them
// They wait for the disk most of the time, which takes many flushes at once.
constexpr std::size_t kMostThreads = 16;
constexpr std::size_t kWorthThreads = 32;

std::unexpected<Error> failed(const std::string& what) {
  return fail_errno(Errc::kIo, what, errno);
}
std::unexpected<Error> failed(const char* what, FileId file) {
  const int error_number = errno;  // finding the path may change it
  return fail_errno(Errc::kIo, fmt::format("{} {}", what, path_of(file)), error_number);
}

// True if the kernel says that direct I/O on this file needs more than our alignment, or does not
// work at all (statx(2), STATX_DIOALIGN; a file system may not say).
bool refuses_blocks(FileId file) {
  struct statx status{};
  if (statx(file, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) return false;
  if ((status.stx_mask & STATX_DIOALIGN) == 0) return false;
  return status.stx_dio_offset_align == 0 || status.stx_dio_offset_align > kBlockBytes ||
         status.stx_dio_mem_align > kBlockBytes;
}

int open_retrying(const std::string& path, int flags) {
  int file = -1;
  do {
    file = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
  } while (file < 0 && errno == EINTR);
  return file;
}

int open_direct(const std::string& path, int flags) {
  const int file = open_retrying(path, flags | O_DIRECT);
  if (file >= 0) {
    if (refuses_blocks(file)) fcntl(file, F_SETFL, fcntl(file, F_GETFL) & ~O_DIRECT);
    return file;
  }
  if (errno != EINVAL) return -1;
  // Refused. The kernel creates the file before it finds that out, so it exists by now.
  return open_retrying(path, flags & ~O_EXCL);
}

}  // namespace

Result<bool> direct_supported(const std::string& directory) {
  const std::string path = fmt::format("{}/.direct-io-{}", directory, getpid());
  PosixFiles files;
  auto file = files.open(path, OpenMode::kCreateDirect);
  if (!file) return std::unexpected(file.error());
  bool works = is_direct(*file);
  if (works) {
    const std::unique_ptr<void, decltype(&std::free)> block(
        std::aligned_alloc(kBlockBytes, kBlockBytes), &std::free);
    std::fill_n(static_cast<std::uint8_t*>(block.get()), kBlockBytes, std::uint8_t{0});
    works = files.write(*file, 0, {static_cast<const std::uint8_t*>(block.get()), kBlockBytes})
                .has_value();
  }
  files.close(*file);
  if (auto removed = files.remove(path); !removed) return std::unexpected(removed.error());
  return works;
}

bool is_direct(FileId file) {
  const int flags = fcntl(file, F_GETFL);
  return flags >= 0 && (flags & O_DIRECT) != 0;
}

std::string path_of(FileId file) {
  std::array<char, PATH_MAX> path;
  const std::string link = fmt::format("/proc/self/fd/{}", file);
  const ssize_t length = readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return fmt::format("file {}", file);
  return {path.data(), static_cast<std::size_t>(length)};
}

void PosixFiles::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  if (count < kWorthThreads) return Files::for_each(count, work);
  std::atomic<std::size_t> next = 0;
  const auto some = [&] {
    for (std::size_t at = next++; at < count; at = next++) work(at);
  };
  std::vector<std::jthread> threads;
  try {
    for (std::size_t i = 1; i < kMostThreads; ++i) threads.emplace_back(some);
  } catch (const std::system_error&) {
    // So many may not be had here: it takes longer.
  }
  some();
}

Result<FileId> PosixFiles::open(const std::string& path, OpenMode mode) {
  int file = -1;
  switch (mode) {
    case OpenMode::kRead:
      file = open_retrying(path, O_RDONLY);
      break;
    case OpenMode::kReadWrite:
      file = open_retrying(path, O_RDWR);
      break;
    case OpenMode::kCreate:
      file = open_retrying(path, O_RDWR | O_CREAT | O_EXCL);
      break;
    case OpenMode::kDirect:
      file = open_direct(path, O_RDWR);
      break;
    case OpenMode::kCreateDirect:
      file = open_direct(path, O_RDWR | O_CREAT | O_EXCL);
      break;
  }
  if (file < 0 && errno == EEXIST) return fail(Errc::kExists, "create " + path + ": it exists");
  if (file < 0) return failed("open " + path);
  return file;
}

void PosixFiles::close(FileId file) { ::close(file); }

Result<std::uint64_t> PosixFiles::size(FileId file) {
  struct stat status{};
  if (fstat(file, &status) != 0) return failed("read the size of", file);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> PosixFiles::read(FileId file, std::uint64_t offset, MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count =
        pread(file, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", file);
    done += static_cast<std::size_t>(count);
    // A direct read that ends within a block has reached the end of the file; going on from there
    // would not be aligned.
    if (count == 0 || done % kBlockBytes != 0) {
      if (count == 0 || is_direct(file)) break;
    }
  }
  return done;
}

Result<void> PosixFiles::write(FileId file, std::uint64_t offset, Bytes data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t count =
        pwrite(file, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("write", file);
    if (count == 0) return fail(Errc::kIo, "write " + path_of(file) + ": nothing was written");
    done += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> PosixFiles::allocate(FileId file, std::uint64_t from, std::uint64_t to) {
  if (from >= to) return {};
  const auto start = static_cast<off_t>(from);
  const auto length = static_cast<off_t>(to - from);
  int outcome = 0;
  do {
    outcome = fallocate(file, 0, start, length) == 0 ? 0 : errno;
  } while (outcome == EINTR);
  // Where the file system cannot, the C library writes into every block that is missing.
  if (outcome == EOPNOTSUPP) outcome = posix_fallocate(file, start, length);
  if (outcome != 0) return fail_errno(Errc::kIo, "allocate space for " + path_of(file), outcome);
  return {};
}

Result<void> PosixFiles::truncate(FileId file, std::uint64_t size_bytes) {
  if (ftruncate(file, static_cast<off_t>(size_bytes)) != 0) return failed("truncate", file);
  return {};
}

Result<void> PosixFiles::sync(FileId file) {
  // fsync, not fdatasync: sizes and allocations must be durable too.
  if (fsync(file) != 0) return failed("sync", file);
  return {};
}

Result<void> PosixFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename " + from + " to " + to);
  return {};
}

Result<void> PosixFiles::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return failed("remove " + path);
  return {};
}

Result<void> PosixFiles::make_directory(const std::string& path) {
  if (mkdir(path.c_str(), kDirectoryMode) == 0) return {};
  if (errno == EEXIST) return fail(Errc::kExists, "make the directory " + path + ": it exists");
  return failed("make the directory " + path);
}

Result<void> PosixFiles::sync_directory(const std::string& path) {
  const int directory = open_retrying(path, O_RDONLY | O_DIRECTORY);
  // Not a flush that failed: there are too many open files, and it may be tried again.
  if (directory < 0 && (errno == EMFILE || errno == ENFILE)) {
    return fail_errno(Errc::kTooLarge, "open the directory " + path, errno);
  }
  if (directory < 0) return failed("open the directory " + path);
  const int outcome = fsync(directory) == 0 ? 0 : errno;
  ::close(directory);
  if (outcome != 0) return fail_errno(Errc::kIo, "sync the directory " + path, outcome);
  return {};
}

Result<std::vector<storage::DirectoryEntry>> PosixFiles::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), &closedir);
  if (!directory) return failed("list the directory " + path);
  std::vector<storage::DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return failed("list the directory " + path);
      break;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {  // not every file system says
      struct stat status{};
      is_directory =
          fstatat(dirfd(directory.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISDIR(status.st_mode);
    }
    entries.push_back({std::move(name), is_directory});
  }
  std::ranges::sort(entries, {}, &storage::DirectoryEntry::name);
  return entries;
}

Result<FileId> PosixFiles::lock(const std::string& path) {
  const int file = open_retrying(path, O_RDWR | O_CREAT);
  if (file < 0) return failed("open the lock file " + path);
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  const int error_number = errno;
  ::close(file);
  if (error_number == EWOULDBLOCK) {
    return fail(Errc::kBusy, "lock " + path + ": another process holds it");
  }
  return fail_errno(Errc::kIo, "lock " + path, error_number);
}

Result<Mapping> PosixFiles::map(FileId file, std::uint64_t size_bytes,
                                std::atomic<std::uint64_t>& lost_at) {
  void* data = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, file, 0);
  if (data == MAP_FAILED) return failed("map", file);
  const Mapping mapping{static_cast<const std::uint8_t*>(data), size_bytes};
  add_mapped_file(mapping, path_of(file), lost_at);
  return mapping;
}

void PosixFiles::unmap(Mapping mapping) {
  if (mapping.data != nullptr) {
    remove_mapped_file(mapping);
    munmap(const_cast<std::uint8_t*>(mapping.data), mapping.size_bytes);
  }
}

Result<void> PosixFiles::populate(Mapping mapping, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t start = align_down(from, kBlockBytes);
  const std::uint64_t end = align_up(to, kBlockBytes);
  if (start >= end) return {};
  void* address = const_cast<std::uint8_t*>(mapping.data) + start;
  int outcome = 0;
  do {
    outcome = madvise(address, end - start, MADV_POPULATE_READ) == 0 ? 0 : errno;
  } while (outcome == EINTR || outcome == EAGAIN);
  if (outcome == 0) return {};
  return fail_errno(Errc::kIo,
                    fmt::format("read bytes {} to {} of a mapped file into memory", from, to),
                    outcome);
}

void PosixFiles::unpopulate(Mapping mapping, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t start = align_up(from, kBlockBytes);
  const std::uint64_t end = align_down(to, kBlockBytes);
  if (start >= end) return;
  madvise(const_cast<std::uint8_t*>(mapping.data) + start, end - start, MADV_DONTNEED);
}

}  // namespace duolog::runtime

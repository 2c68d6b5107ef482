// What engine asks the kernel otherwise than through a ring, over the simulated one: the clocks,
// random numbers, descriptors, the log's thread, files.
#include <fmt/format.h>
#include <netinet/in.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/runtime/descriptors.h"
#include "engine/runtime/log.h"
#include "engine/runtime/posix_files.h"
#include "tests/sim/kernel/kernel.h"

namespace duolog {

using sim::Kernel;

std::uint64_t monotonic_ns() { return Kernel::current().read_clock_ns(); }
Timestamp wall_clock() { return Kernel::current().wall(); }

void random_bytes(std::span<std::uint8_t> into) {
  for (std::uint8_t& byte : into) byte = static_cast<std::uint8_t>(Kernel::current().random());
}

namespace runtime {

void close_descriptor(int descriptor) { Kernel::current().close(descriptor); }
void shut_down_sending(int descriptor) { Kernel::current().shut_down(descriptor, false); }
void shut_down(int descriptor) { Kernel::current().shut_down(descriptor, true); }

sockaddr_storage local_name(int /*descriptor*/) {
  sockaddr_storage name{};
  auto& address = reinterpret_cast<sockaddr_in&>(name);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(9092);
  return name;
}
sockaddr_storage peer_name(int descriptor) { return local_name(descriptor); }

Result<int> create_event() { return Kernel::current().create_event(); }
void signal_event(int descriptor) { Kernel::current().signal(descriptor); }

namespace {

LogLevel level = LogLevel::kInfo;

}  // namespace

void set_log_level(LogLevel wanted) { level = wanted; }
LogLevel log_level() { return level; }
void log_info(std::string_view line) { Kernel::current().log(std::string(line)); }
void log_warn(std::string_view line) { Kernel::current().log(std::string(line)); }
void log_error(std::string_view line) { Kernel::current().log(std::string(line)); }
std::uint64_t log_lines_lost() { return 0; }
void flush_log() {}

Result<bool> direct_supported(const std::string& /*directory*/) { return true; }
bool is_direct(storage::FileId /*file*/) { return true; }
std::string path_of(storage::FileId file) { return Kernel::current().files().path_of(file); }

namespace {

storage::Files& files() { return Kernel::current().files(); }

}  // namespace

// One after the other, as all that the simulated kernel does.
void PosixFiles::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  Files::for_each(count, work);
}
Result<storage::FileId> PosixFiles::open(const std::string& path, storage::OpenMode mode) {
  return files().open(path, mode);
}
void PosixFiles::close(storage::FileId file) { files().close(file); }
Result<std::uint64_t> PosixFiles::size(storage::FileId file) { return files().size(file); }
Result<std::size_t> PosixFiles::read(storage::FileId file, std::uint64_t offset,
                                     MutableBytes into) {
  return files().read(file, offset, into);
}
Result<void> PosixFiles::write(storage::FileId file, std::uint64_t offset, Bytes data) {
  return files().write(file, offset, data);
}
Result<void> PosixFiles::allocate(storage::FileId file, std::uint64_t from, std::uint64_t to) {
  return files().allocate(file, from, to);
}
Result<void> PosixFiles::truncate(storage::FileId file, std::uint64_t size_bytes) {
  return files().truncate(file, size_bytes);
}
Result<void> PosixFiles::sync(storage::FileId file) { return files().sync(file); }
Result<void> PosixFiles::rename(const std::string& from, const std::string& to) {
  return files().rename(from, to);
}
Result<void> PosixFiles::remove(const std::string& path) { return files().remove(path); }
Result<void> PosixFiles::make_directory(const std::string& path) {
  return files().make_directory(path);
}
Result<void> PosixFiles::sync_directory(const std::string& path) {
  return files().sync_directory(path);
}
Result<std::vector<storage::DirectoryEntry>> PosixFiles::list(const std::string& path) {
  return files().list(path);
}
Result<storage::FileId> PosixFiles::lock(const std::string& path) { return files().lock(path); }
Result<storage::Mapping> PosixFiles::map(storage::FileId file, std::uint64_t size_bytes,
                                         std::atomic<std::uint64_t>& lost_at) {
  return files().map(file, size_bytes, lost_at);
}
void PosixFiles::unmap(storage::Mapping mapping) { files().unmap(mapping); }
Result<void> PosixFiles::populate(storage::Mapping mapping, std::uint64_t from, std::uint64_t to) {
  return files().populate(mapping, from, to);
}
void PosixFiles::unpopulate(storage::Mapping mapping, std::uint64_t from, std::uint64_t to) {
  files().unpopulate(mapping, from, to);
}

}  // namespace runtime
}  // namespace duolog

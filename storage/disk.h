// Disk: the only way by which storage touches files.
//
// Two halves. `Files` is blocking and thread-safe: start-up and janitor threads use it, a shard
// never does. `Disk` is one shard's asynchronous half: writes and syncs that complete on the
// shard, and jobs that run against `Files` on a janitor thread. The real ones are in
// engine/runtime; the simulated one, which can crash at any write, is in tests/sim.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace duolog::storage {

// Alignment of memory, file offset and length that a direct write needs.
inline constexpr std::uint64_t kBlockBytes = 4096;

// An open file. Real: the descriptor. Negative: none.
using FileId = int;
inline constexpr FileId kNoFile = -1;

enum class OpenMode : std::uint8_t {
  kRead,          // must exist; buffered
  kReadWrite,     // must exist; buffered
  kCreate,        // must not exist; buffered
  kDirect,        // must exist; writes and reads go around the page cache
  kCreateDirect,  // must not exist; the same
};

// A read-only shared mapping of a file's first `size_bytes`, which may reach past its end.
struct Mapping {
  const std::uint8_t* data = nullptr;
  std::uint64_t size_bytes = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

// Blocking, thread-safe. Every error names the path or file it concerns. A rename, creation or
// removal is durable once `sync_directory` of its directory has returned; a write, size or
// allocation once `sync` has.
class Files {
 public:
  virtual ~Files() = default;

  // Calls work(0) to work(count - 1), once each, in any order and perhaps at the same time from
  // several threads: many flushes take together little longer than one. Returns when all have.
  virtual void for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
    for (std::size_t i = 0; i < count; ++i) work(i);
  }

  [[nodiscard]] virtual Result<FileId> open(const std::string& path, OpenMode mode) = 0;
  virtual void close(FileId file) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size(FileId file) = 0;
  // Reads up to `into.size()` bytes; fewer only at the end of the file. On a direct file all three
  // of address, offset and length are multiples of kBlockBytes.
  [[nodiscard]] virtual Result<std::size_t> read(FileId file, std::uint64_t offset,
                                                 MutableBytes into) = 0;
  [[nodiscard]] virtual Result<void> write(FileId file, std::uint64_t offset, Bytes data) = 0;
  // Reserves space for [from, to), which reads as zeros; grows the file to `to` if it is shorter.
  [[nodiscard]] virtual Result<void> allocate(FileId file, std::uint64_t from,
                                              std::uint64_t to) = 0;
  [[nodiscard]] virtual Result<void> truncate(FileId file, std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual Result<void> sync(FileId file) = 0;

  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // Removes a file or an empty directory.
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> make_directory(const std::string& path) = 0;
  // kTooLarge: it could not be begun, because too many files are open.
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  // Entries but "." and "..", sorted by name.
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;

  // Takes the advisory lock on `path` (created if missing) until the process ends or `close`.
  // kBusy when another process holds it.
  [[nodiscard]] virtual Result<FileId> lock(const std::string& path) = 0;

  // A load that the disk does not give finds zeros, and lowers `lost_at`, which outlives the
  // mapping, to the position of that page: who loads looks at it afterwards.
  [[nodiscard]] virtual Result<Mapping> map(FileId file, std::uint64_t size_bytes,
                                            std::atomic<std::uint64_t>& lost_at) = 0;
  virtual void unmap(Mapping mapping) = 0;
  // Reads [from, to) of the mapped file into memory, so that a load from it does not wait for the
  // disk. kIo when the file is shorter or unreadable.
  [[nodiscard]] virtual Result<void> populate(Mapping mapping, std::uint64_t from,
                                              std::uint64_t to) = 0;
  // The opposite: the pages may be dropped.
  virtual void unpopulate(Mapping mapping, std::uint64_t from, std::uint64_t to) = 0;
};

// One asynchronous write or sync. It lives inside its owner, which keeps it and the memory of
// `data` until `done` has been called; `done` may submit it again.
struct DiskOp {
  enum class Kind : std::uint8_t {
    kWrite,         // in the device's hands when done; durable after a later kSync
    kDurableWrite,  // durable when done (RWF_DSYNC: the data, not the file's size)
    kSync,          // fdatasync
  };

  Kind kind = Kind::kWrite;
  FileId file = kNoFile;
  std::uint64_t offset = 0;
  std::span<const iovec> data;  // block-aligned on a direct file; written whole or failed
  void (*done)(DiskOp& op, Result<void> outcome) = nullptr;

  DiskOp* next = nullptr;  // the Disk's, while submitted
};

// One shard's asynchronous half. All calls and completions are on the shard's thread; completions
// never run inside `submit` or `run`. Operations may complete in any order.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual Files& files() = 0;
  virtual void submit(DiskOp& op) = 0;
  // Runs `work` on a janitor thread, then `done` on the shard. Jobs of one shard start in order;
  // whether two run at once is not promised.
  virtual void run(std::move_only_function<void()> work, std::move_only_function<void()> done) = 0;
};

}  // namespace duolog::storage

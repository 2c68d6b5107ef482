// SimFile and SimDirectory: what a file system knows of a file and of a directory, split into what
// is durable and what a power loss may take back.
//
// Each keeps its durable state and, in order, the operations since. What programs see is both
// together. After a power loss any subset of the data sectors of the operations may be there, but
// of the operations on a file's size and allocation, and on a directory's entries, a prefix.
// Single-threaded; used by SimFiles only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "tests/sim/sim_buffer.h"

namespace duolog::sim {

inline constexpr std::uint64_t kSectorBytes = 512;

// One operation on a file since its last sync.
struct SimFileOp {
  enum class Kind : std::uint8_t {
    kData,      // bytes at offset
    kSize,      // the file's size becomes `offset`
    kAllocate,  // blocks of [offset, to) are reserved
  };
  Kind kind = Kind::kData;
  std::uint64_t offset = 0;
  std::uint64_t to = 0;
  std::vector<std::uint8_t> bytes;
  bool durable = false;    // was answered as durable: a power loss keeps it
  bool in_flight = false;  // was under way when the machine stopped, and never answered
  bool doomed = false;     // a sync of it failed: no later sync makes it durable
};

// How much of a capacity is in use; shared by the files that use it.
struct SimSpace {
  std::uint64_t capacity_bytes = UINT64_MAX;
  std::uint64_t used_bytes = 0;
};

// The part of a file that exists twice: as it is on disk, and as programs see it.
struct SimContent {
  explicit SimContent(std::uint64_t limit_bytes) : buffer(limit_bytes) {}
  void apply(const SimFileOp& op);
  void apply_data(std::uint64_t offset, Bytes bytes);
  void set_size(std::uint64_t size);
  void copy_from(const SimContent& other);

  SimBuffer buffer;
  std::uint64_t size_bytes = 0;
  std::vector<bool> blocks;  // which blocks have space
  std::uint64_t allocated_blocks = 0;

 private:
  void allocate(std::uint64_t from, std::uint64_t to);
};

class SimFile {
 public:
  SimFile(std::shared_ptr<SimSpace> space, std::uint64_t limit_bytes);
  ~SimFile();
  SimFile(const SimFile&) = delete;
  SimFile& operator=(const SimFile&) = delete;

  [[nodiscard]] const SimContent& now() const { return now_; }
  [[nodiscard]] std::size_t unsynced_ops() const { return pending_.size(); }
  // Blocks of [from, to) that have no space yet, in bytes.
  [[nodiscard]] std::uint64_t unallocated_bytes(std::uint64_t from, std::uint64_t to) const;

  // Makes `op` visible, and remembers it as not durable (but for op.durable). An operation in
  // flight is remembered and not visible.
  void record(SimFileOp op);
  // How many operations have been recorded: what `commit` takes.
  [[nodiscard]] std::uint64_t recorded() const { return folded_ + pending_.size(); }
  // The first `count` operations ever recorded become durable.
  void commit(std::uint64_t count);
  // A sync failed: what it was to make durable is lost with the next power loss.
  void doom();
  void flip_bit(std::uint64_t offset, unsigned bit);

  // What a power loss leaves. `metadata_ops` says how many of n operations on size and allocation
  // are kept, `sectors` which of the n sectors of a write are.
  struct PowerLoss {
    std::function<std::size_t(std::size_t count)> metadata_ops;
    std::function<std::vector<bool>(std::size_t count)> sectors;
  };
  [[nodiscard]] std::shared_ptr<SimFile> after_power_loss(std::shared_ptr<SimSpace> space,
                                                          const PowerLoss& choices) const;
  // What a kill of the process leaves: everything, and of what was in flight what `keep` says.
  [[nodiscard]] std::shared_ptr<SimFile> after_kill(std::shared_ptr<SimSpace> space,
                                                    const std::function<bool()>& keep) const;

  std::vector<bool> populated;  // by block: whether a mapping of it was populated

 private:
  // Makes the first pending operation durable.
  void fold_first();
  // Accounts for the space that `now_` takes.
  void charge();

  std::shared_ptr<SimSpace> space_;
  std::uint64_t charged_bytes_ = 0;
  SimContent durable_;
  SimContent now_;
  std::deque<SimFileOp> pending_;
  std::uint64_t folded_ = 0;
};

class SimDirectory;

// What a name stands for: a file or a directory.
struct SimNode {
  std::shared_ptr<SimFile> file;
  std::shared_ptr<SimDirectory> directory;
};

using SimEntries = std::map<std::string, SimNode>;

// One operation on a directory since its last sync. A rename within a directory is one operation,
// a rename between two is one in each, which point at each other: either both or neither happen,
// as in one transaction of a journalling file system.
struct SimDirectoryOp {
  std::string remove;  // the name that goes, or ""
  std::string add;     // the name that comes, or ""
  SimNode node;
  std::uint64_t id = 0;  // the same in both directories of a rename
  std::weak_ptr<SimDirectory> partner;
  bool in_flight = false;
};

class SimDirectory {
 public:
  SimEntries now;
  SimEntries durable;
  std::vector<SimDirectoryOp> pending;

  // Makes `op` visible unless it is in flight, and remembers it as not durable.
  void record(SimDirectoryOp op);
  // The first `count` pending operations become durable, and with them the other halves of
  // renames.
  void commit(std::size_t count);
  // Where in `pending` the half of rename `id` is, plus one; 0 when it is not pending.
  [[nodiscard]] std::size_t count_through(std::uint64_t id) const;
  static void apply(SimEntries& entries, const SimDirectoryOp& op);
};

}  // namespace duolog::sim

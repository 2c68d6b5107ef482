// SimFiles: storage::Files on an in-memory file system that can lose power at any step, lie, fill
// up and fail, deterministically from a seed.
//
// What is durable: a file's completed writes, size and allocation after `sync`, a durable write's
// bytes (not the file's size) when it is answered, a directory's creations, renames and removals
// after `sync_directory`. A file whose creation was not synced is gone with its content. Mapping
// and populating work; a mapping shows later writes.
//
// The owner is the test, which keeps a SimFiles until everything that uses it is gone; after a
// crash it goes on with the SimFiles that `reboot` returns. Single-threaded: one seed, one trace.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "storage/disk.h"
#include "tests/sim/sim_node.h"

namespace duolog::sim {

class SimDisk;

// Thrown once, out of the call that is the last step before the machine stops. Afterwards every
// operation fails with kIo and changes nothing.
struct MachineStopped {};

enum class CrashPolicy : std::uint8_t {
  kKeepAll,  // power loss; all that was not durable is there nevertheless
  kDropAll,  // power loss; nothing but what was durable is there
  kRandom,   // power loss; each write is kept, dropped, or torn by sectors; see sim_node.h
  kKill,     // the process was killed: all that was answered is there; in flight, whole or nothing
};
inline constexpr CrashPolicy kCrashPolicies[] = {CrashPolicy::kKeepAll, CrashPolicy::kDropAll,
                                                 CrashPolicy::kRandom, CrashPolicy::kKill};

[[nodiscard]] inline bool is_block_aligned(std::uint64_t value) {
  return value % storage::kBlockBytes == 0;
}

class SimFiles final : public storage::Files {
 public:
  // No file grows beyond `max_file_bytes`; that much address space is reserved for each.
  explicit SimFiles(std::uint64_t max_file_bytes = std::uint64_t{1} << 30);
  ~SimFiles() override;
  SimFiles(const SimFiles&) = delete;
  SimFiles& operator=(const SimFiles&) = delete;

  // ---- Crashing.
  // Operations so far that change or sync something, each one a place to crash at.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  // The machine stops during the `count`-th step from now (1: the next one): that operation is
  // in flight, as are all that are submitted and not completed.
  void crash_after(std::uint64_t count) { crash_at_step_ = steps_ + count; }
  // Stops the machine now, without throwing.
  void stop();
  [[nodiscard]] bool stopped() const { return stopped_; }
  // What is found after the crash. Stops the machine if it still runs. May be called again, with
  // another policy or seed, for another outcome of the same crash. Capacity is taken over, faults
  // are not.
  [[nodiscard]] std::unique_ptr<SimFiles> reboot(CrashPolicy policy, std::uint64_t seed = 0);

  // ---- Faults.
  // Writing or allocating beyond it fails with kNoSpace. Blocks of 4096 bytes count.
  void set_capacity(std::uint64_t bytes) { space_->capacity_bytes = bytes; }
  [[nodiscard]] std::uint64_t used_bytes() const { return space_->used_bytes; }
  void set_read_only(bool read_only) { read_only_ = read_only; }
  // The next operation of that kind on a path that contains `path_part` fails with kIo, once; or a
  // later one, after `passed` of them.
  // What a failed sync should have made durable never will be. kOpenDirectory: sync_directory finds
  // too many open files, and fails with kTooLarge.
  enum class Fault : std::uint8_t { kRead, kWrite, kSync, kRename, kRemove, kOpenDirectory };
  void fail_next(Fault fault, std::string path_part = {}, std::uint64_t passed = 0);
  // Of those, the ones that have not failed yet.
  [[nodiscard]] std::size_t faults_left() const { return faults_.size(); }
  void forget_faults() { faults_.clear(); }
  // Damages a stored byte: `bit` 0 to 7 of the byte at `position`. CHECKs that it exists.
  void flip_bit(const std::string& path, std::uint64_t position, unsigned bit = 0);

  // ---- Looking.
  // One line a step: its number, operation, path and range.
  [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }
  [[nodiscard]] bool exists(const std::string& path) const;
  // By which an open file was opened; "?" for one that is not open.
  [[nodiscard]] std::string path_of(storage::FileId file) const;
  // The file's bytes as programs see them. CHECKs that it is a file.
  [[nodiscard]] std::vector<std::uint8_t> content(const std::string& path) const;
  // Every file and directory below `path`, with the sizes of files: "journal/1.log 4096".
  [[nodiscard]] std::vector<std::string> tree(const std::string& path = "/") const;
  // Whether every block of [from, to) of the mapped file was populated and not unpopulated since.
  [[nodiscard]] bool is_populated(storage::Mapping mapping, std::uint64_t from,
                                  std::uint64_t to) const;
  // Files that are open, and mappings that stand.
  [[nodiscard]] std::size_t open_files() const { return open_.size(); }
  [[nodiscard]] std::size_t mappings() const { return mapped_.size(); }
  // Copies the tree below `path` into a directory of the real file system, or the reverse; for
  // looking at a failed seed. What is copied in is durable.
  void copy_out(const std::string& path, const std::string& real_directory) const;
  void copy_in(const std::string& real_directory, const std::string& path);

  // ---- storage::Files
  Result<storage::FileId> open(const std::string& path, storage::OpenMode mode) override;
  void close(storage::FileId file) override;
  Result<std::uint64_t> size(storage::FileId file) override;
  Result<std::size_t> read(storage::FileId file, std::uint64_t offset, MutableBytes into) override;
  Result<void> write(storage::FileId file, std::uint64_t offset, Bytes data) override;
  Result<void> allocate(storage::FileId file, std::uint64_t from, std::uint64_t to) override;
  Result<void> truncate(storage::FileId file, std::uint64_t size_bytes) override;
  Result<void> sync(storage::FileId file) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::vector<storage::DirectoryEntry>> list(const std::string& path) override;
  Result<storage::FileId> lock(const std::string& path) override;
  Result<storage::Mapping> map(storage::FileId file, std::uint64_t size_bytes,
                               std::atomic<std::uint64_t>& lost_at) override;
  void unmap(storage::Mapping mapping) override;
  Result<void> populate(storage::Mapping mapping, std::uint64_t from, std::uint64_t to) override;
  void unpopulate(storage::Mapping mapping, std::uint64_t from, std::uint64_t to) override;

 private:
  friend class SimDisk;

  struct ArmedFault {
    Fault fault;
    std::string path_part;
    std::uint64_t passed;
  };
  struct OpenFile {
    std::shared_ptr<SimFile> file;
    std::string path;
    bool direct = false;
    bool writable = false;
    bool lock = false;
  };
  struct Place {  // where a path's last name is, or would be
    std::shared_ptr<SimDirectory> parent;
    std::string name;
  };

  OpenFile& opened(storage::FileId file);
  [[nodiscard]] Result<Place> place_of(const std::string& path) const;
  [[nodiscard]] Result<SimNode> find(const std::string& path) const;
  [[nodiscard]] Result<void> may_change(const std::string& path) const;
  [[nodiscard]] Result<void> take_fault(Fault fault, const std::string& path);
  storage::FileId add_open(OpenFile file);
  // Counts a step; true when the machine stops during it.
  [[nodiscard]] bool begin_step(std::string what);
  [[noreturn]] void crash();
  [[nodiscard]] Result<void> check_write(OpenFile& file, std::uint64_t offset,
                                         std::uint64_t length);
  static void record_write(SimFile& file, std::uint64_t offset, std::vector<std::uint8_t> bytes,
                           bool durable, bool in_flight);
  Result<void> change_directory(const std::shared_ptr<SimDirectory>& directory, SimDirectoryOp op,
                                std::string what);

  std::uint64_t max_file_bytes_;
  std::shared_ptr<SimSpace> space_;
  std::shared_ptr<SimDirectory> root_;
  std::map<storage::FileId, OpenFile> open_;
  storage::FileId next_file_ = 3;
  std::multimap<const std::uint8_t*, std::shared_ptr<SimFile>> mapped_;
  std::vector<SimDisk*> disks_;
  std::vector<std::string> trace_;
  std::vector<ArmedFault> faults_;
  std::uint64_t steps_ = 0;
  std::uint64_t crash_at_step_ = 0;
  std::uint64_t next_rename_ = 1;
  bool read_only_ = false;
  bool stopped_ = false;
};

}  // namespace duolog::sim

// PosixFiles: storage::Files over the kernel's file system.
//
// Blocking, stateless and thread-safe; used at start-up and on janitor threads. Every descriptor is
// close-on-exec. A file asked for as direct is opened without O_DIRECT where the file system
// refuses it; whether it is direct is then a property of the descriptor (`is_direct`).
#pragma once

#include "storage/disk.h"

namespace duolog::runtime {

// True if direct writes of one block to a file in `directory` work: creates, writes and removes
// one. For the capability line.
[[nodiscard]] Result<bool> direct_supported(const std::string& directory);

// True if `file` was opened with O_DIRECT (fcntl(2), about 0.1 us).
[[nodiscard]] bool is_direct(storage::FileId file);

// The path by which `file` was opened, for messages.
[[nodiscard]] std::string path_of(storage::FileId file);

class PosixFiles final : public storage::Files {
 public:
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override;
  [[nodiscard]] Result<storage::FileId> open(const std::string& path,
                                             storage::OpenMode mode) override;
  void close(storage::FileId file) override;
  [[nodiscard]] Result<std::uint64_t> size(storage::FileId file) override;
  [[nodiscard]] Result<std::size_t> read(storage::FileId file, std::uint64_t offset,
                                         MutableBytes into) override;
  [[nodiscard]] Result<void> write(storage::FileId file, std::uint64_t offset, Bytes data) override;
  [[nodiscard]] Result<void> allocate(storage::FileId file, std::uint64_t from,
                                      std::uint64_t to) override;
  [[nodiscard]] Result<void> truncate(storage::FileId file, std::uint64_t size_bytes) override;
  [[nodiscard]] Result<void> sync(storage::FileId file) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> make_directory(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<std::vector<storage::DirectoryEntry>> list(const std::string& path) override;
  [[nodiscard]] Result<storage::FileId> lock(const std::string& path) override;
  [[nodiscard]] Result<storage::Mapping> map(storage::FileId file, std::uint64_t size_bytes,
                                             std::atomic<std::uint64_t>& lost_at) override;
  void unmap(storage::Mapping mapping) override;
  [[nodiscard]] Result<void> populate(storage::Mapping mapping, std::uint64_t from,
                                      std::uint64_t to) override;
  void unpopulate(storage::Mapping mapping, std::uint64_t from, std::uint64_t to) override;
};

}  // namespace duolog::runtime

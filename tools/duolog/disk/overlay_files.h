// OverlayFiles: the files of a data directory, to be read only.
//
// What recovery's readers write to an existing file stays in memory, over what is on the disk, and
// is read back from there; what they remove stays; nothing is ever created. So they can be asked
// what a start would find, and the directory is as it was. One thread. Memory: the blocks that were
// written, at most what the journals hold.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "engine/runtime/posix_files.h"
#include "storage/disk.h"

namespace duolog::tools {

class OverlayFiles final : public storage::Files {
 public:
  // Every mode opens for reading. kUnsupported for one that creates.
  [[nodiscard]] Result<storage::FileId> open(const std::string& path,
                                             storage::OpenMode mode) override;
  void close(storage::FileId file) override;
  [[nodiscard]] Result<std::uint64_t> size(storage::FileId file) override;
  [[nodiscard]] Result<std::size_t> read(storage::FileId file, std::uint64_t offset,
                                         MutableBytes into) override;
  // Beyond the file's size, too: it is larger then.
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

 private:
  using Block = std::array<std::uint8_t, storage::kBlockBytes>;
  using Blocks = std::map<std::uint64_t, Block>;  // by position in the file

  runtime::PosixFiles disk_;
  std::unordered_map<storage::FileId, std::string> paths_;
  std::unordered_map<std::string, Blocks> written_;      // by path
  std::unordered_map<std::string, std::uint64_t> ends_;  // of what was written, by path
};

}  // namespace duolog::tools

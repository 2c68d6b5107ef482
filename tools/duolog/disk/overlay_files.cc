#include "tools/duolog/disk/overlay_files.h"

#include <algorithm>

namespace duolog::tools {

using storage::FileId;
using storage::kBlockBytes;
using storage::OpenMode;

namespace {

std::unexpected<Error> only_read(const std::string& what) {
  return fail(Errc::kUnsupported, what + ": the data directory is only read");
}

}  // namespace

Result<FileId> OverlayFiles::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::kCreate || mode == OpenMode::kCreateDirect) return only_read(path);
  auto file = disk_.open(path, OpenMode::kRead);
  if (file) paths_[*file] = path;
  return file;
}

void OverlayFiles::close(FileId file) {
  paths_.erase(file);
  disk_.close(file);
}

Result<std::uint64_t> OverlayFiles::size(FileId file) {
  auto size = disk_.size(file);
  if (const auto found = ends_.find(paths_[file]); size && found != ends_.end()) {
    *size = std::max(*size, found->second);
  }
  return size;
}

Result<std::size_t> OverlayFiles::read(FileId file, std::uint64_t offset, MutableBytes into) {
  auto got = disk_.read(file, offset, into);
  if (!got) return got;
  const auto found = written_.find(paths_[file]);
  if (found == written_.end()) return got;
  const std::uint64_t written_end = ends_[paths_[file]];
  if (offset + *got < written_end) {
    const std::size_t there = std::min<std::uint64_t>(into.size(), written_end - offset);
    std::fill(into.begin() + static_cast<std::ptrdiff_t>(*got),
              into.begin() + static_cast<std::ptrdiff_t>(std::max(there, *got)), std::uint8_t{0});
    *got = std::max(there, *got);
  }
  const std::uint64_t end = offset + *got;
  for (auto at = found->second.lower_bound(align_down(offset, kBlockBytes));
       at != found->second.end() && at->first < end; ++at) {
    const std::uint64_t from = std::max(offset, at->first);
    const std::uint64_t to = std::min(end, at->first + kBlockBytes);
    std::copy_n(at->second.data() + (from - at->first), to - from, into.data() + (from - offset));
  }
  return got;
}

Result<void> OverlayFiles::write(FileId file, std::uint64_t offset, Bytes data) {
  Blocks& blocks = written_[paths_[file]];
  const std::uint64_t end = offset + data.size();
  std::uint64_t& written_end = ends_[paths_[file]];
  written_end = std::max(written_end, end);
  for (std::uint64_t at = align_down(offset, kBlockBytes); at < end; at += kBlockBytes) {
    auto [found, added] = blocks.try_emplace(at);
    if (added) {
      found->second.fill(0);
      if (auto got = disk_.read(file, at, found->second); !got) {
        blocks.erase(found);
        return std::unexpected(got.error());
      }
    }
    const std::uint64_t from = std::max(offset, at);
    const std::uint64_t to = std::min(end, at + kBlockBytes);
    std::copy_n(data.data() + (from - offset), to - from, found->second.data() + (from - at));
  }
  return {};
}

Result<void> OverlayFiles::allocate(FileId file, std::uint64_t /*from*/, std::uint64_t /*to*/) {
  return only_read(paths_[file]);
}
Result<void> OverlayFiles::truncate(FileId file, std::uint64_t /*size_bytes*/) {
  return only_read(paths_[file]);
}
Result<void> OverlayFiles::sync(FileId /*file*/) { return {}; }
Result<void> OverlayFiles::rename(const std::string& from, const std::string& /*to*/) {
  return only_read(from);
}
Result<void> OverlayFiles::remove(const std::string& /*path*/) { return {}; }
Result<void> OverlayFiles::make_directory(const std::string& path) { return only_read(path); }
Result<void> OverlayFiles::sync_directory(const std::string& /*path*/) { return {}; }
Result<std::vector<storage::DirectoryEntry>> OverlayFiles::list(const std::string& path) {
  return disk_.list(path);
}
Result<FileId> OverlayFiles::lock(const std::string& path) { return only_read(path); }
Result<storage::Mapping> OverlayFiles::map(FileId file, std::uint64_t /*size_bytes*/,
                                           std::atomic<std::uint64_t>& /*lost_at*/) {
  return only_read(paths_[file]);
}
void OverlayFiles::unmap(storage::Mapping /*mapping*/) {}
Result<void> OverlayFiles::populate(storage::Mapping /*mapping*/, std::uint64_t /*from*/,
                                    std::uint64_t /*to*/) {
  return only_read("a mapping");
}
void OverlayFiles::unpopulate(storage::Mapping /*mapping*/, std::uint64_t /*from*/,
                              std::uint64_t /*to*/) {}

}  // namespace duolog::tools

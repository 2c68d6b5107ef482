#include "storage/journal_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "engine/base/check.h"
#include "storage/options.h"

namespace duolog::storage {
namespace {

constexpr std::string_view kJournalSuffix = ".journal";
// A shorter file is one whose creation was cut short.
constexpr std::uint64_t kSmallestFileBytes = 64 * kKiB;

struct FreeBlock {
  void operator()(std::uint8_t* p) const { std::free(p); }
};
using AlignedBuffer = std::unique_ptr<std::uint8_t, FreeBlock>;

AlignedBuffer aligned(std::uint64_t size_bytes) {
  AlignedBuffer buffer(static_cast<std::uint8_t*>(std::aligned_alloc(kBlockBytes, size_bytes)));
  CHECK(buffer != nullptr);
  return buffer;
}

// Reads [0, size) of a direct file into `content`.
Result<void> read_all(Files& files, FileId file, std::uint64_t size,
                      std::vector<std::uint8_t>& content) {
  constexpr std::uint64_t kStep = 1 * kMiB;
  const AlignedBuffer buffer = aligned(kStep);
  content.clear();
  while (content.size() < size) {
    auto got = files.read(file, content.size(), {buffer.get(), kStep});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    content.insert(content.end(), buffer.get(), buffer.get() + *got);
  }
  return {};
}

}  // namespace

Result<JournalReader> JournalReader::open(Files& files, std::string directory) {
  JournalReader reader(files, std::move(directory));
  auto entries = files.list(reader.directory_);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory || !entry.name.ends_with(kJournalSuffix)) continue;
    JournalFile file;
    std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(), file.number);
    auto opened = files.open(reader.directory_ + "/" + entry.name, OpenMode::kDirect);
    if (!opened) return std::unexpected(opened.error());
    file.file = *opened;
    auto size = files.size(file.file);
    if (!size) return std::unexpected(size.error());
    // A file whose creation was cut short may have any length; it holds no group.
    file.size_bytes = align_down(*size, kBlockBytes);
    if (file.size_bytes < kSmallestFileBytes) {
      files.close(file.file);
      if (auto removed = files.remove(reader.directory_ + "/" + entry.name); !removed) {
        return std::unexpected(removed.error());
      }
      continue;
    }
    reader.files_.push_back(file);
    if (auto loaded = reader.load(file); !loaded) return std::unexpected(loaded.error());
    if (const auto first = read_group(reader.content_)) {
      file.generation = first->generation;
      reader.order_.push_back(file);
    }
  }
  std::ranges::sort(reader.order_, {}, &JournalFile::generation);
  reader.loaded_ = false;
  return reader;
}

Result<void> JournalReader::load(const JournalFile& file) {
  loaded_ = true;
  position_ = 0;
  return read_all(*disk_, file.file, file.size_bytes, content_);
}

Result<std::optional<JournalReader::Group>> JournalReader::next() {
  while (file_ < order_.size()) {
    const JournalFile& file = order_[file_];
    if (!loaded_) {
      if (auto loaded = load(file); !loaded) return std::unexpected(loaded.error());
    }
    const Bytes rest = position_ < content_.size() ? Bytes(content_).subspan(position_) : Bytes{};
    const auto header = read_group(rest);
    const bool follows = header && header->generation == file.generation &&
                         (!last_ || (header->sequence == last_->sequence + 1 &&
                                     header->previous_hash == last_->hash &&
                                     header->incarnation == last_->incarnation));
    if (follows) {
      last_ = header;
      last_position_ = position_;
      position_ += header->size_in_file();
      return Group{*header, rest.first(kGroupHeaderBytes + header->body_bytes)};
    }
    // The journal goes on in the next file only if that file's first group is the next in sequence.
    auto later = later_group_exists();
    if (!later) return std::unexpected(later.error());
    if (*later) {
      return fail(Errc::kCorrupt, directory_ + ": a journal group at position " +
                                      std::to_string(position_) + " of file generation " +
                                      std::to_string(file.generation) +
                                      " is damaged, and later groups are intact");
    }
    ++file_;
    loaded_ = false;
  }
  return std::optional<Group>();
}

// Whether a valid group says that the one missing at `position_` had been flushed: a group in the
// rest of this file, or the first of a later one. Groups that were not flushed vouch for nothing:
// a power loss may keep any of them.
Result<bool> JournalReader::later_group_exists() {
  const std::uint64_t expected = last_ ? last_->sequence + 1 : 0;
  const auto is_later = [&](const std::optional<GroupHeader>& header, std::uint64_t generation) {
    return header && header->generation == generation && last_ &&
           header->incarnation == last_->incarnation && header->flushed >= expected;
  };
  for (std::uint64_t at = position_; at + kGroupHeaderBytes <= content_.size(); at += kBlockBytes) {
    if (is_later(read_group(Bytes(content_).subspan(at)), order_[file_].generation)) return true;
  }
  if (file_ + 1 < order_.size()) {
    std::vector<std::uint8_t> content;
    const JournalFile& next = order_[file_ + 1];
    if (auto got = read_all(*disk_, next.file, next.size_bytes, content); !got) {
      return std::unexpected(got.error());
    }
    if (is_later(read_group(content), next.generation)) return true;
  }
  return false;
}

std::string JournalReader::place() const {
  return directory_ + " generation " + std::to_string(last_ ? last_->generation : 0) +
         " at position " + std::to_string(last_position_);
}

Result<void> JournalReader::empty() {
  const AlignedBuffer zeros = aligned(kBlockBytes);
  std::fill_n(zeros.get(), kBlockBytes, std::uint8_t{0});
  // A file that a killed server was making may be there and not be durable yet.
  for (const JournalFile& file : files_) {
    if (auto outcome = disk_->sync(file.file); !outcome) return outcome;
  }
  if (auto outcome = disk_->sync_directory(directory_); !outcome) return outcome;
  // Newest first: should this be cut short, what is left is still a run of consecutive groups.
  for (std::size_t i = order_.size(); i-- > 0;) {
    const JournalFile& file = order_[i];
    if (auto outcome = disk_->write(file.file, 0, {zeros.get(), kBlockBytes}); !outcome)
      return outcome;
    if (auto outcome = disk_->sync(file.file); !outcome) return outcome;
  }
  return {};
}

}  // namespace duolog::storage

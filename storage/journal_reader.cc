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
// The name of a file that is there while a journal is being emptied.
constexpr std::string_view kEmptying = "emptying";
// What a device writes whole.
constexpr std::uint64_t kSectorBytes = 512;

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
    const std::uint64_t step = std::min(kStep, size - content.size());
    auto got = files.read(file, content.size(), {buffer.get(), step});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    content.insert(content.end(), buffer.get(), buffer.get() + *got);
  }
  return {};
}

}  // namespace

Result<JournalReader> JournalReader::open(Files& files, std::string directory) {
  JournalReader reader(files, std::move(directory));
  if (auto opened = reader.open_files(); !opened) return std::unexpected(opened.error());
  if (reader.emptying_) return reader;
  if (auto surveyed = reader.survey(); !surveyed) return std::unexpected(surveyed.error());
  return reader;
}

Result<void> JournalReader::forget(Files& files, std::string directory) {
  JournalReader reader(files, std::move(directory));
  auto outcome = reader.open_files();
  if (outcome && !reader.order_.empty() && !reader.emptying_) outcome = reader.note_emptying();
  // On a full disk there is no such name: then all of it stays, for the next start.
  if (outcome && (reader.order_.empty() || reader.emptying_)) outcome = reader.empty();
  for (const JournalFile& file : reader.files_) files.close(file.file);
  return outcome;
}

Result<void> JournalReader::open_files() {
  auto entries = disk_->list(directory_);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name == kEmptying) emptying_ = true;
    if (entry.is_directory || !entry.name.ends_with(kJournalSuffix)) continue;
    const std::string path = directory_ + "/" + entry.name;
    JournalFile file;
    std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(), file.number);
    auto opened = disk_->open(path, OpenMode::kDirect);
    if (!opened) return std::unexpected(opened.error());
    file.file = *opened;
    auto size = disk_->size(file.file);
    if (!size) return std::unexpected(size.error());
    // A file whose creation was cut short may have any length; it holds no group.
    file.size_bytes = align_down(*size, kBlockBytes);
    if (file.size_bytes < kSmallestJournalFileBytes) {
      disk_->close(file.file);
      if (auto removed = disk_->remove(path); !removed) return removed;
      continue;
    }
    files_.push_back(file);
    if (auto noted = note(file, path); !noted) return noted;
  }
  std::ranges::sort(order_, {}, &JournalFile::generation);
  return {};
}

// Only a server writes the first sector of a file, and as a whole: what looks like a group's header
// there is one, though the group may be torn or damaged.
Result<void> JournalReader::note(JournalFile file, const std::string& path) {
  if (auto read = read_all(*disk_, file.file, kBlockBytes, content_); !read) return read;
  const auto version = group_version(content_);
  if (version && *version != kGroupVersion) {
    return fail(Errc::kUnsupported,
                path + " is a journal of format " + std::to_string(*version) +
                    ", this Duolog reads " + std::to_string(kGroupVersion) +
                    ": start the version that wrote it, or begin with an empty data directory");
  }
  const auto header = read_group_header(content_);
  if (!header) return {};
  file.generation = header->generation;
  secrets_.push_back(header->secret);
  order_.push_back(file);
  return {};
}

Result<void> JournalReader::load(const JournalFile& file) {
  loaded_ = true;
  position_ = 0;
  return read_all(*disk_, file.file, file.size_bytes, content_);
}

// A whole group in the file that is loaded, and not what a client made look like one.
std::optional<GroupHeader> JournalReader::group_at(std::uint64_t position) const {
  if (position >= content_.size()) return std::nullopt;
  const auto header = read_group(Bytes(content_).subspan(position));
  if (!header || std::ranges::find(secrets_, header->secret) == secrets_.end()) return std::nullopt;
  return header;
}

// What any whole group says of flushed and of needed ones holds, wherever a power loss has left it.
Result<void> JournalReader::survey() {
  for (const JournalFile& file : order_) {
    if (auto loaded = load(file); !loaded) return loaded;
    for (std::uint64_t at = 0; at < content_.size();) {
      const auto header = group_at(at);
      if (!header) {
        at += kBlockBytes;
        continue;
      }
      expected_ = std::max(expected_, header->oldest);
      flushed_ = std::max(flushed_, header->flushed);
      at += header->size_in_file();
    }
  }
  loaded_ = false;
  return {};
}

Result<std::optional<JournalReader::Group>> JournalReader::next() {
  if (emptying_) return std::optional<Group>();  // all of it has been redone
  for (; file_ < order_.size(); ++file_, loaded_ = false) {
    const JournalFile& file = order_[file_];
    if (!loaded_) {
      if (auto loaded = load(file); !loaded) return std::unexpected(loaded.error());
    }
    const auto header = group_at(position_);
    const bool follows = header && header->generation == file.generation &&
                         header->sequence == expected_ &&
                         (!last_ || header->previous_hash == last_->hash);
    if (!follows) continue;  // it may go on in the next file
    last_ = header;
    last_position_ = position_;
    position_ += header->size_in_file();
    ++expected_;
    return Group{*header,
                 Bytes(content_).subspan(last_position_, kGroupHeaderBytes + header->body_bytes)};
  }
  if (flushed_ > 0 && flushed_ >= expected_) {
    return fail(Errc::kCorrupt, directory_ + ": journal group " + std::to_string(expected_) +
                                    (last_ ? ", behind " + place() + "," : std::string()) +
                                    " is damaged or missing, and a later one says that it was "
                                    "flushed");
  }
  return std::optional<Group>();
}

Result<bool> JournalReader::pass_damage() {
  std::optional<GroupHeader> first;
  std::size_t first_file = 0;
  std::uint64_t first_position = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (auto loaded = load(order_[i]); !loaded) return std::unexpected(loaded.error());
    for (std::uint64_t at = 0; at < content_.size();) {
      const auto header = group_at(at);
      if (header && header->generation == order_[i].generation && header->sequence >= expected_ &&
          (!first || header->sequence < first->sequence)) {
        first = header;
        first_file = i;
        first_position = at;
      }
      at += header ? header->size_in_file() : kBlockBytes;
    }
  }
  if (!first) return false;
  if (auto loaded = load(order_[first_file]); !loaded) return std::unexpected(loaded.error());
  file_ = first_file;
  position_ = first_position;
  expected_ = first->sequence;
  last_.reset();
  return true;
}

std::string JournalReader::place() const {
  return directory_ + " generation " + std::to_string(last_ ? last_->generation : 0) +
         " at position " + std::to_string(last_position_);
}

// What is left when this is cut short no longer says where it began: a name says instead that
// nothing of it is needed, and is gone before there is a new group.
Result<void> JournalReader::empty() {
  // A file that a killed server was making may be there and not be durable yet.
  for (const JournalFile& file : files_) {
    if (auto outcome = disk_->sync(file.file); !outcome) return outcome;
  }
  if (!order_.empty() && !emptying_) {
    if (auto noted = note_emptying(); !noted) return noted;
  }
  if (auto outcome = disk_->sync_directory(directory_); !outcome) return outcome;
  for (const JournalFile& file : order_) {
    if (auto emptied = empty(file); !emptied) return emptied;
  }
  if (!emptying_) return {};
  if (auto removed = disk_->remove(directory_ + "/" + std::string(kEmptying)); !removed) {
    return removed;
  }
  return disk_->sync_directory(directory_);
}

// A full disk must not stop a start: without a name, only a crash within what follows would.
Result<void> JournalReader::note_emptying() {
  auto file = disk_->open(directory_ + "/" + std::string(kEmptying), OpenMode::kCreate);
  if (!file && file.error().code == Errc::kNoSpace) return {};
  if (!file) return std::unexpected(file.error());
  auto synced = disk_->sync(*file);
  disk_->close(*file);
  emptying_ = true;
  return synced;
}

// The first sector goes, with the header: a block that is torn on the way has it or not.
Result<void> JournalReader::empty(const JournalFile& file) {
  const AlignedBuffer block = aligned(kBlockBytes);
  auto outcome = disk_->read(file.file, 0, {block.get(), kBlockBytes});
  if (!outcome) return std::unexpected(outcome.error());
  std::fill_n(block.get(), kSectorBytes, std::uint8_t{0});
  if (auto written = disk_->write(file.file, 0, {block.get(), kBlockBytes}); !written) {
    return written;
  }
  return disk_->sync(file.file);
}

}  // namespace duolog::storage

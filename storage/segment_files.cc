#include "storage/segment_files.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <optional>

#include "engine/base/uuid.h"
#include "storage/batch_check.h"
#include "storage/batch_walker.h"
#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/record_batch.h"

namespace duolog::storage {
namespace {

constexpr std::uint64_t kOffsetEntryBytes = 8;  // Kafka: i32 relative offset, i32 position
constexpr std::uint64_t kTimeEntryBytes = 12;   // Kafka: i64 timestamp, i32 relative offset
constexpr std::uint64_t kIndexMagic = 0x315849'474f4c44;  // "DLOGIX1"
constexpr std::uint64_t kIndexHashBytes = 24;
constexpr const char* kMetadataFile = "/partition.metadata";

// What `.indexhash` says of the two, which are Kafka's files and have no room for it: the magic,
// then XXH3 of each, little-endian.
std::array<std::uint8_t, kIndexHashBytes> index_hash(Bytes offsets, Bytes times) {
  std::array<std::uint8_t, kIndexHashBytes> hash;
  store_le<std::uint64_t>(hash.data(), kIndexMagic);
  store_le<std::uint64_t>(hash.data() + 8, xxh3(offsets));
  store_le<std::uint64_t>(hash.data() + 16, xxh3(times));
  return hash;
}

Result<void> write_index(Files& files, const std::string& directory, Offset base_offset,
                         const std::vector<IndexEntry>& entries, IndexEntry last, Flush when) {
  std::vector<std::uint8_t> offsets(entries.size() * kOffsetEntryBytes);
  std::vector<std::uint8_t> times;
  std::int64_t newest = -1;
  const auto note_time = [&](const IndexEntry& entry) {
    if (entry.max_timestamp <= newest) return;
    newest = entry.max_timestamp;
    times.resize(times.size() + kTimeEntryBytes);
    std::uint8_t* at = times.data() + times.size() - kTimeEntryBytes;
    store_be<std::int64_t>(at, entry.max_timestamp);
    store_be<std::uint32_t>(at + 8, entry.max_timestamp_offset);
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    store_be<std::uint32_t>(offsets.data() + i * kOffsetEntryBytes, entries[i].relative_offset);
    store_be<std::uint32_t>(offsets.data() + i * kOffsetEntryBytes + 4, entries[i].position);
    note_time(entries[i]);
  }
  note_time(last);
  const auto replace = [&](const char* suffix, Bytes content) {
    return replace_file(files, directory + "/" + segment_file_name(base_offset, suffix), content,
                        when);
  };
  // `.index` last: that it is there says that the segment is sealed.
  auto outcome = replace(".indexhash", index_hash(offsets, times));
  if (outcome) outcome = replace(".timeindex", times);
  if (outcome) outcome = replace(".index", offsets);
  if (outcome && when != Flush::kNever) outcome = flush_directory(files, directory);
  return outcome;
}

// The first good batch behind what stands at `from` of a file of `size` bytes, where `expected`
// should begin. What is damaged, reading finds again and tells.
Result<std::optional<GoodBatch>> search_behind(Files& files, FileId file,
                                               const std::string& segment_path, std::uint64_t from,
                                               std::uint64_t size, Offset expected) {
  std::atomic<std::uint64_t> lost_at{kNotCorrupt};
  auto mapping = files.map(file, size, lost_at);
  if (!mapping) return std::unexpected(mapping.error());
  auto found =
      find_good_batch({mapping->data, from, size, expected,
                       Offset(std::numeric_limits<std::int64_t>::max()), [&](std::uint64_t to) {
                         return files.populate(*mapping, align_down(from, kBlockBytes), to);
                       }});
  files.unmap(*mapping);
  if (found && lost_at.load() != kNotCorrupt) {  // zeros are no damage
    return fail(Errc::kIo,
                segment_path + " cannot be read behind position " + std::to_string(from));
  }
  return found;
}

// Notes all good batches of a file.
Result<LoadedIndex> index_of(Files& files, FileId file, const Segment& segment,
                             std::uint64_t size) {
  LoadedIndex index;
  IndexEntry& last = index.last;
  GoodBatch at{0, segment.base_offset};
  for (;;) {
    BatchWalker walker(files, file, at.position, size);
    for (;;) {
      auto step = walker.next();
      if (!step) return std::unexpected(step.error());
      if (*step != BatchWalker::Step::kBatch) break;
      const BatchHeader& header = walker.header();
      if (!segment.may_follow(at.base_offset, header.base_offset) || !crc_matches(walker.batch())) {
        break;
      }
      last.relative_offset = static_cast<std::uint32_t>(header.base_offset - segment.base_offset);
      last.position = static_cast<std::uint32_t>(walker.position());
      const std::uint64_t previous = index.entries.empty() ? 0 : index.entries.back().position;
      if (last.position - previous >= SegmentIndex::kFirstStrideBytes) {
        index.entries.push_back(last);
      }
      if (header.record_count > 0 && header.max_timestamp.value > last.max_timestamp) {
        last.max_timestamp = header.max_timestamp.value;
        last.max_timestamp_offset =
            static_cast<std::uint32_t>(header.last_offset() - segment.base_offset);
      }
      at = {walker.position() + header.size_bytes(), header.next_offset()};
    }
    if (at.position >= size) return index;
    auto found = search_behind(files, file, segment.log_path(), at.position, size, at.base_offset);
    if (!found) return std::unexpected(found.error());
    const std::optional<GoodBatch>& good = *found;
    if (!good) return index;
    at = *good;
  }
}

Result<LoadedIndex> rebuild_index(Files& files, const Segment& segment, Flush when) {
  auto file = files.open(segment.log_path(), OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  auto size = files.size(*file);
  Result<LoadedIndex> index;
  if (size) index = index_of(files, *file, segment, *size);
  files.close(*file);
  if (!size) return std::unexpected(size.error());
  if (!index) return index;
  // For the next start. Reading goes on without it, be the disk ever so full. Nothing is flushed
  // then: a flush that failed here would have to stop the server.
  auto written =
      write_index(files, segment.directory, segment.base_offset, index->entries, index->last, when);
  if (!written && when != Flush::kNever) return std::unexpected(written.error());
  return index;
}

std::unexpected<Error> lost(const Segment& segment) {
  return fail(Errc::kIo, segment.log_path() + " cannot be read from position " +
                             std::to_string(segment.lost_at.load()) +
                             " on: it is not tried again before the next start");
}

}  // namespace

std::string set_aside(const std::string& directory, const Uuid& owner) {
  return directory + ".of-" + to_text(owner);
}

Result<void> make_partition_directory(Files& files, const LogIdentity& identity) {
  const std::string parent = parent_directory(identity.directory);
  const auto owner = read_partition_metadata(files, identity.directory);
  if (owner && *owner == identity.topic_id) return {};
  if (!owner && owner.error().code != Errc::kNotFound) return std::unexpected(owner.error());
  if (owner) {
    // Another topic's: it was deleted and could not be removed, or somebody has misplaced it.
    auto moved = files.rename(identity.directory, set_aside(identity.directory, *owner));
    if (moved) moved = flush_directory(files, parent);
    if (!moved) return moved;
  }
  if (auto made = files.make_directory(identity.directory); !made) {
    if (made.error().code != Errc::kExists) return made;
  }
  // Written last of the directory, so that its presence says that the directory is complete.
  auto outcome = write_partition_metadata(files, identity.directory, identity.topic_id);
  if (outcome) outcome = flush_directory(files, parent);
  return outcome;
}

Result<void> write_partition_metadata(Files& files, const std::string& directory,
                                      const Uuid& topic_id) {
  const std::string text = "version: 0\ntopic_id: " + to_text(topic_id) + "\n";
  auto outcome = replace_file(files, directory + kMetadataFile, as_bytes(text));
  if (outcome) outcome = flush_directory(files, directory);
  return outcome;
}

Result<FileId> create_segment(Files& files, const std::string& directory, Offset base_offset,
                              std::uint64_t allocate_bytes) {
  const std::string path = directory + "/" + segment_file_name(base_offset, ".log");
  const std::string temporary = path + ".tmp";
  (void)files.remove(temporary);  // left by a crash, or not there
  auto file = files.open(temporary, OpenMode::kCreateDirect);
  if (!file) return file;
  auto outcome = files.allocate(*file, 0, allocate_bytes);
  if (outcome) outcome = flush(files, *file);
  if (outcome) outcome = files.rename(temporary, path);
  if (outcome) outcome = flush_directory(files, directory);
  if (!outcome) {
    files.close(*file);
    (void)files.remove(temporary);  // best effort: the error that matters is the first one
    return std::unexpected(outcome.error());
  }
  return file;
}

Result<void> seal_segment(Files& files, FileId file, const Segment& segment,
                          std::uint64_t size_bytes, const std::vector<IndexEntry>& index,
                          IndexEntry last) {
  auto outcome = files.sync(file);
  if (outcome) outcome = files.truncate(file, size_bytes);
  if (outcome) outcome = files.sync(file);
  // The index is derived from the segment: where the disk is too full for it, it is rebuilt later.
  if (outcome)
    outcome = unless_unflushed(write_index(files, segment.directory, segment.base_offset, index,
                                           last, Flush::kBeforeItsName));
  return outcome;
}

Result<void> save_index(Files& files, const std::string& directory, Offset base_offset,
                        const std::vector<IndexEntry>& index, IndexEntry last) {
  return write_index(files, directory, base_offset, index, last, Flush::kBeforeItsName);
}

Result<Uuid> read_partition_metadata(Files& files, const std::string& directory) {
  auto content = read_file(files, directory + kMetadataFile);
  if (!content) return std::unexpected(content.error());
  constexpr std::string_view kKey = "topic_id: ";
  const std::string_view text = as_text(*content);
  const auto at = text.find(kKey);
  if (at == std::string_view::npos) {
    return fail(Errc::kCorrupt, directory + kMetadataFile + ": no topic_id");
  }
  const auto rest = text.substr(at + kKey.size());
  return parse_uuid(rest.substr(0, rest.find('\n')));
}

Result<std::optional<LoadedIndex>> stored_index(Files& files, const std::string& directory,
                                                Offset base_offset) {
  const std::string stem = directory + "/";
  auto offsets = read_file(files, stem + segment_file_name(base_offset, ".index"));
  auto times = read_file(files, stem + segment_file_name(base_offset, ".timeindex"));
  auto hash = read_file(files, stem + segment_file_name(base_offset, ".indexhash"));
  if (!offsets || !times || !hash || !std::ranges::equal(*hash, index_hash(*offsets, *times)) ||
      offsets->size() % kOffsetEntryBytes != 0 || times->size() % kTimeEntryBytes != 0) {
    return std::nullopt;
  }
  std::vector<IndexEntry> entries(offsets->size() / kOffsetEntryBytes);
  std::size_t time_at = 0;
  IndexEntry running;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint8_t* at = offsets->data() + i * kOffsetEntryBytes;
    running.relative_offset = load_be<std::uint32_t>(at);
    running.position = load_be<std::uint32_t>(at + 4);
    while (time_at < times->size()) {
      const std::uint8_t* time = times->data() + time_at;
      if (load_be<std::uint32_t>(time + 8) >= running.relative_offset) break;
      running.max_timestamp = load_be<std::int64_t>(time);
      running.max_timestamp_offset = load_be<std::uint32_t>(time + 8);
      time_at += kTimeEntryBytes;
    }
    if (i > 0 && running.position <= entries[i - 1].position) return std::nullopt;
    entries[i] = running;
  }
  if (!times->empty()) {
    const std::uint8_t* newest = times->data() + times->size() - kTimeEntryBytes;
    running.max_timestamp = load_be<std::int64_t>(newest);
    running.max_timestamp_offset = load_be<std::uint32_t>(newest + 8);
  }
  return LoadedIndex{std::move(entries), running};
}

Result<LoadedIndex> load_index(Files& files, const Segment& segment) {
  auto stored = stored_index(files, segment.directory, segment.base_offset);
  if (!stored) return std::unexpected(stored.error());
  if (std::optional<LoadedIndex>& found = *stored) return std::move(*found);
  return rebuild_index(files, segment, Flush::kNever);
}

Result<void> write_index_again(Files& files, const std::string& directory, Offset base_offset) {
  auto rebuilt = rebuild_index(files, Segment(directory, base_offset, Position(0), kBlockBytes),
                               Flush::kBeforeItsName);
  if (!rebuilt) return std::unexpected(rebuilt.error());
  return {};
}

Result<void> bury(Files& files, const Uuid& topic_id, const std::string& from,
                  const std::string& to) {
  const auto owner = read_partition_metadata(files, from);
  if (!owner && owner.error().code != Errc::kNotFound) return std::unexpected(owner.error());
  if (!owner) {
    (void)files.remove(from);  // it is not there, or has nothing in it yet
    return {};
  }
  if (*owner != topic_id) return {};
  if (!files.rename(from, to)) {
    auto removed = remove_directory(files, from);
    if (removed) removed = flush_directory(files, parent_directory(from));
    return removed;
  }
  auto moved = flush_directory(files, parent_directory(from));
  if (moved) moved = flush_directory(files, parent_directory(to));
  // What is left there is removed at the next start.
  if (moved) (void)remove_directory(files, to);
  return moved;
}

Result<void> remove_directory(Files& files, const std::string& path) {
  auto entries = files.list(path);
  if (!entries) return std::unexpected(entries.error());
  bool has_metadata = false;
  for (const DirectoryEntry& entry : *entries) {
    const std::string name = "/" + entry.name;
    if (name == kMetadataFile) {
      has_metadata = true;
    } else if (auto removed = files.remove(path + name); !removed) {
      return removed;
    }
  }
  if (has_metadata) {
    if (auto removed = files.remove(path + kMetadataFile); !removed) return removed;
  }
  return files.remove(path);
}

Result<void> ensure_index(Files& files, Segment& segment) {
  if (segment.index_loaded.load()) return {};
  std::lock_guard lock(segment.load_mutex);
  if (segment.index_loaded.load()) return {};
  auto loaded = load_index(files, segment);
  if (!loaded) return std::unexpected(loaded.error());
  segment.index.load(loaded->entries);
  segment.max_timestamp.store(loaded->last.max_timestamp);
  segment.max_timestamp_offset.store(loaded->last.max_timestamp_offset);
  segment.index_loaded.store(true);
  return {};
}

void remove_segment(Files& files, Segment& segment) {
  segment.unmap(files);
  const std::string stem = segment.directory + "/";
  (void)files.remove(stem + segment_file_name(segment.base_offset, ".log"));
  for (const char* suffix : kIndexSuffixes) {
    (void)files.remove(stem + segment_file_name(segment.base_offset, suffix));
  }
  if (segment.compacted) {
    (void)files.remove(stem + segment_file_name(segment.base_offset, kCompactedSuffix));
  }
}

BatchStarts batch_starts(const Segment& segment, std::uint64_t at) {
  if (!segment.index_loaded.load(std::memory_order_acquire)) return {};
  return segment.index.starts(align_down(at, kWindowBytes),
                              align_up(at + 1, kWindowBytes) + kWarmAheadBytes);
}

Result<void> warm(Files& files, Segment& segment, std::uint64_t at, BatchStarts starts) {
  if (auto loaded = ensure_index(files, segment); !loaded) return loaded;
  // Only a sealed segment is found without its index: that one stays as it was loaded.
  if (starts.empty()) starts = batch_starts(segment, at);
  const bool sealed = segment.sealed.load(std::memory_order_acquire);
  const std::uint64_t stable = segment.stable_bytes.load(std::memory_order_acquire);
  const std::uint64_t end = std::min(stable, align_up(at + 1, kWindowBytes) + kWarmAheadBytes);
  auto mapping = segment.ensure_mapped(files);
  if (!mapping) return std::unexpected(mapping.error());
  if (!segment.was_read(at + 1)) return lost(segment);
  BatchCheck check(files, segment, *mapping, starts, stable, sealed);
  for (std::uint64_t from = align_down(at, kWindowBytes); from < end; from += kWindowBytes) {
    const std::uint64_t to = std::min({end, from + kWindowBytes, segment.lost_at.load()});
    if (to <= from) break;
    if (segment.ready_bytes(from) >= to - from) continue;
    if (auto checked = check.window(from, to); !checked) return checked;
    if (!segment.was_read(to)) return lost(segment);
    segment.mark_ready(from, to);
  }
  return {};
}

}  // namespace duolog::storage

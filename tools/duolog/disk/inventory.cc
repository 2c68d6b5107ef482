#include "tools/duolog/disk/inventory.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/uuid.h"
#include "storage/catalog.h"
#include "storage/cleaner/segment_swap.h"
#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace duolog::tools {

using storage::Catalog;
using storage::Files;

namespace {

// The file that is the catalog: the highest n of catalog-<n>.log. Empty: none.
std::string catalog_file(Files& files, const std::string& meta) {
  std::string newest;
  std::uint64_t highest = 0;
  auto entries = files.list(meta);
  if (!entries) return newest;
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with("catalog-") || !entry.name.ends_with(".log")) continue;
    std::uint64_t n = 0;
    std::from_chars(entry.name.data() + 8, entry.name.data() + entry.name.size(), n);
    if (n > highest) {
      highest = n;
      newest = meta + "/" + entry.name;
    }
  }
  return newest;
}

// Where the first entry begins that is not whole.
std::int64_t end_of_entries(Files& files, const std::string& path) {
  auto bytes = storage::read_file(files, path);
  if (!bytes || !storage::decode_header(*bytes)) return 0;
  std::size_t at = storage::kCatalogHeaderBytes;
  while (at < bytes->size()) {
    const auto frame = storage::read_frame(Bytes(*bytes).subspan(at));
    if (!frame) break;
    at += frame->size_bytes();
  }
  return static_cast<std::int64_t>(at);
}

// A damaged checkpoint, not one of another version.
bool is_damaged_checkpoint(Files& files, const std::string& directory) {
  auto content = storage::read_file(files, directory + "/checkpoint");
  if (!content) return content.error().code != Errc::kNotFound;
  constexpr std::size_t kHashBytes = sizeof(std::uint64_t);
  if (content->size() < 2 * kHashBytes) return true;
  const Bytes body = Bytes(*content).first(content->size() - kHashBytes);
  if (storage::xxh3(body) != load_le<std::uint64_t>(body.data() + body.size())) return true;
  return !storage::read_checkpoint(files, directory) && as_text(body.first(8)) == "DLOG_CP3";
}

Finding of_partition(const PartitionOnDisk& partition, std::string kind, std::string file,
                     std::string what) {
  Finding finding;
  finding.kind = std::move(kind);
  finding.topic = partition.topic;
  finding.partition = partition.partition.value;
  finding.file = std::move(file);
  finding.what = std::move(what);
  return finding;
}

// What a start does first: a cleaned segment takes the place of those that it was made of.
void finish_swap(Files& files, const std::string& name, PartitionOnDisk& partition) {
  const auto swap = storage::swap_in(name);
  if (!swap) return;
  SegmentOnDisk segment{
      .base_offset = swap->base, .path = partition.directory + "/" + name, .compacted = true};
  auto file = files.open(segment.path, storage::OpenMode::kRead);
  if (!file) return;
  segment.size_bytes = files.size(*file).value_or(0);
  files.close(*file);
  std::erase_if(partition.segments, [&](const SegmentOnDisk& old) {
    return old.base_offset >= swap->base && old.base_offset < swap->end;
  });
  partition.segments.insert(std::ranges::upper_bound(partition.segments, segment.base_offset, {},
                                                     &SegmentOnDisk::base_offset),
                            segment);
}

// Fills in what is in the partition's directory. False: there is none, or it is another's.
bool look_into(Files& files, const Inventory& inventory, PartitionOnDisk& partition,
               std::vector<Finding>& findings) {
  // First: what it says was flushed is in the files that are listed then, be the server ever so
  // busy.
  partition.checkpoint = storage::read_checkpoint(files, partition.directory);
  auto entries = files.list(partition.directory);
  if (!entries) {
    if (entries.error().code == Errc::kNotFound) return false;
    findings.push_back(
        of_partition(partition, "directory", partition.directory, entries.error().message));
    return false;
  }
  const std::string metadata = partition.directory + "/partition.metadata";
  const auto owner = storage::read_partition_metadata(files, partition.directory);
  if (!owner && owner.error().code != Errc::kNotFound) {
    findings.push_back(
        of_partition(partition, "metadata", metadata,
                     "it does not say whose directory this is: " + owner.error().message));
  } else if (owner && inventory.catalog_read && *owner != partition.topic_id) {
    if (std::ranges::find(inventory.deleted, *owner) == inventory.deleted.end()) {
      findings.push_back(of_partition(partition, "metadata", metadata,
                                      "the files are those of topic id " + to_text(*owner) +
                                          ", and the catalog has topic id " +
                                          to_text(partition.topic_id) + " there"));
    }
    return false;
  }
  if (!partition.checkpoint && is_damaged_checkpoint(files, partition.directory)) {
    findings.push_back(of_partition(partition, "checkpoint", partition.directory + "/checkpoint",
                                    "its checksum is wrong: up to where records were flushed, "
                                    "and what producers sent last, is not known from it"));
  }
  std::set<std::string> names;
  for (const auto& entry : *entries) names.insert(entry.name);
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    SegmentOnDisk segment;
    std::from_chars(name.data(), name.data() + name.size(), segment.base_offset.value);
    segment.path = partition.directory + "/" + name;
    segment.has_index = names.contains(storage::segment_file_name(segment.base_offset, ".index"));
    segment.compacted =
        names.contains(storage::segment_file_name(segment.base_offset, storage::kCompactedSuffix));
    auto file = files.open(segment.path, storage::OpenMode::kRead);
    if (!file && file.error().code == Errc::kNotFound) continue;  // retention was faster
    if (!file) {
      findings.push_back(of_partition(partition, "segment", segment.path, file.error().message));
      continue;
    }
    segment.size_bytes = files.size(*file).value_or(0);
    files.close(*file);
    partition.segments.push_back(segment);
  }
  for (const std::string& name : names) finish_swap(files, name, partition);
  return true;
}

void add_partitions(const Catalog& catalog, const std::string& topics,
                    std::vector<PartitionOnDisk>& partitions) {
  for (const auto& [name, topic] : catalog.topics()) {
    for (std::int32_t p = 0; p < topic.partition_count; ++p) {
      PartitionOnDisk partition;
      partition.topic = name;
      partition.topic_id = topic.id;
      partition.partition = PartitionId(p);
      partition.directory = fmt::format("{}/{}-{}", topics, name, p);
      partition.start = catalog.log_start(topic.id, partition.partition);
      partitions.push_back(std::move(partition));
    }
  }
}

// Directories in topics/ that no topic of the catalog has: all of them, without a catalog.
void add_orphans(Files& files, const std::string& topics, Inventory& inventory,
                 std::vector<PartitionOnDisk>& partitions, std::vector<Finding>& findings) {
  std::set<std::string> known;
  for (const PartitionOnDisk& partition : partitions) known.insert(partition.directory);
  auto entries = files.list(topics);
  if (!entries) return;
  for (const auto& entry : *entries) {
    const auto split = split_partition(entry.name);
    if (!entry.is_directory || !split || known.contains(topics + "/" + entry.name)) continue;
    PartitionOnDisk partition;
    std::tie(partition.topic, partition.partition.value) = *split;
    partition.directory = topics + "/" + entry.name;
    partition.start_known = false;
    const auto owner = storage::read_partition_metadata(files, partition.directory);
    if (!inventory.catalog_read) {
      if (owner) partition.topic_id = *owner;
      partitions.push_back(std::move(partition));
      continue;
    }
    if (!owner || std::ranges::find(inventory.deleted, *owner) != inventory.deleted.end()) continue;
    findings.push_back(
        of_partition(partition, "directory", partition.directory,
                     "no topic of the catalog has this partition: it is not served"));
  }
}

}  // namespace

SegmentOnDisk* PartitionOnDisk::find(Offset base_offset) {
  const auto found = std::ranges::find(segments, base_offset, &SegmentOnDisk::base_offset);
  return found == segments.end() ? nullptr : &*found;
}

bool PartitionOnDisk::below_start(Offset segment) const {
  return std::ranges::any_of(segments, [&](const SegmentOnDisk& other) {
    return other.base_offset > segment && other.base_offset <= start;
  });
}

bool PartitionOnDisk::was_cleaned(Offset segment) const {
  const auto behind = std::ranges::upper_bound(segments, segment, {}, &SegmentOnDisk::base_offset);
  return behind != segments.begin() && (behind - 1)->compacted;
}

std::optional<std::pair<std::string, std::int32_t>> split_partition(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  std::int32_t partition = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + dash + 1, end, partition);
  if (parsed.ec != std::errc{} || parsed.ptr != end || partition < 0) return std::nullopt;
  return std::pair(name.substr(0, dash), partition);
}

bool is_in_use(const std::string& data_dir) {
  const int file = ::open((data_dir + "/duolog.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  // Held for no longer than this takes: a server that starts just then would be refused.
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return held;
}

Result<Inventory> take_inventory(Files& files, const std::string& data_dir,
                                 std::vector<Finding>& findings) {
  Inventory inventory;
  std::vector<PartitionOnDisk> partitions;
  const std::string meta = data_dir + "/meta";
  const std::string topics = data_dir + "/topics";
  if (const std::string path = catalog_file(files, meta); path.empty()) {
    Finding finding{.kind = "catalog", .file = meta, .what = "there is no catalog"};
    findings.push_back(std::move(finding));
  } else if (auto catalog = Catalog::open(files, meta)) {
    inventory.catalog_read = true;
    for (const auto& [id, topic] : catalog->deleted()) inventory.deleted.push_back(id);
    add_partitions(*catalog, topics, partitions);
  } else if (catalog.error().code == Errc::kUnsupported) {
    return std::unexpected(catalog.error());
  } else {
    Finding finding{.kind = "catalog",
                    .file = path,
                    .position = end_of_entries(files, path),
                    .what = catalog.error().message};
    findings.push_back(std::move(finding));
  }
  add_orphans(files, topics, inventory, partitions, findings);
  for (PartitionOnDisk& partition : partitions) {
    if (!look_into(files, inventory, partition, findings)) continue;
    if (!partition.start_known && !partition.segments.empty()) {
      partition.start = partition.segments.front().base_offset;
    }
    inventory.partitions.push_back(std::move(partition));
  }
  return inventory;
}

}  // namespace duolog::tools

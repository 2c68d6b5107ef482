#include "tools/duolog/disk/partition_check.h"

#include <algorithm>

#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/segment.h"

namespace duolog::tools {

using storage::Files;

namespace {

constexpr std::uint64_t kIndexEntryBytes = 8;  // Kafka: i32 relative offset, i32 position
constexpr std::uint64_t kHashAt = 8;           // in .indexhash, behind its magic
constexpr std::string_view kHashMagic("DLOGIX1\0", kHashAt);
constexpr int kIndexLooks = 3;  // the three files of a rebuilt index are replaced one by one

struct IndexFiles {
  Result<std::vector<std::uint8_t>> offsets;
  Result<std::vector<std::uint8_t>> times;
  Result<std::vector<std::uint8_t>> hash;

  // Those that are not there are derived again, and no damage.
  [[nodiscard]] bool are_there() const { return offsets && times && hash; }
  [[nodiscard]] bool are_what_was_written() const {
    return hash->size() == kHashAt + 2 * sizeof(std::uint64_t) &&
           as_text(Bytes(*hash).first(kHashAt)) == kHashMagic &&
           load_le<std::uint64_t>(hash->data() + kHashAt) == storage::xxh3(*offsets) &&
           load_le<std::uint64_t>(hash->data() + kHashAt + 8) == storage::xxh3(*times);
  }
};

IndexFiles read_index(Files& files, const std::string& directory, Offset base_offset) {
  const auto read = [&](const char* suffix) {
    return storage::read_file(files,
                              directory + "/" + storage::segment_file_name(base_offset, suffix));
  };
  return {read(".index"), read(".timeindex"), read(".indexhash")};
}

// The places that the index of a sealed segment names; none, and a finding, when it is damaged.
std::vector<ExpectedStart> starts_of_index(Files& files, const PartitionOnDisk& partition,
                                           const SegmentOnDisk& segment,
                                           std::vector<Finding>& findings) {
  IndexFiles index = read_index(files, partition.directory, segment.base_offset);
  for (int look = 1; look < kIndexLooks && index.are_there() && !index.are_what_was_written();
       ++look) {
    index = read_index(files, partition.directory, segment.base_offset);
  }
  std::vector<ExpectedStart> starts;
  if (!index.are_there()) return starts;
  const std::string path =
      partition.directory + "/" + storage::segment_file_name(segment.base_offset, ".index");
  if (!index.are_what_was_written()) {
    Finding finding{.kind = "index",
                    .offset = segment.base_offset.value,
                    .file = path,
                    .what =
                        "it, .timeindex or .indexhash is not what was written: they are "
                        "derived from the segment, and are written again when it is read"};
    findings.push_back(std::move(finding));
    return starts;
  }
  for (std::size_t at = 0; at + kIndexEntryBytes <= index.offsets->size(); at += kIndexEntryBytes) {
    const std::uint8_t* entry = index.offsets->data() + at;
    starts.push_back({load_be<std::uint32_t>(entry + 4),
                      segment.base_offset + load_be<std::uint32_t>(entry), path});
  }
  return starts;
}

void add_checkpoint(const PartitionOnDisk& partition, const SegmentOnDisk& segment,
                    std::vector<ExpectedStart>& starts) {
  if (!partition.checkpoint || partition.checkpoint->segment != segment.base_offset) return;
  const ExpectedStart start{partition.checkpoint->position, partition.checkpoint->next_offset,
                            partition.directory + "/checkpoint"};
  starts.insert(std::ranges::upper_bound(starts, start.position, {}, &ExpectedStart::position),
                start);
}

// Whether a segment's file begins with a batch. One that does not, and that no journal names, was
// made for what never became durable: a start drops it.
bool holds_a_batch(Files& files, const SegmentOnDisk& segment) {
  if (segment.redo_end > 0) return true;
  auto file = files.open(segment.path, storage::OpenMode::kRead);
  if (!file) return false;
  storage::BatchWalker walker(files, *file, 0, segment.size_bytes);
  const auto step = walker.next();
  const bool held =
      step && *step == storage::BatchWalker::Step::kBatch && storage::crc_matches(walker.batch());
  files.close(*file);
  return held;
}

// How many of the segments a start keeps.
std::size_t count_kept(Files& files, const PartitionOnDisk& partition, Offset floor) {
  std::size_t kept = partition.segments.size();
  while (kept > 1 && partition.segments[kept - 1].base_offset >= floor &&
         !partition.segments[kept - 1].has_index &&
         !holds_a_batch(files, partition.segments[kept - 1])) {
    --kept;
  }
  return kept;
}

// Whether a server has put another file in a segment's place since it was listed.
bool was_cleaned(Files& files, const SegmentOnDisk& segment) {
  auto file = files.open(segment.path, storage::OpenMode::kRead);
  if (!file) return file.error().code == Errc::kNotFound;
  const auto size = files.size(*file);
  files.close(*file);
  return segment.has_index && size && *size != segment.size_bytes;
}

void add_of(const PartitionOnDisk& partition, Offset first, Offset last, const std::string& what,
            std::vector<Finding>& findings) {
  Finding finding{.kind = "segment",
                  .topic = partition.topic,
                  .partition = partition.partition.value,
                  .offset = first.value,
                  .last_offset = last.value,
                  .file = partition.directory,
                  .what = what};
  findings.push_back(std::move(finding));
}

}  // namespace

Result<void> check_partition(Files& files, PartitionOnDisk& partition, bool growing,
                             SegmentCheck& check, std::vector<Finding>& findings) {
  const Offset floor = partition.checkpoint ? partition.checkpoint->floor : Offset(0);
  if (partition.segments.empty()) {
    if (!growing && floor > partition.start) {
      add_of(partition, partition.start, floor - 1, "records that were flushed have no segment",
             findings);
    }
    return {};
  }
  const Offset first = partition.segments.front().base_offset;
  if (first > partition.start && floor > partition.start) {
    add_of(partition, partition.start, first - 1, "their segment is missing", findings);
  }
  check.begin_log();
  const std::size_t kept =
      growing ? partition.segments.size() : count_kept(files, partition, floor);
  for (std::size_t i = 0; i < kept; ++i) {
    const SegmentOnDisk& segment = partition.segments[i];
    if (partition.below_start(segment.base_offset)) continue;  // nobody reads it any more
    const bool last = i + 1 == kept;
    // At a start the last one is written again, whatever index it has.
    const bool sealed = segment.has_index && (growing || !last);
    SegmentBounds bounds{.base_offset = segment.base_offset,
                         .size_bytes = segment.size_bytes,
                         .whole_position = sealed ? segment.size_bytes : segment.whole_end,
                         .whole_offset = floor,
                         .compacted = segment.compacted,
                         .growing = growing && !sealed};
    if (!last) {
      const Offset next = partition.segments[i + 1].base_offset;
      bounds.whole_offset = growing && !sealed ? std::min(floor, next) : next;
    }
    std::vector<Finding> found;
    std::vector<ExpectedStart> starts;
    if (sealed) starts = starts_of_index(files, partition, segment, found);
    add_checkpoint(partition, segment, starts);
    auto outcome = check.run(segment.path, bounds, std::move(starts), found);
    if (!outcome && outcome.error().code == Errc::kNotFound && growing) continue;  // it has gone
    if (!outcome) return outcome;
    if (growing && !found.empty() && was_cleaned(files, segment)) continue;
    for (Finding& finding : found) {
      finding.topic = partition.topic;
      finding.partition = partition.partition.value;
      findings.push_back(std::move(finding));
    }
  }
  return {};
}

}  // namespace duolog::tools

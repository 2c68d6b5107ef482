#include "storage/partition_repair.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <utility>

#include "engine/base/uuid.h"
#include "storage/batch_walker.h"
#include "storage/cleaner/segment_swap.h"
#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace duolog::storage {

Result<std::optional<PartitionRepair>> PartitionRepair::open(Files& files, const RepairInput& input,
                                                             const RepairPartition& partition) {
  const auto owner = read_partition_metadata(files, partition.directory);
  if (owner && *owner != partition.topic_id) {
    if (std::ranges::find(input.deleted, *owner) != input.deleted.end()) {
      return std::optional<PartitionRepair>();
    }
    return fail(Errc::kCorrupt,
                partition.directory + " has the files of topic id " + to_text(*owner) +
                    ", and the catalog has topic id " + to_text(partition.topic_id) +
                    " there: put the right directory in its place, or move it away");
  }
  PartitionRepair repair(files, partition);
  repair.metadata_wrong_ = !owner && owner.error().code != Errc::kNotFound;
  if (auto listed = repair.list(); !listed) {
    if (listed.error().code == Errc::kNotFound) return std::optional<PartitionRepair>();
    return std::unexpected(listed.error());
  }
  return std::optional<PartitionRepair>(std::move(repair));
}

Result<void> PartitionRepair::list() {
  auto entries = files_->list(partition_.directory);
  if (!entries) return std::unexpected(entries.error());
  auto swapped = finish_swaps(*files_, partition_.directory, *entries);
  if (!swapped) return std::unexpected(swapped.error());
  if (*swapped) entries = files_->list(partition_.directory);
  if (!entries) return std::unexpected(entries.error());
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries) names.insert(entry.name);
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    SegmentFile segment;
    std::from_chars(name.data(), name.data() + name.size(), segment.base_offset.value);
    auto file = files_->open(partition_.directory + "/" + name, OpenMode::kRead);
    if (!file) return std::unexpected(file.error());
    auto size = files_->size(*file);
    files_->close(*file);
    if (!size) return std::unexpected(size.error());
    segment.size_bytes = *size;
    segment.sealed = names.contains(segment_file_name(segment.base_offset, ".index"));
    segment.compacted = names.contains(segment_file_name(segment.base_offset, kCompactedSuffix));
    segment.has_index = std::ranges::any_of(kIndexSuffixes, [&](const char* suffix) {
      return names.contains(segment_file_name(segment.base_offset, suffix));
    });
    segments_.push_back(std::move(segment));
  }
  if (!segments_.empty()) segments_.back().sealed = false;  // it is written again
  checkpoint_ = read_checkpoint(*files_, partition_.directory);
  checkpoint_there_ = names.contains("checkpoint");
  checkpoint_wrong_ = checkpoint_there_ && !checkpoint_;
  if (checkpoint_) floor_ = checkpoint_->floor;
  start_ = partition_.start;
  return {};
}

PartitionRepair::PartitionRepair(PartitionRepair&& other) noexcept
    : files_(other.files_),
      partition_(std::move(other.partition_)),
      segments_(std::exchange(other.segments_, {})),
      checkpoint_(std::move(other.checkpoint_)),
      checkpoint_there_(other.checkpoint_there_),
      checkpoint_wrong_(other.checkpoint_wrong_),
      metadata_wrong_(other.metadata_wrong_),
      floor_(other.floor_),
      start_(other.start_),
      end_(other.end_),
      redone_(other.redone_) {}

PartitionRepair::~PartitionRepair() { close_files(); }

void PartitionRepair::close_files() {
  for (SegmentFile& segment : segments_) {
    if (segment.file != kNoFile) files_->close(std::exchange(segment.file, kNoFile));
  }
}

std::string PartitionRepair::path(Offset base, const char* suffix) const {
  return partition_.directory + "/" + segment_file_name(base, suffix);
}

// Nobody reads it any more.
bool PartitionRepair::below_start(std::size_t segment) const {
  return segment + 1 < segments_.size() && segments_[segment + 1].base_offset <= start_;
}

// It was cleaned, or became part of one that was.
bool PartitionRepair::was_cleaned(Offset segment) const {
  const auto behind = std::ranges::upper_bound(segments_, segment, {}, &SegmentFile::base_offset);
  return behind != segments_.begin() && std::prev(behind)->compacted;
}

RepairItem PartitionRepair::item(RepairKind kind, std::string file) const {
  RepairItem made;
  made.kind = kind;
  made.topic = partition_.topic;
  made.partition = partition_.partition;
  made.file = std::move(file);
  return made;
}

Result<void> PartitionRepair::touch(SegmentFile& segment) {
  if (segment.file != kNoFile) return {};
  auto file = files_->open(path(segment.base_offset), OpenMode::kReadWrite);
  if (!file) return std::unexpected(file.error());
  segment.file = *file;
  return {};
}

Result<std::string> PartitionRepair::redo(const JournalEntry& entry) {
  redone_ = true;
  if (was_cleaned(entry.segment)) return std::string();  // it was flushed before
  const auto found = std::ranges::find(segments_, entry.segment, &SegmentFile::base_offset);
  if (found == segments_.end()) {
    const bool gone = !segments_.empty() && entry.segment < segments_.front().base_offset;
    if (gone || entry.segment < start_) return std::string();
    return "the segment of offset " + std::to_string(entry.segment.value) + " of " +
           partition_.directory + " is missing";
  }
  if (below_start(static_cast<std::size_t>(found - segments_.begin()))) return std::string();
  SegmentFile& segment = *found;
  segment.whole_end = std::max(segment.whole_end, entry.whole);
  const std::uint64_t end = entry.position + entry.size_bytes;
  // What was cut off a file is there again as far as the journal has it.
  const bool grows = end > segment.size_bytes && entry.kind != EntryKind::kExtent &&
                     entry.position <= segment.size_bytes;
  if (end > segment.size_bytes && !grows) {
    return path(segment.base_offset) + " has " + std::to_string(segment.size_bytes) +
           " bytes, and the journal writes up to position " + std::to_string(end);
  }
  segment.redo_end = std::max(segment.redo_end, end);
  if (entry.kind == EntryKind::kExtent) return std::string();  // it is looked at as the others are
  if (auto opened = touch(segment); !opened) return std::unexpected(opened.error());
  auto written = files_->write(segment.file, entry.position, entry.bytes);
  if (!written) return std::unexpected(written.error());
  if (grows) {
    segment.size_bytes = end;
    segment.grown = true;
  }
  return std::string();
}

// ---- What is to be done

Result<void> PartitionRepair::plan(LeaderEpoch max_epoch, std::vector<RepairItem>& items) {
  if (metadata_wrong_) {
    RepairItem& wrong = items.emplace_back(
        item(RepairKind::kMetadata, partition_.directory + "/partition.metadata"));
    wrong.why = "it does not say whose directory this is";
    wrong.what = "it is written again, as the topic's of this name in the catalog";
  }
  plan_start(items);
  auto kept = count_kept();
  if (!kept) return std::unexpected(kept.error());
  end_ = std::max(start_, floor_);
  ScanState state{.max_epoch = max_epoch};
  for (std::size_t n = 0; n < *kept; ++n) {
    if (below_start(n)) continue;
    segments_[n].last = n + 1 == *kept;
    if (auto planned = plan_segment(n, state, items); !planned) return planned;
    end_ = segments_[n].scan.end_offset;
  }
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(*kept), segments_.end());
  if (checkpoint_wrong_) {
    RepairItem& wrong =
        items.emplace_back(item(RepairKind::kCheckpoint, partition_.directory + "/checkpoint"));
    wrong.why = checkpoint_ ? "it names a place in a segment where no batch begins"
                            : "its checksum is wrong, or another version wrote it";
    wrong.what = "it is taken out: the next start walks the segments and writes it again";
  }
  return {};
}

// The first segments are missing: the log begins with what is there.
void PartitionRepair::plan_start(std::vector<RepairItem>& items) {
  if (floor_ <= start_) return;
  const Offset begins = segments_.empty() ? floor_ : segments_.front().base_offset;
  if (begins <= start_) return;
  RepairItem& missing = items.emplace_back(item(RepairKind::kStart, partition_.directory));
  missing.first = start_;
  missing.end = begins;
  missing.why = "the segments of these offsets are missing";
  missing.what = "the log begins at offset " + std::to_string(begins.value) + " from now on";
  start_ = begins;
}

Result<bool> PartitionRepair::holds_a_batch(const SegmentFile& segment) {
  auto file = files_->open(path(segment.base_offset), OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  BatchWalker walker(*files_, *file, 0, segment.size_bytes);
  auto step = walker.next();
  const bool held = step && *step == BatchWalker::Step::kBatch && crc_matches(walker.batch());
  files_->close(*file);
  if (!step) return std::unexpected(step.error());
  return held;
}

// Without those at the end that were made for what never became durable: a start drops them.
Result<std::size_t> PartitionRepair::count_kept() {
  std::size_t kept = segments_.size();
  for (; kept > 1; --kept) {
    const SegmentFile& last = segments_[kept - 1];
    if (last.base_offset < floor_ || last.has_index || last.redo_end > 0) break;
    auto held = holds_a_batch(last);
    if (!held) return std::unexpected(held.error());
    if (*held) break;
  }
  return kept;
}

Result<void> PartitionRepair::plan_segment(std::size_t n, ScanState& state,
                                           std::vector<RepairItem>& items) {
  SegmentFile& segment = segments_[n];
  SegmentClaims claims{.path = path(segment.base_offset), .base_offset = segment.base_offset};
  claims.whole_position = segment.sealed ? segment.size_bytes : segment.whole_end;
  claims.whole_offset = floor_;
  claims.compacted = segment.compacted;
  if (!segment.last) claims.limit = segments_[n + 1].base_offset;
  bool index_wrong = false;
  const bool of_checkpoint = checkpoint_ && checkpoint_->segment == segment.base_offset;
  if (!segment.last) {
    auto index = stored_index(*files_, partition_.directory, segment.base_offset);
    if (!index) return std::unexpected(index.error());
    index_wrong = !*index;
    claims.starts_are_sure = !index_wrong;
    if (const std::optional<LoadedIndex>& stored = *index) {
      for (const IndexEntry& entry : stored->entries) {
        claims.starts.push_back({entry.relative_offset, entry.position});
      }
    } else {
      claims.starts = unsure_starts(path(segment.base_offset, ".index"));
    }
  } else if (of_checkpoint) {
    for (const IndexEntry& entry : checkpoint_->index) {
      claims.starts.push_back({entry.relative_offset, entry.position});
    }
    claims.starts.push_back(
        {static_cast<std::uint32_t>(checkpoint_->next_offset - segment.base_offset),
         static_cast<std::uint32_t>(checkpoint_->position)});
  } else if (segment.has_index) {  // it was sealed: what followed is dropped
    claims.starts = unsure_starts(path(segment.base_offset, ".index"));
    claims.starts_are_sure = false;
  }
  auto scan = scan_segment(*files_, std::move(claims), state);
  if (!scan) return std::unexpected(scan.error());
  segment.scan = std::move(*scan);
  if (segment.grown) {
    RepairItem& shorter = items.emplace_back(item(RepairKind::kBatch, path(segment.base_offset)));
    shorter.why = "the file is shorter than the journal says";
    shorter.what = "what the journal has of it is written again";
  }
  plan_holes(segment, items);
  if (segment.last) {
    checkpoint_wrong_ = checkpoint_wrong_ || (of_checkpoint && !segment.scan.starts_fit);
    return {};
  }
  if (!index_wrong && segment.scan.starts_fit) return {};
  segment.rewrite_index = true;
  RepairItem& wrong =
      items.emplace_back(item(RepairKind::kIndex, path(segment.base_offset, ".index")));
  wrong.why = index_wrong ? "it, .timeindex or .indexhash is missing, or not what was written"
                          : "it names a place in the segment where no batch begins";
  wrong.what = "all three are derived from the segment again";
  return {};
}

// What a damaged `.index` says, as far as it may be.
std::vector<BatchStart> PartitionRepair::unsure_starts(const std::string& file) {
  std::vector<BatchStart> starts;
  const auto content = read_file(*files_, file);
  if (!content) return starts;
  constexpr std::size_t kEntryBytes = SegmentIndex::kOffsetEntryBytes;
  for (std::size_t at = 0; at + kEntryBytes <= content->size(); at += kEntryBytes) {
    const std::uint8_t* entry = content->data() + at;
    starts.push_back({load_be<std::uint32_t>(entry), load_be<std::uint32_t>(entry + 4)});
  }
  std::ranges::sort(starts, {}, &BatchStart::position);
  return starts;
}

void PartitionRepair::plan_holes(const SegmentFile& segment, std::vector<RepairItem>& items) const {
  for (const Hole& hole : segment.scan.holes) {
    RepairItem& damaged = items.emplace_back(item(RepairKind::kBatch, path(segment.base_offset)));
    damaged.first = hole.first;
    damaged.end = hole.end;
    damaged.bytes = hole.to - hole.from;
    damaged.position = static_cast<std::int64_t>(hole.from);
    damaged.why = hole.why;
    damaged.what = !hole.loses() && !hole.instead.empty()
                       ? "its header is put right; no record is lost"
                   : !hole.loses() ? "these bytes are cut out; no record is lost"
                                   : "these bytes are cut out, and readers pass over the offsets";
    if (!hole.end_known) damaged.what += "; nothing says how many more records were there";
  }
}

// ---- Doing it

Result<void> PartitionRepair::save_floor(KeptAside& aside) {
  for (SegmentFile& segment : segments_) {
    if (segment.sealed && segment.file == kNoFile) continue;
    if (auto opened = touch(segment); !opened) return opened;
    if (auto synced = flush(*files_, segment.file); !synced) return synced;
  }
  close_files();
  if (checkpoint_wrong_) {
    const std::string file = partition_.directory + "/checkpoint";
    if (auto kept = aside.keep_file(file, "a damaged checkpoint"); !kept) return kept;
    checkpoint_.reset();
  }
  if (segments_.empty() || (!redone_ && !checkpoint_wrong_)) return {};
  const Offset first = segments_.front().base_offset;
  Checkpoint checkpoint = checkpoint_.value_or(Checkpoint{.segment = first, .next_offset = first});
  checkpoint.floor = floor_ = std::max(floor_, end_);
  if (auto written = write_checkpoint(*files_, partition_.directory, checkpoint); !written) {
    return written;
  }
  checkpoint_ = std::move(checkpoint);
  return {};
}

Result<void> PartitionRepair::apply(KeptAside& aside, Catalog& catalog) {
  if (metadata_wrong_) {
    const std::string file = partition_.directory + "/partition.metadata";
    if (auto kept = aside.keep_file(file, "it does not say whose directory this is"); !kept) {
      return kept;
    }
    auto written = write_partition_metadata(*files_, partition_.directory, partition_.topic_id);
    if (!written) return written;
  }
  for (const SegmentFile& segment : segments_) {
    if (!segment.scan.holes.empty()) {
      if (auto replaced = replace(segment, aside); !replaced) return replaced;
    } else if (segment.rewrite_index) {
      if (auto replaced = replace_index(segment, aside); !replaced) return replaced;
    }
  }
  if (start_ > partition_.start) {
    return catalog.set_log_start(partition_.topic_id, partition_.partition, start_);
  }
  return {};
}

// A checkpoint within a segment counts on positions in it: it is to begin with that segment, before
// these change. What it knows of producers is only ahead of that.
Result<void> PartitionRepair::begin_before(const SegmentFile& segment) {
  if (!checkpoint_ || checkpoint_->segment != segment.base_offset) return {};
  Checkpoint& checkpoint = *checkpoint_;
  checkpoint.position = 0;
  checkpoint.next_offset = segment.base_offset;
  checkpoint.max_timestamp = -1;
  checkpoint.max_timestamp_offset = 0;
  checkpoint.index.clear();
  std::erase_if(checkpoint.epochs,
                [&](const EpochStart& epoch) { return epoch.start >= segment.base_offset; });
  return write_checkpoint(*files_, partition_.directory, checkpoint);
}

Result<void> PartitionRepair::replace(const SegmentFile& segment, KeptAside& aside) {
  const std::string file = path(segment.base_offset);
  for (const Hole& hole : segment.scan.holes) {
    if (hole.to == hole.from) continue;
    const std::string why = hole.why + "; offsets " + std::to_string(hole.first.value) + " to " +
                            std::to_string(hole.end.value) + ", exclusive";
    if (auto kept = aside.keep(file, hole.from, hole.to - hole.from, why); !kept) return kept;
  }
  if (auto begun = begin_before(segment); !begun) return begun;
  if (auto written = write_mended(*files_, file, segment.scan); !written) return written;
  // It would be believed of the other two, which name places in the file as it was. They stay until
  // they are replaced: a repair that is cut short here needs them again.
  auto removed = files_->remove(path(segment.base_offset, ".indexhash"));
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  if (auto flushed = flush_directory(*files_, partition_.directory); !flushed) return flushed;
  if (auto renamed = files_->rename(file + ".tmp", file); !renamed) return renamed;
  if (auto flushed = flush_directory(*files_, partition_.directory); !flushed) return flushed;
  if (segment.last) return {};
  return write_index_again(*files_, partition_.directory, segment.base_offset);
}

// A segment that a server was killed before it sealed has space behind its batches that was
// allocated ahead. With an index it counts as sealed, and its size as exact.
Result<void> PartitionRepair::cut_to_size(const SegmentFile& segment) {
  if (segment.scan.end == segment.size_bytes) return {};
  auto file = files_->open(path(segment.base_offset), OpenMode::kReadWrite);
  if (!file) return std::unexpected(file.error());
  auto cut = files_->truncate(*file, segment.scan.end);
  if (cut) cut = flush(*files_, *file);
  files_->close(*file);
  return cut;
}

Result<void> PartitionRepair::replace_index(const SegmentFile& segment, KeptAside& aside) {
  for (const char* suffix : kIndexSuffixes) {
    auto kept = aside.keep_file(path(segment.base_offset, suffix), "a damaged index");
    if (!kept && kept.error().code != Errc::kNotFound) return kept;
  }
  if (auto cut = cut_to_size(segment); !cut) return cut;
  return write_index_again(*files_, partition_.directory, segment.base_offset);
}

}  // namespace duolog::storage

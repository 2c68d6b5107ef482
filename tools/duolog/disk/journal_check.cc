#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "storage/file_util.h"
#include "storage/hash.h"
#include "storage/journal_format.h"
#include "storage/journal_reader.h"
#include "storage/kept_journals.h"
#include "storage/options.h"
#include "tools/duolog/disk/partition_check.h"

namespace duolog::tools {

using storage::EntryKind;
using storage::Files;
using storage::GroupHeader;
using storage::JournalEntry;
using storage::JournalReader;

namespace {

constexpr int kJournalLooks = 5;
constexpr std::chrono::milliseconds kBetweenJournalLooks{100};

std::vector<std::string> shard_directories(Files& files, const std::string& directory,
                                           std::vector<Finding>& findings) {
  std::vector<std::string> found;
  auto entries = files.list(directory);
  if (!entries) {
    Finding finding{.kind = "journal", .file = directory, .what = entries.error().message};
    findings.push_back(std::move(finding));
    return found;
  }
  for (const auto& entry : *entries) {
    if (entry.is_directory) found.push_back(directory + "/" + entry.name);
  }
  return found;
}

// Whether the bytes in the segment are those that were flushed there.
Result<bool> extent_is_there(Files& files, storage::FileId file, const JournalEntry& entry) {
  std::vector<std::uint8_t> bytes(std::min<std::uint64_t>(entry.size_bytes, storage::kMiB));
  storage::Hasher hasher;
  for (std::uint64_t at = 0; at < entry.size_bytes;) {
    const std::uint64_t size = std::min<std::uint64_t>(bytes.size(), entry.size_bytes - at);
    auto got = files.read(file, entry.position + at, {bytes.data(), size});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return false;
    hasher.update({bytes.data(), *got});
    at += *got;
  }
  return hasher.digest() == entry.hash;
}

// Does to the overlay what a start does to the segments. Empty, or what is wrong.
std::string redo(Files& files, PartitionOnDisk& partition, const JournalEntry& entry) {
  SegmentOnDisk* segment = partition.find(entry.segment);
  const bool nobody_reads =
      partition.below_start(entry.segment) ||
      (!partition.segments.empty() && entry.segment < partition.segments.front().base_offset) ||
      partition.was_cleaned(entry.segment);
  if (segment == nullptr) {
    return nobody_reads ? ""
                        : "it names the segment of offset " + std::to_string(entry.segment.value) +
                              ", which is missing";
  }
  if (nobody_reads) return "";
  if (entry.position + entry.size_bytes > segment->size_bytes) {
    return "it writes up to position " + std::to_string(entry.position + entry.size_bytes) +
           " of " + segment->path + ", which has " + std::to_string(segment->size_bytes) + " bytes";
  }
  segment->redo_end = std::max(segment->redo_end, entry.position + entry.size_bytes);
  segment->whole_end = std::max(segment->whole_end, entry.whole);
  auto file = files.open(segment->path, storage::OpenMode::kRead);
  if (!file) return file.error().message;
  std::string fault;
  if (entry.kind == EntryKind::kExtent) {
    const auto there = extent_is_there(files, *file, entry);
    if (!there) {
      fault = there.error().message;
    } else if (!*there) {
      fault = std::to_string(entry.size_bytes) + " bytes at position " +
              std::to_string(entry.position) + " of " + segment->path +
              " were flushed, and are damaged";
    }
  } else if (auto written = files.write(*file, entry.position, entry.bytes); !written) {
    fault = written.error().message;
  }
  files.close(*file);
  return fault;
}

void apply_entry(Files& files, Inventory& inventory, const JournalEntry& entry,
                 const std::string& place, std::vector<Finding>& findings) {
  if (std::ranges::find(inventory.deleted, entry.topic_id) != inventory.deleted.end()) return;
  Finding finding{.kind = "journal", .file = place};
  for (PartitionOnDisk& partition : inventory.partitions) {
    if (partition.topic_id != entry.topic_id || partition.partition != entry.partition) continue;
    finding.what = redo(files, partition, entry);
    finding.topic = partition.topic;
    finding.partition = partition.partition.value;
    finding.offset = entry.segment.value;
    if (!finding.what.empty()) findings.push_back(std::move(finding));
    return;
  }
  if (!inventory.catalog_read) return;  // whose it was cannot be known
  finding.what = "it names a partition that has no directory";
  findings.push_back(std::move(finding));
}

// Where behind `from` a later group of the same run through the file begins, which says that group
// `sequence` was flushed. Nothing: that one was torn, or is being written.
bool was_flushed(Bytes content, std::uint64_t from, const GroupHeader& first,
                 std::uint64_t sequence) {
  for (std::uint64_t at = from; at < content.size(); at += storage::kBlockBytes) {
    const auto header = storage::read_group(content.subspan(at));
    if (header && header->secret == first.secret && header->generation == first.generation &&
        header->sequence > sequence && header->flushed >= sequence) {
      return true;
    }
  }
  return false;
}

// The position of a damaged group; kNotKnown: all is well.
std::int64_t damaged_group(Bytes content, std::uint64_t& groups) {
  const auto first = storage::read_group_header(content);
  if (!first) return kNotKnown;
  std::uint64_t sequence = first->sequence;
  std::uint64_t previous_hash = first->previous_hash;
  for (std::uint64_t at = 0; at < content.size();) {
    const auto header = storage::read_group(content.subspan(at));
    if (!header || header->secret != first->secret || header->generation != first->generation ||
        header->sequence != sequence || header->previous_hash != previous_hash) {
      return was_flushed(content, at, *first, sequence) ? static_cast<std::int64_t>(at) : kNotKnown;
    }
    ++groups;
    ++sequence;
    previous_hash = header->hash;
    at += header->size_in_file();
  }
  return kNotKnown;
}

void check_growing_file(Files& files, const std::string& path, VerifyCounts& counts,
                        std::vector<Finding>& findings) {
  std::int64_t before = kNotKnown;
  for (int look = 0; look < kJournalLooks; ++look) {
    const auto content = storage::read_file(files, path);
    if (!content) return;  // a shard's journal may go
    std::uint64_t groups = 0;
    const std::int64_t damaged = damaged_group(*content, groups);
    if (damaged == kNotKnown) {
      counts.groups += groups;
      return;
    }
    before = damaged;
    std::this_thread::sleep_for(kBetweenJournalLooks);
  }
  Finding finding{.kind = "journal",
                  .file = path,
                  .position = before,
                  .what = "a group is damaged, and a later one says that it was flushed"};
  findings.push_back(std::move(finding));
}

// `only`: of its entries, those of these logs; null: all.
Result<void> check_journal(Files& files, const std::string& directory,
                           const std::set<storage::LogKey>* only, Inventory& inventory,
                           VerifyCounts& counts, std::vector<Finding>& findings) {
  auto journal = JournalReader::open(files, directory);
  if (!journal && journal.error().code == Errc::kUnsupported) {
    return std::unexpected(journal.error());
  }
  Finding finding{.kind = "journal", .file = directory};
  if (!journal) {
    finding.what = journal.error().message;
    findings.push_back(std::move(finding));
    return {};
  }
  for (;;) {
    auto group = journal->next();
    if (!group) {
      finding.what = group.error().message;
      findings.push_back(std::move(finding));
      break;
    }
    const auto& read = *group;
    if (!read) break;
    ++counts.groups;
    storage::EntryReader entries(read->header, read->bytes);
    JournalEntry entry;
    auto more = entries.next(entry);
    for (; more && *more; more = entries.next(entry)) {
      if (only != nullptr && !only->contains({entry.topic_id, entry.partition})) continue;
      apply_entry(files, inventory, entry, journal->place(), findings);
    }
    if (!more) {
      findings.push_back(
          {.kind = "journal", .file = journal->place(), .what = more.error().message});
    }
  }
  for (const storage::JournalFile& file : journal->files()) files.close(file.file);
  return {};
}

}  // namespace

Result<void> check_journals(Files& files, const std::string& directory, Inventory& inventory,
                            VerifyCounts& counts, std::vector<Finding>& findings) {
  for (const std::string& shard : shard_directories(files, directory, findings)) {
    auto checked = check_journal(files, shard, nullptr, inventory, counts, findings);
    if (!checked) return checked;
  }
  return {};
}

Result<void> check_kept_journals(Files& files, const std::string& directory, Inventory& inventory,
                                 VerifyCounts& counts, std::vector<Finding>& findings) {
  auto journals = storage::kept_journals(files, directory);
  if (!journals) {
    findings.push_back({.kind = "journal", .file = directory, .what = journals.error().message});
    return {};
  }
  for (const storage::KeptJournal& kept : *journals) {
    auto checked =
        check_journal(files, kept.directory, &kept.partitions, inventory, counts, findings);
    if (!checked) return checked;
  }
  return {};
}

void check_growing_journals(Files& files, const std::string& directory, VerifyCounts& counts,
                            std::vector<Finding>& findings) {
  for (const std::string& shard : shard_directories(files, directory, findings)) {
    auto entries = files.list(shard);
    if (!entries) continue;
    for (const auto& entry : *entries) {
      if (!entry.name.ends_with(".journal")) continue;
      check_growing_file(files, shard + "/" + entry.name, counts, findings);
    }
  }
}

}  // namespace duolog::tools

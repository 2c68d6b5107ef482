#include "storage/kept_journals.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "engine/base/uuid.h"
#include "storage/file_util.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

constexpr std::string_view kForSuffix = ".offline";

std::string name_for(const LogKey& partition) {
  return to_text(partition.first) + "-" + std::to_string(partition.second.value) +
         std::string(kForSuffix);
}

std::optional<LogKey> partition_of(std::string_view name) {
  if (!name.ends_with(kForSuffix)) return std::nullopt;
  name.remove_suffix(kForSuffix.size());
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto topic = parse_uuid(name.substr(0, dash));
  if (!topic) return std::nullopt;
  LogKey partition{*topic, PartitionId(0)};
  std::from_chars(name.data() + dash + 1, name.data() + name.size(), partition.second.value);
  return partition;
}

std::uint64_t number_of(std::string_view name) {
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

Result<std::uint64_t> size_of(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  auto size = files.size(*file);
  files.close(*file);
  return size;
}

Result<KeptJournal> look_at(Files& files, std::string directory) {
  KeptJournal kept{.directory = std::move(directory), .partitions = {}};
  auto entries = files.list(kept.directory);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (const auto partition = partition_of(entry.name)) {
      kept.partitions.insert(*partition);
    } else if (auto size = size_of(files, kept.directory + "/" + entry.name)) {
      kept.size_bytes += *size;
    }
  }
  return kept;
}

Result<void> make_mark(Files& files, const std::string& path) {
  auto mark = files.open(path, OpenMode::kCreate);
  if (!mark && mark.error().code == Errc::kExists) return {};
  if (!mark) return std::unexpected(mark.error());
  auto synced = files.sync(*mark);
  files.close(*mark);
  return synced;
}

// A start that was cut short may have left marks of others: for those it is not kept.
Result<void> mark(Files& files, const std::string& journal, const std::set<LogKey>& partitions) {
  auto entries = files.list(journal);
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    const auto partition = partition_of(entry.name);
    if (!partition || partitions.contains(*partition)) continue;
    if (auto removed = files.remove(journal + "/" + entry.name); !removed) return removed;
  }
  for (const LogKey& partition : partitions) {
    if (auto made = make_mark(files, journal + "/" + name_for(partition)); !made) return made;
  }
  return files.sync_directory(journal);
}

}  // namespace

Result<std::vector<KeptJournal>> kept_journals(Files& files, const std::string& directory) {
  std::vector<KeptJournal> found;
  auto entries = files.list(directory);
  if (!entries && entries.error().code == Errc::kNotFound) return found;
  if (!entries) return std::unexpected(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.is_directory) continue;
    auto kept = look_at(files, directory + "/" + entry.name);
    if (!kept) return std::unexpected(kept.error());
    found.push_back(std::move(*kept));
  }
  return found;  // names have a fixed width, and are sorted
}

Result<void> keep_journal(Files& files, const std::string& directory, const std::string& journal,
                          const std::set<LogKey>& partitions) {
  auto made = files.make_directory(directory);
  if (!made && made.error().code != Errc::kExists) return made;
  if (auto synced = files.sync_directory(parent_directory(directory)); !synced) return synced;
  auto entries = files.list(directory);
  if (!entries) return std::unexpected(entries.error());
  std::uint64_t number = 1;
  for (const DirectoryEntry& entry : *entries) {
    number = std::max(number, number_of(entry.name) + 1);
  }
  if (auto marked = mark(files, journal, partitions); !marked) return marked;
  char name[24];
  std::snprintf(name, sizeof name, "/%08llu", static_cast<unsigned long long>(number));
  if (auto moved = files.rename(journal, directory + name); !moved) return moved;
  if (auto synced = files.sync_directory(directory); !synced) return synced;
  return files.sync_directory(parent_directory(journal));
}

Result<void> release(Files& files, const KeptJournal& kept, const LogKey& partition) {
  auto removed = files.remove(kept.directory + "/" + name_for(partition));
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  if (auto synced = files.sync_directory(kept.directory); !synced) return synced;
  auto left = look_at(files, kept.directory);
  if (left && left->partitions.empty()) (void)remove_directory(files, kept.directory);
  return {};
}

Result<void> release_kept(Files& files, const std::string& directory, const LogKey& partition) {
  auto journals = kept_journals(files, directory);
  if (!journals) return std::unexpected(journals.error());
  for (const KeptJournal& kept : *journals) {
    if (!kept.partitions.contains(partition)) continue;
    if (auto released = release(files, kept, partition); !released) return released;
  }
  return {};
}

}  // namespace duolog::storage

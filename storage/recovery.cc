#include "storage/recovery.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "engine/base/uuid.h"
#include "storage/checkpoint.h"
#include "storage/file_util.h"
#include "storage/journal_reader.h"
#include "storage/log_recovery.h"
#include "storage/segment_files.h"

namespace duolog::storage {
namespace {

using Key = std::pair<Uuid, PartitionId>;

using Logs = std::map<Key, LogRecovery>;

Result<void> apply(const RecoveryInput& input, Logs& logs, const JournalEntry& entry) {
  if (std::ranges::find(input.deleted, entry.topic_id) != input.deleted.end()) return {};
  const auto log = logs.find({entry.topic_id, entry.partition});
  if (log == logs.end()) {
    return fail(Errc::kCorrupt, "the journal names a topic that the catalog does not know");
  }
  return log->second.redo(entry);
}

Result<void> redo_journal(JournalReader& journal, const RecoveryInput& input, Logs& logs,
                          RecoveryReport& report) {
  for (;;) {
    auto group = journal.next();
    if (!group) return std::unexpected(group.error());
    const auto& read = *group;
    if (!read) return {};
    ++report.groups;
    EntryReader entries(read->header, read->bytes);
    JournalEntry entry;
    for (;;) {
      auto more = entries.next(entry);
      if (more && *more) {
        auto applied = apply(input, logs, entry);
        if (!applied) more = std::unexpected(applied.error());
        report.redone_bytes += entry.bytes.size();
      }
      if (!more) {
        return fail(more.error().code, journal.place() + ": " + more.error().message);
      }
      if (!*more) break;
    }
  }
}

// Whether the partition's directory is its own. That of a deleted topic of the same name, which
// could not be removed, has nothing to do with it.
Result<bool> is_its_own(Files& files, const RecoveryInput& input, const Uuid& topic_id,
                        const std::string& directory) {
  const auto owner = read_partition_metadata(files, directory);
  if (!owner && owner.error().code != Errc::kNotFound) return std::unexpected(owner.error());
  if (!owner || *owner == topic_id) return true;
  if (std::ranges::find(input.deleted, *owner) != input.deleted.end()) return false;
  return fail(Errc::kCorrupt, directory + " has the files of topic id " + to_text(*owner) +
                                  ", and the catalog has topic id " + to_text(topic_id) +
                                  " there: put the right directory in its place, or move it away");
}

Result<void> finish(const RecoveryInput& input, Logs& logs, RecoveryReport& report) {
  for (auto& [key, log] : logs) {
    auto recovered = log.finish();
    if (!recovered) return std::unexpected(recovered.error());
    report.walked_bytes += log.walked_bytes();
    // A clock that has been set back since does not make a segment live longer.
    std::int64_t& since_ms = recovered->active_since_ms;
    if (since_ms == kUnknownSince || since_ms > input.now.value) since_ms = input.now.value;
    if (auto saved = log.save_checkpoint(*recovered); !saved) return saved;
    report.logs.emplace(key, std::move(*recovered));
  }
  return {};
}

}  // namespace

Result<RecoveryReport> recover(Files& files, const RecoveryInput& input) {
  RecoveryReport report;
  Logs logs;
  for (const auto& [key, partition] : input.partitions) {
    const auto own = is_its_own(files, input, key.first, partition.directory);
    if (!own) return std::unexpected(own.error());
    auto log = *own ? LogRecovery::open(files, partition.directory, partition.start)
                    : Result<std::optional<LogRecovery>>(std::optional<LogRecovery>());
    if (!log) return std::unexpected(log.error());
    if (std::optional<LogRecovery>& found = *log) {
      logs.emplace(key, std::move(*found));
    } else if (partition.start > Offset(0)) {
      // A power loss took all there was, and then nothing was appended.
      report.logs.emplace(key, RecoveredLog{.end = partition.start, .start = partition.start});
    }
    // A partition without files is one that was never appended to: the journal cannot name it.
  }

  auto directories = files.list(input.journal_directory);
  if (!directories) return std::unexpected(directories.error());
  // A server that was killed may have made one and not come to this.
  if (auto synced = files.sync_directory(input.journal_directory); !synced) {
    return std::unexpected(synced.error());
  }
  std::vector<JournalReader> journals;
  for (const DirectoryEntry& entry : *directories) {
    if (!entry.is_directory) continue;
    auto journal = JournalReader::open(files, input.journal_directory + "/" + entry.name);
    if (!journal) return std::unexpected(journal.error());
    if (auto redone = redo_journal(*journal, input, logs, report); !redone) {
      return std::unexpected(redone.error());
    }
    std::uint32_t shard = 0;
    std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(), shard);
    report.journals[shard] = journal->files();
    journals.push_back(std::move(*journal));
  }

  if (auto finished = finish(input, logs, report); !finished) {
    return std::unexpected(finished.error());
  }
  // Only now, with everything in the segments and synced, may the journals be forgotten.
  for (JournalReader& journal : journals) {
    if (auto emptied = journal.empty(); !emptied) return std::unexpected(emptied.error());
  }
  std::set<std::string> parents;
  for (auto& [key, log] : logs) {
    if (auto cut = log.cut(); !cut) return std::unexpected(cut.error());
    report.cut_bytes += log.cut_bytes();
    if (auto saved = log.save_due_checkpoint(report.logs.at(key)); !saved) {
      return std::unexpected(saved.error());
    }
    report.logs.at(key).checkpoint_segment = log.saved_segment();
  }
  // A partition's directory may be there without being durable, too.
  for (const auto& [key, partition] : input.partitions) {
    parents.insert(parent_directory(partition.directory));
  }
  for (const std::string& parent : parents) {
    auto synced = files.sync_directory(parent);
    if (!synced && synced.error().code != Errc::kNotFound) return std::unexpected(synced.error());
  }
  return report;
}

}  // namespace duolog::storage

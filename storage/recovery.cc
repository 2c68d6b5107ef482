#include "storage/recovery.h"

#include <algorithm>
#include <charconv>
#include <functional>
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

// All logs on their way from what a crash left to what can be written again.
class Recovery {
 public:
  Recovery(Files& files, const RecoveryInput& input) : files_(files), input_(input) {}

  Result<RecoveryReport> run();

 private:
  struct Journal {
    JournalReader reader;
    std::string directory;
    std::set<LogKey> named;  // by its entries
  };

  void open_logs();
  void open_log(const LogKey& key, const KnownPartition& partition);
  void redo_kept(const KeptJournal& kept);
  Result<void> redo_journals();
  Result<void> redo(Journal& journal);
  Result<void> apply(Journal& journal, const JournalEntry& entry);
  void redo_entry(const LogKey& key, const JournalEntry& entry, const std::string& place);
  template <class Outcome>
  std::vector<std::pair<LogKey, Result<Outcome>>> of_each_log(
      const std::function<Result<Outcome>(const LogKey& key, LogRecovery& log)>& work);
  void finish_logs();
  Result<void> forget_journals();
  Result<void> forget(Journal& journal);
  Result<void> release(const KeptJournal& kept);
  void cut_logs();
  Result<void> sync_parents();

  void take_offline(const LogKey& key, const Error& error);
  [[nodiscard]] bool is_offline(const LogKey& key) const { return report_.offline.contains(key); }

  Files& files_;
  const RecoveryInput& input_;
  RecoveryReport report_;
  std::map<LogKey, LogRecovery> logs_;  // without those that are offline
  std::vector<KeptJournal> kept_;
  std::vector<Journal> journals_;
};

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

void Recovery::take_offline(const LogKey& key, const Error& error) {
  report_.offline.emplace(key, error);  // what was first is why
  logs_.erase(key);
  report_.logs.erase(key);
}

// ---- What is there -----------------------------------------------------------------------------

void Recovery::open_logs() {
  for (const auto& [key, partition] : input_.partitions) open_log(key, partition);
}

void Recovery::open_log(const LogKey& key, const KnownPartition& partition) {
  const auto own = is_its_own(files_, input_, key.first, partition.directory);
  if (!own) return take_offline(key, own.error());
  auto log = *own ? LogRecovery::open(files_, partition.directory, partition.start)
                  : Result<std::optional<LogRecovery>>(std::optional<LogRecovery>());
  if (!log) return take_offline(key, log.error());
  if (std::optional<LogRecovery>& found = *log) {
    logs_.emplace(key, std::move(*found));
  } else if (partition.start > Offset(0)) {
    // A power loss took all there was, and then nothing was appended.
    report_.logs.emplace(key, RecoveredLog{.end = partition.start, .start = partition.start});
  }
  // A partition without files is one that was never appended to: the journal cannot name it.
}

// ---- Redo --------------------------------------------------------------------------------------

void Recovery::redo_entry(const LogKey& key, const JournalEntry& entry, const std::string& place) {
  if (is_offline(key)) return;
  const auto log = logs_.find(key);
  Result<void> redone =
      log == logs_.end()
          ? fail(Errc::kCorrupt, input_.partitions.at(key).directory + ": its files are missing")
          : log->second.redo(entry);
  if (redone) {
    report_.redone_bytes += entry.bytes.size();
  } else {
    take_offline(key, {redone.error().code, redone.error().message +
                                                "; an entry of the journal for it, in " + place +
                                                ", cannot be applied"});
  }
}

// One that cannot be read is the loss of those that it is kept for.
void Recovery::redo_kept(const KeptJournal& kept) {
  auto reader = JournalReader::open(files_, kept.directory);
  Result<void> outcome;
  if (!reader) outcome = std::unexpected(reader.error());
  while (outcome) {
    auto group = reader->next();
    if (!group) {
      outcome = std::unexpected(group.error());
      break;
    }
    const auto& read = *group;
    if (!read) break;
    ++report_.groups;
    EntryReader entries(read->header, read->bytes);
    JournalEntry entry;
    auto more = entries.next(entry);
    for (; more && *more; more = entries.next(entry)) {
      const LogKey key{entry.topic_id, entry.partition};
      if (kept.partitions.contains(key) && input_.partitions.contains(key)) {
        redo_entry(key, entry, reader->place());
      }
    }
    if (!more) outcome = std::unexpected(more.error());
  }
  if (reader) {
    for (const JournalFile& file : reader->files()) files_.close(file.file);
  }
  if (outcome) return;
  for (const LogKey& key : kept.partitions) {
    if (input_.partitions.contains(key)) take_offline(key, outcome.error());
  }
}

Result<void> Recovery::apply(Journal& journal, const JournalEntry& entry) {
  const LogKey key{entry.topic_id, entry.partition};
  if (std::ranges::find(input_.deleted, key.first) != input_.deleted.end()) return {};
  if (!input_.partitions.contains(key)) {
    return fail(Errc::kCorrupt, "the journal names topic id " + to_text(key.first) +
                                    ", which the catalog does not know");
  }
  journal.named.insert(key);
  redo_entry(key, entry, journal.reader.place());
  return {};
}

Result<void> Recovery::redo(Journal& journal) {
  for (;;) {
    auto group = journal.reader.next();
    if (!group) return std::unexpected(group.error());
    const auto& read = *group;
    if (!read) return {};
    ++report_.groups;
    EntryReader entries(read->header, read->bytes);
    JournalEntry entry;
    for (;;) {
      auto more = entries.next(entry);
      if (more && *more) {
        auto applied = apply(journal, entry);
        if (!applied) more = std::unexpected(applied.error());
      }
      if (!more) {
        return fail(more.error().code, journal.reader.place() + ": " + more.error().message);
      }
      if (!*more) break;
    }
  }
}

Result<void> Recovery::redo_journals() {
  auto directories = files_.list(input_.journal_directory);
  if (!directories) return std::unexpected(directories.error());
  // A server that was killed may have made one and not come to this.
  if (auto synced = files_.sync_directory(input_.journal_directory); !synced) return synced;
  for (const DirectoryEntry& entry : *directories) {
    if (!entry.is_directory) continue;
    const std::string directory = input_.journal_directory + "/" + entry.name;
    auto reader = JournalReader::open(files_, directory);
    if (!reader) return std::unexpected(reader.error());
    journals_.push_back({std::move(*reader), directory, {}});
    if (auto redone = redo(journals_.back()); !redone) return redone;
  }
  return {};
}

// ---- The ends ----------------------------------------------------------------------------------

// Each on its own, and many at the same time: what they do is wait for the disk.
template <class Outcome>
std::vector<std::pair<LogKey, Result<Outcome>>> Recovery::of_each_log(
    const std::function<Result<Outcome>(const LogKey& key, LogRecovery& log)>& work) {
  std::vector<LogRecovery*> logs;
  std::vector<std::pair<LogKey, Result<Outcome>>> outcomes;
  for (auto& [key, log] : logs_) {
    logs.push_back(&log);
    outcomes.emplace_back(key, Result<Outcome>());
  }
  files_.for_each(logs.size(),
                  [&](std::size_t i) { outcomes[i].second = work(outcomes[i].first, *logs[i]); });
  return outcomes;
}

void Recovery::finish_logs() {
  auto finished = of_each_log<RecoveredLog>([this](const LogKey&, LogRecovery& log) {
    auto recovered = log.finish();
    if (!recovered) return recovered;
    // A clock that has been set back since does not make a segment live longer.
    std::int64_t& since_ms = recovered->active_since_ms;
    if (since_ms == kUnknownSince || since_ms > input_.now.value) since_ms = input_.now.value;
    if (auto saved = log.save_checkpoint(*recovered); !saved) {
      recovered = std::unexpected(saved.error());
    }
    return recovered;
  });
  for (auto& [key, recovered] : finished) {
    if (!recovered) {
      take_offline(key, recovered.error());
      continue;
    }
    const LogRecovery& log = logs_.at(key);
    report_.walked_bytes += log.walked_bytes();
    if (log.settled()) ++report_.settled;
    report_.logs.emplace(key, std::move(*recovered));
  }
}

// Only now, with everything in the segments and synced, may the journals be forgotten.
Result<void> Recovery::forget_journals() {
  for (Journal& journal : journals_) {
    if (auto forgotten = forget(journal); !forgotten) return forgotten;
  }
  for (const KeptJournal& kept : kept_) {
    if (auto released = release(kept); !released) return released;
  }
  return {};
}

Result<void> Recovery::forget(Journal& journal) {
  std::erase_if(journal.named, [this](const LogKey& key) { return !is_offline(key); });
  if (journal.named.empty()) {
    std::uint32_t shard = 0;
    const std::string name = journal.directory.substr(input_.journal_directory.size() + 1);
    std::from_chars(name.data(), name.data() + name.size(), shard);
    report_.journals[shard] = journal.reader.files();
    return journal.reader.empty();
  }
  for (const JournalFile& file : journal.reader.files()) files_.close(file.file);
  auto kept = keep_journal(files_, input_.kept_directory, journal.directory, journal.named);
  if (kept) return {};
  return fail(kept.error().code, journal.directory + " has records of " +
                                     input_.partitions.at(*journal.named.begin()).directory +
                                     ", which cannot be recovered, and cannot be kept for it: " +
                                     kept.error().message);
}

// What has come back has all of it in its segments; who was deleted needs none.
Result<void> Recovery::release(const KeptJournal& kept) {
  if (kept.partitions.empty()) (void)remove_directory(files_, kept.directory);
  for (const LogKey& key : kept.partitions) {
    if (is_offline(key)) continue;
    if (auto released = storage::release(files_, kept, key); !released) return released;
  }
  return {};
}

void Recovery::cut_logs() {
  const auto outcomes = of_each_log<void>([this](const LogKey& key, LogRecovery& log) {
    auto cut = log.cut();
    return cut ? log.save_due_checkpoint(report_.logs.at(key)) : cut;
  });
  for (const auto& [key, cut] : outcomes) {
    const LogRecovery& log = logs_.at(key);
    report_.cut_bytes += log.cut_bytes();
    report_.logs.at(key).checkpoint_segment = log.saved_segment();
    if (!cut) take_offline(key, cut.error());
  }
}

// A partition's directory may be there without being durable, too.
Result<void> Recovery::sync_parents() {
  std::set<std::string> parents;
  for (const auto& [key, partition] : input_.partitions) {
    parents.insert(parent_directory(partition.directory));
  }
  for (const std::string& parent : parents) {
    auto synced = files_.sync_directory(parent);
    if (!synced && synced.error().code != Errc::kNotFound) return synced;
  }
  return {};
}

Result<RecoveryReport> Recovery::run() {
  open_logs();
  auto kept = kept_journals(files_, input_.kept_directory);
  if (!kept) return std::unexpected(kept.error());
  kept_ = std::move(*kept);
  for (const KeptJournal& journal : kept_) redo_kept(journal);
  if (auto redone = redo_journals(); !redone) {
    // Often for the same reason: another directory's topics, or another one's catalog.
    Error error = redone.error();
    if (!report_.offline.empty()) error.message += "; " + report_.offline.begin()->second.message;
    return std::unexpected(std::move(error));
  }
  finish_logs();
  if (auto forgotten = forget_journals(); !forgotten) return std::unexpected(forgotten.error());
  cut_logs();
  if (auto synced = sync_parents(); !synced) return std::unexpected(synced.error());
  return std::move(report_);
}

}  // namespace

Result<RecoveryReport> recover(Files& files, const RecoveryInput& input) {
  return Recovery(files, input).run();
}

}  // namespace duolog::storage

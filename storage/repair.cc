#include "storage/repair.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/base/uuid.h"
#include "storage/file_util.h"
#include "storage/journal_reader.h"
#include "storage/kept_aside.h"
#include "storage/kept_journals.h"
#include "storage/partition_repair.h"

namespace duolog::storage {
namespace {

// One repair, from its plan on.
class DirectoryRepair {
 public:
  DirectoryRepair(Files& files, const RepairInput& input) : files_(files), input_(input) {}
  ~DirectoryRepair() {
    for (ShardJournal& journal : journals_) close(journal);
  }
  DirectoryRepair(const DirectoryRepair&) = delete;
  DirectoryRepair& operator=(const DirectoryRepair&) = delete;

  Result<void> plan() {
    if (auto opened = open_partitions(); !opened) return opened;
    auto kept = kept_journals(files_, input_.kept_directory);
    if (!kept) return std::unexpected(kept.error());
    for (KeptJournal& journal : *kept) {
      if (auto read = read_journal(journal.directory, journal.partitions); !read) return read;
    }
    auto directories = files_.list(input_.journal_directory);
    if (!directories) return std::unexpected(directories.error());
    for (const DirectoryEntry& entry : *directories) {
      if (!entry.is_directory) continue;
      if (auto read = read_journal(input_.journal_directory + "/" + entry.name); !read) return read;
    }
    for (auto& [key, partition] : partitions_) {
      if (auto planned = partition.plan(input_.max_epoch, items_); !planned) return planned;
    }
    return {};
  }

  Result<void> apply(Catalog& catalog) {
    if (std::ranges::none_of(items_, &RepairItem::possible)) return {};
    KeptAside aside(files_, input_.aside);
    auto done = apply(aside, catalog);
    if (aside.is_made()) aside_ = aside.directory();
    return done;
  }

  RepairReport report() { return {std::move(items_), std::move(aside_)}; }

 private:
  struct ShardJournal {
    std::string directory;
    JournalReader reader;
    std::optional<std::set<LogKey>> kept_for = std::nullopt;  // all: it is a shard's
    std::set<LogKey> left = {};  // named by it, and not repaired: it is kept for these
    bool damaged = false;
    bool open = true;
  };

  Result<void> open_partitions() {
    for (const RepairPartition& partition : input_.partitions) {
      auto opened = PartitionRepair::open(files_, input_, partition);
      if (!opened && opened.error().code == Errc::kCorrupt) {
        RepairItem& item = items_.emplace_back();
        item.kind = RepairKind::kMetadata;
        item.topic = partition.topic;
        item.partition = partition.partition;
        item.file = partition.directory + "/partition.metadata";
        item.why = opened.error().message;
        item.what = "nobody but you can tell which is right";
        item.possible = false;
        unrepaired_.insert({partition.topic_id, partition.partition});
        continue;
      }
      if (!opened) return std::unexpected(opened.error());
      if (std::optional<PartitionRepair>& found = *opened) {
        partitions_.emplace(LogKey{partition.topic_id, partition.partition}, std::move(*found));
      }
    }
    return {};
  }

  RepairItem& give_up(ShardJournal& journal, std::string why, std::string what) {
    journal.damaged = true;
    RepairItem& item = items_.emplace_back();
    item.kind = RepairKind::kJournal;
    item.file = journal.directory;
    item.why = std::move(why);
    item.what = std::move(what);
    return item;
  }

  Result<void> read_journal(const std::string& directory,
                            std::optional<std::set<LogKey>> kept_for = std::nullopt) {
    auto reader = JournalReader::open(files_, directory);
    if (!reader) return std::unexpected(reader.error());
    ShardJournal& journal =
        journals_.emplace_back(directory, std::move(*reader), std::move(kept_for));
    for (;;) {
      auto group = journal.reader.next();
      if (!group && group.error().code == Errc::kCorrupt) {
        auto passed = pass_damage(journal, group.error().message);
        if (!passed) return std::unexpected(passed.error());
        if (*passed) continue;
        return {};
      }
      if (!group) return std::unexpected(group.error());
      const auto& read = *group;
      if (!read) return {};
      if (auto redone = redo(journal, *read); !redone) return redone;
    }
  }

  Result<bool> pass_damage(ShardJournal& journal, const std::string& why) {
    const std::uint64_t from = journal.reader.expected();
    auto passed = journal.reader.pass_damage();
    if (!passed) return passed;
    const std::string groups =
        *passed ? "groups " + std::to_string(from) + " to " +
                      std::to_string(journal.reader.expected() - 1) + " are given up"
                : "the groups from " + std::to_string(from) + " on are given up";
    give_up(journal, why,
            groups +
                "; what a segment does not have of them and later groups, checkpoints or "
                "segments vouch for is named below");
    return passed;
  }

  Result<void> redo(ShardJournal& journal, const JournalReader::Group& group) {
    EntryReader entries(group.header, group.bytes);
    JournalEntry entry;
    for (;;) {
      auto more = entries.next(entry);
      if (!more) {
        give_up(journal, journal.reader.place() + ": " + more.error().message,
                "the rest of the group is given up");
        return {};
      }
      if (!*more) return {};
      if (std::ranges::find(input_.deleted, entry.topic_id) != input_.deleted.end()) continue;
      const LogKey key{entry.topic_id, entry.partition};
      const auto found = partitions_.find(key);
      if (journal.kept_for && (!journal.kept_for->contains(key) || found == partitions_.end())) {
        continue;  // it stays for those that are not repaired
      }
      if (unrepaired_.contains(key)) {
        journal.left.insert(key);
        continue;
      }
      std::string why = "the catalog has no topic id " + to_text(entry.topic_id) +
                        ", or there is no directory for its partition " +
                        std::to_string(entry.partition.value);
      if (found != partitions_.end()) {
        auto redone = found->second.redo(entry);
        if (!redone) return std::unexpected(redone.error());
        why = std::move(*redone);
      }
      if (why.empty() || !given_up_.emplace(key, entry.segment).second) continue;
      RepairItem& item = give_up(journal, journal.reader.place() + ": " + why,
                                 "what the journal has for it is given up");
      if (found != partitions_.end()) {
        item.topic = found->second.partition().topic;
        item.partition = entry.partition;
      }
    }
  }

  Result<void> apply(KeptAside& aside, Catalog& catalog) {
    for (auto& [key, partition] : partitions_) {
      if (auto saved = partition.save_floor(aside); !saved) return saved;
    }
    for (ShardJournal& journal : journals_) {
      if (journal.damaged) {
        if (auto kept = keep(journal, aside); !kept) return kept;
      }
      if (auto done = forget(journal); !done) return done;
    }
    for (auto& [key, partition] : partitions_) {
      if (auto applied = partition.apply(aside, catalog); !applied) return applied;
    }
    return {};
  }

  Result<void> forget(ShardJournal& journal) {
    if (journal.kept_for) return let_go(journal);
    if (journal.left.empty()) return journal.reader.empty();
    // As a start does with what it has for partitions that go offline.
    close(journal);
    return keep_journal(files_, input_.kept_directory, journal.directory, journal.left);
  }

  void close(ShardJournal& journal) {
    if (!std::exchange(journal.open, false)) return;
    for (const JournalFile& file : journal.reader.files()) files_.close(file.file);
  }

  // What it has for them is in their segments, or given up.
  Result<void> let_go(const ShardJournal& journal) {
    for (const LogKey& key : *journal.kept_for) {
      if (!partitions_.contains(key)) continue;
      if (auto released = release_kept(files_, input_.kept_directory, key); !released) {
        return released;
      }
    }
    return {};
  }

  Result<void> keep(const ShardJournal& journal, KeptAside& aside) {
    auto entries = files_.list(journal.directory);
    if (!entries) return std::unexpected(entries.error());
    for (const DirectoryEntry& entry : *entries) {
      if (!entry.name.ends_with(".journal")) continue;
      auto kept = aside.keep_file(journal.directory + "/" + entry.name, "of a damaged journal");
      if (!kept) return kept;
    }
    return {};
  }

  Files& files_;
  const RepairInput& input_;
  std::map<LogKey, PartitionRepair> partitions_;
  std::set<LogKey> unrepaired_;  // nobody but an operator can tell what to do
  std::vector<ShardJournal> journals_;
  std::set<std::pair<LogKey, Offset>> given_up_;  // segments
  std::vector<RepairItem> items_;
  std::string aside_;
};

}  // namespace

const char* name_of(RepairKind kind) {
  switch (kind) {
    case RepairKind::kBatch:
      return "batch";
    case RepairKind::kIndex:
      return "index";
    case RepairKind::kCheckpoint:
      return "checkpoint";
    case RepairKind::kMetadata:
      return "metadata";
    case RepairKind::kStart:
      return "segment";
    case RepairKind::kJournal:
      return "journal";
  }
  return "";
}

RepairInput repair_input(const Catalog& catalog, const std::string& topics_directory,
                         const std::string& journal_directory, const std::string& kept_directory) {
  RepairInput input;
  input.journal_directory = journal_directory;
  input.kept_directory = kept_directory;
  input.max_epoch = catalog.incarnation();
  for (const auto& [name, topic] : catalog.topics()) {
    for (std::int32_t p = 0; p < topic.partition_count; ++p) {
      const PartitionId partition(p);
      std::string directory = topics_directory;
      directory += "/" + name + "-" + std::to_string(p);
      input.partitions.push_back({name, topic.id, partition, std::move(directory),
                                  catalog.log_start(topic.id, partition)});
    }
  }
  for (const auto& [id, topic] : catalog.deleted()) input.deleted.push_back(id);
  return input;
}

Result<RepairReport> plan_repair(Files& files, const RepairInput& input) {
  DirectoryRepair repair(files, input);
  if (auto planned = repair.plan(); !planned) return std::unexpected(planned.error());
  return repair.report();
}

Result<RepairReport> repair(Files& files, Catalog& catalog, const RepairInput& input) {
  DirectoryRepair repair(files, input);
  auto done = repair.plan();
  if (done) done = repair.apply(catalog);
  if (!done) return std::unexpected(done.error());
  return repair.report();
}

}  // namespace duolog::storage

// JournalReader: one shard's journal as a crash left it.
//
// Yields its groups in order, from the oldest one that is needed up to the last one that was
// written whole. Blocking, at start, one thread. Reads whole files, twice: at most
// StoreOptions::journal_max_bytes, one file at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/disk.h"
#include "storage/journal.h"
#include "storage/journal_format.h"

namespace duolog::storage {

class JournalReader {
 public:
  // Opens the files in `directory`, and finds out which hold groups and in which order, and what
  // these groups say of each other. kUnsupported when another version wrote them.
  [[nodiscard]] static Result<JournalReader> open(Files& files, std::string directory);
  // At a clean stop, when all that its groups say is where it belongs, flushed: empties it. What it
  // cannot empty is read again at the next start, and tells it nothing new.
  [[nodiscard]] static Result<void> forget(Files& files, std::string directory);

  struct Group {
    GroupHeader header;
    Bytes bytes;  // until the next call
  };
  // The next group, or nothing at the end. kCorrupt when it is not there and a good group says
  // that it was flushed: it is damaged.
  [[nodiscard]] Result<std::optional<Group>> next();

  // After kCorrupt: goes on with the first good group behind what is damaged, so that `next`
  // returns it. False: there is none. What the missing ones said is lost; what later ones say is as
  // good as ever, for redo is physical.
  [[nodiscard]] Result<bool> pass_damage();
  // Of the group that `next` would return.
  [[nodiscard]] std::uint64_t expected() const { return expected_; }

  // "path at position", of the group that `next` returned last.
  [[nodiscard]] std::string place() const;
  // Makes sure that no group is ever found here again, flushed.
  [[nodiscard]] Result<void> empty();
  // The files, open for direct writes, all free. The caller owns them.
  [[nodiscard]] std::vector<JournalFile> files() const { return files_; }

 private:
  JournalReader(Files& files, std::string directory)
      : disk_(&files), directory_(std::move(directory)) {}
  [[nodiscard]] Result<void> open_files();
  [[nodiscard]] Result<void> load(const JournalFile& file);
  [[nodiscard]] Result<void> note(JournalFile file, const std::string& path);
  [[nodiscard]] Result<void> survey();
  [[nodiscard]] Result<void> note_emptying();
  [[nodiscard]] Result<void> empty(const JournalFile& file);
  [[nodiscard]] std::optional<GroupHeader> group_at(std::uint64_t position) const;

  Files* disk_;
  std::string directory_;
  std::vector<JournalFile> files_;
  std::vector<JournalFile> order_;      // those that were begun, by generation
  std::vector<std::uint64_t> secrets_;  // of their first groups: any other group is none
  bool emptying_ = false;               // nothing of it is needed: a start was cut short
  std::uint64_t flushed_ = 0;           // sequence up to which groups were, says one of them
  std::uint64_t expected_ = 0;          // sequence of the next group
  std::size_t file_ = 0;                // in order_
  bool loaded_ = false;
  std::uint64_t position_ = 0;  // in that file
  std::uint64_t last_position_ = 0;
  std::optional<GroupHeader> last_;
  std::vector<std::uint8_t> content_;
};

}  // namespace duolog::storage

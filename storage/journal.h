// Journal: one shard's write-ahead log, a ring of preallocated files.
//
// Entries are collected into a group; one group write is in flight at a time, and everything that
// arrives meanwhile rides the next one. A file is released once no log needs its redo entries any
// more; which those are, LogStore knows. It is begun again only when a flushed group says so: what
// is written over it first may be torn. Its bytes: journal_format.md.
//
// One shard's thread. Limits: StoreOptions::journal_max_bytes of files, group_max_bytes a group.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/journal_format.h"
#include "storage/options.h"

namespace duolog::storage {

// A shorter file is one whose creation was cut short: it goes at the next start.
inline constexpr std::uint64_t kSmallestJournalFileBytes = 64 * kKiB;

// A zero-written journal file, open for direct writes.
struct JournalFile {
  FileId file = kNoFile;
  std::uint64_t size_bytes = 0;
  std::uint64_t number = 0;          // in its name
  std::uint64_t generation = 0;      // while in use
  std::uint64_t first_sequence = 0;  // of its first group, while in use
};

struct JournalSetup {
  std::string directory;
  std::uint32_t incarnation = 0;
  std::uint64_t secret = 0;        // random, not 0, of this incarnation; no client is told
  std::vector<JournalFile> files;  // at least one; all free
};

class Journal {
 public:
  // `on_written` runs once per committed group; `on_room` when a file has become free.
  Journal(Disk& disk, const StoreOptions& options, JournalSetup setup,
          std::function<void(Result<void>)> on_written, std::function<void()> on_room);
  ~Journal();

  // Blocking, start-up or janitor: creates the file of that number, of as many whole blocks as fit
  // into `size_bytes`, at least kSmallestJournalFileBytes. Its content is all zeros, and durable,
  // when it returns.
  [[nodiscard]] static Result<JournalFile> create_file(Files& files, const std::string& directory,
                                                       std::uint64_t number,
                                                       std::uint64_t size_bytes);

  // Blocking, at start: closes and removes the emptied journal of a shard that is no more. What
  // cannot be removed now holds nothing, and is removed at a later start.
  static void remove(Files& files, const std::string& directory,
                     const std::vector<JournalFile>& journal);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] bool writing() const { return writing_; }
  [[nodiscard]] bool growing() const { return growing_; }
  // Bytes of body that the group being collected can still take. Zero: the group, or the whole
  // journal, is full.
  [[nodiscard]] std::uint64_t room();

  // Adds an entry to the group being collected; the caller has asked for `room`, the header
  // included. `add_redo` returns where entry.size_bytes bytes are to be copied.
  [[nodiscard]] std::uint8_t* add_redo(const JournalEntry& entry);
  void add_extent(const JournalEntry& entry);
  [[nodiscard]] bool collecting() const { return header_.entry_count > 0; }

  // Writes the group. `durable`: flushed when done; otherwise only in the device's hands. While a
  // file is `releasing` it may be a group without entries, for which there is always room.
  void commit(bool durable);

  // The generation of the file that the group being collected goes to.
  [[nodiscard]] std::uint64_t generation() const { return used_.back().generation; }
  [[nodiscard]] std::uint64_t oldest_generation() const { return used_.front().generation; }
  // Half of the journal is used, and there is a file besides the current one to recycle.
  [[nodiscard]] bool wants_recycling() const;
  // Gives the oldest file back: nothing needs it any more. Not the current one. It is free once the
  // next group is written.
  void release_oldest();
  [[nodiscard]] bool releasing() const { return !released_.empty(); }

  [[nodiscard]] std::uint64_t total_bytes() const { return total_bytes_; }
  [[nodiscard]] std::uint64_t groups_written() const { return sequence_ - 1; }
  // Of these, up to which one all are flushed.
  [[nodiscard]] std::uint64_t flushed_sequence() const { return flushed_sequence_; }

 private:
  bool next_file();
  [[nodiscard]] std::uint64_t left_in_file() const;
  [[nodiscard]] bool free_released();
  void grow();
  static void written(DiskOp& op, Result<void> outcome);

  Disk& disk_;
  const StoreOptions& options_;
  const std::string directory_;
  std::function<void(Result<void>)> on_written_;
  std::function<void()> on_room_;

  std::deque<JournalFile> used_;  // oldest first; the last is the current one
  // Not needed any more, which is durable once the group of that sequence is.
  struct Released {
    JournalFile file;
    std::uint64_t said_by;
  };
  std::deque<Released> released_;
  std::vector<JournalFile> free_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t next_generation_;  // the incarnation in its upper half: above all ever used
  std::uint64_t position_ = 0;     // in the current file
  bool growing_ = false;
  bool may_grow_ = true;  // once per file that is begun: a full disk is not asked again and again

  GroupHeader header_;  // of the group being collected
  std::uint64_t sequence_ = 1;
  std::uint64_t flushed_sequence_ = 0;
  std::uint64_t last_hash_ = 0;
  std::uint8_t* buffer_ = nullptr;  // block-aligned, group_max_bytes
  bool writing_ = false;
  bool flushing_ = false;          // the group in flight is to be durable
  std::vector<FileId> unflushed_;  // files with groups that are written but not flushed
  struct WriteOp : DiskOp {
    Journal* journal = nullptr;
    iovec piece{};
  } op_;
};

}  // namespace duolog::storage

// Recovery: from what a crash left to logs that can be written again.
//
//   1. every journal is read, whatever the number of shards now is, and its redo is applied to the
//   segments;
//   2. each log's last segments are walked from their checkpoint: CRC, contiguous offsets,
//      non-decreasing epochs; the log ends before the first batch that fails;
//   3. everything is synced, each log's end becomes its floor, and the journals are emptied; then
//   what lies beyond the ends is cut off.
//
// It may crash and be run again at any point. It needs no new disk space. Damage below what the
// journals or a log's floor say was durable is corruption, and nothing is cut there. Whatever keeps
// one log from being recovered takes that log offline, and the others go on: none of its files is
// removed or cut, and a journal with entries of it is kept (kept_journals.h), until a start can
// recover it. The catalog and the chain of a journal are everybody's: their damage is an error.
//
// Blocking, at start, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/journal.h"
#include "storage/kept_journals.h"
#include "storage/recovered_log.h"

namespace duolog::storage {

// A partition that the catalog knows.
struct KnownPartition {
  std::string directory;
  Offset start;
};

struct RecoveryInput {
  std::string journal_directory;
  std::string kept_directory;                   // of journals that are kept; it may not be there
  std::map<LogKey, KnownPartition> partitions;  // every one that may have files
  // Ids of deleted topics, whose entries are passed over.
  std::vector<Uuid> deleted;
  Timestamp now{};  // from which on segments age that nobody knows the age of; 0: LogStore tells
};

struct RecoveryReport {
  std::map<LogKey, RecoveredLog> logs;                         // those that have files
  std::map<LogKey, Error> offline;                             // those that could not be recovered
  std::map<std::uint32_t, std::vector<JournalFile>> journals;  // by shard: emptied files, open
  // For the log line at start.
  std::size_t settled = 0;  // logs in which nothing had to be done
  std::uint64_t groups = 0;
  std::uint64_t redone_bytes = 0;
  std::uint64_t walked_bytes = 0;
  std::uint64_t cut_bytes = 0;  // written beyond the ends: torn, never acked
};

[[nodiscard]] Result<RecoveryReport> recover(Files& files, const RecoveryInput& input);

}  // namespace duolog::storage

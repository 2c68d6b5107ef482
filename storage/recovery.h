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
// journals or a log's floor say was durable is corruption: an error, and nothing is cut there.
//
// Blocking, at start, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/journal.h"
#include "storage/recovered_log.h"

namespace duolog::storage {

// A partition that the catalog knows.
struct KnownPartition {
  std::string directory;
  Offset start;
};

struct RecoveryInput {
  std::string journal_directory;
  // By topic id and partition: every partition that may have files.
  std::map<std::pair<Uuid, PartitionId>, KnownPartition> partitions;
  // Ids of deleted topics, whose entries are passed over.
  std::vector<Uuid> deleted;
  Timestamp now{};  // from which on segments age that nobody knows the age of; 0: LogStore tells
};

struct RecoveryReport {
  std::map<std::pair<Uuid, PartitionId>, RecoveredLog> logs;   // those that have files
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

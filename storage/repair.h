// Repair: makes a data directory that is damaged one that a server starts on and readers get
// through, at the price of what is lost anyway.
//
//   1. the journals are read, over what is damaged in them, and redone into the segments; before
//      them those that are kept for partitions that were offline, for these alone;
//   2. every segment is walked (segment_scan.h); what is wrong there, or with what belongs to it,
//      becomes an item;
//   3. if there is any: where the logs end becomes their floors, and the journals are emptied, as
//      in a recovery, and not kept any more, but for partitions that cannot be repaired; then each
//      file is replaced as a whole, after what goes was kept aside (kept_aside.h).
//
// Offsets are never given out again: what is lost becomes a gap (gap_batch.h). It may be cut short
// anywhere and run again; in between, a server starts, or says what is damaged, as before.
// Damage of the catalog is not its concern: it is given what the catalog knows.
//
// Blocking, one thread. Memory: a batch, what is damaged of a segment, a journal file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/catalog.h"
#include "storage/disk.h"

namespace duolog::storage {

struct RepairPartition {
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  std::string directory;
  Offset start;
};

struct RepairInput {
  std::string journal_directory;
  std::string kept_directory;               // of journals that are kept (kept_journals.h)
  std::vector<RepairPartition> partitions;  // all that the catalog has
  std::vector<Uuid> deleted;                // ids of deleted topics
  LeaderEpoch max_epoch;                    // the last incarnation
  std::string aside;                        // the directory for what is taken out
};
// What `repair` asks of the catalog; `aside` is for the caller to say.
[[nodiscard]] RepairInput repair_input(const Catalog& catalog, const std::string& topics_directory,
                                       const std::string& journal_directory,
                                       const std::string& kept_directory);

enum class RepairKind : std::uint8_t {
  kBatch,       // damaged or missing records, in a segment
  kIndex,       // derived files
  kCheckpoint,  // the same
  kMetadata,    // partition.metadata
  kStart,       // the first segments are missing
  kJournal,
};
[[nodiscard]] const char* name_of(RepairKind kind);

// One thing that is damaged, and what is done about it.
struct RepairItem {
  RepairKind kind = RepairKind::kBatch;
  std::string topic;  // empty: it belongs to none
  PartitionId partition{-1};
  // The offsets that are given up: [first, end). Equal: none is.
  Offset first;
  Offset end;
  std::uint64_t bytes = 0;  // that are taken out
  std::string file;
  std::int64_t position = -1;  // in the file; -1: it is about the whole file
  std::string why;             // what is wrong
  std::string what;            // what is done
  bool possible = true;        // no: `what` says what else to do
};

struct RepairReport {
  std::vector<RepairItem> items;
  std::string aside;  // where what was taken out is; empty: nothing was
};

// Says what `repair` would do. It writes: `files` must keep that to itself (an overlay).
// Errors: kUnsupported (another version's journal), kIo.
[[nodiscard]] Result<RepairReport> plan_repair(Files& files, const RepairInput& input);

// Does it. Errors: the same, kNoSpace and kUnflushed; it may be run again.
[[nodiscard]] Result<RepairReport> repair(Files& files, Catalog& catalog, const RepairInput& input);

}  // namespace duolog::storage

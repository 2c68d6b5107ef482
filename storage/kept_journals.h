// Kept journals: what recovery could not apply to a partition that it took offline.
//
//   kept-journals/<number, 8 digits>/<number>.journal   one shard's journal, as that start found it
//                                   /<topic id>-<partition>.offline   for whom it is kept
//
// A start moves a journal here, instead of emptying it, if it has entries of a partition that goes
// offline: that takes a name, and no space for its bytes. Nothing writes to it any more. Of its
// entries only those of the partitions that it is kept for count: what it has of others is in their
// segments, and older than they are. It goes with the last of these, which has come back or was
// deleted. So there is at most one more a shard for each start that takes a partition offline which
// the last one did not, and none grows.
//
// Blocking; janitor threads and start-up only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"

namespace duolog::storage {

// A log, by topic id and partition.
using LogKey = std::pair<Uuid, PartitionId>;

struct KeptJournal {
  std::string directory;
  std::set<LogKey> partitions;  // for which it is kept; none: it was on its way out
  std::uint64_t size_bytes = 0;
};

// Those below `directory`, oldest first; none when there is no such directory.
[[nodiscard]] Result<std::vector<KeptJournal>> kept_journals(Files& files,
                                                             const std::string& directory);

// Moves the journal in `journal`, which nobody has open, below `directory`, for these partitions.
// It is durable when this returns; after a crash within it the journal is where it was, or there.
[[nodiscard]] Result<void> keep_journal(Files& files, const std::string& directory,
                                        const std::string& journal,
                                        const std::set<LogKey>& partitions);

// The journal is not kept for that partition any more, durably. That of nobody is removed, as far
// as that can be done now.
[[nodiscard]] Result<void> release(Files& files, const KeptJournal& kept, const LogKey& partition);
// The same of all below `directory`.
[[nodiscard]] Result<void> release_kept(Files& files, const std::string& directory,
                                        const LogKey& partition);

}  // namespace duolog::storage

// One partition's files against each other: segments, their indexes, the checkpoint.
#pragma once

#include <vector>

#include "tools/duolog/disk/finding.h"
#include "tools/duolog/disk/inventory.h"
#include "tools/duolog/disk/segment_check.h"

namespace duolog::tools {

// `growing`: a server is writing. Then, what is beyond the checkpoint's floor and in no sealed
// segment need not be whole, and files may go meanwhile.
[[nodiscard]] Result<void> check_partition(storage::Files& files, PartitionOnDisk& partition,
                                           bool growing, SegmentCheck& check,
                                           std::vector<Finding>& findings);

// The journals of a directory that no server uses. Notes in the partitions' segments what must be
// there, and writes into `files`, an overlay, what a start would write.
[[nodiscard]] Result<void> check_journals(storage::Files& files, const std::string& directory,
                                          Inventory& inventory, VerifyCounts& counts,
                                          std::vector<Finding>& findings);

// The same of those that are kept for partitions that are offline, below `directory`, which need
// not be there; of these partitions alone. A start applies them before the others.
[[nodiscard]] Result<void> check_kept_journals(storage::Files& files, const std::string& directory,
                                               Inventory& inventory, VerifyCounts& counts,
                                               std::vector<Finding>& findings);

// Those that a server is writing: each file for itself.
void check_growing_journals(storage::Files& files, const std::string& directory,
                            VerifyCounts& counts, std::vector<Finding>& findings);

}  // namespace duolog::tools

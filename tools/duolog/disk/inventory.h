// Inventory: what is in a data directory, found without changing or locking it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/checkpoint.h"
#include "storage/disk.h"
#include "tools/duolog/disk/finding.h"

namespace duolog::tools {

struct SegmentOnDisk {
  Offset base_offset;
  std::string path;
  std::uint64_t size_bytes = 0;
  bool has_index = false;
  bool compacted = false;  // it has been cleaned: offsets may be missing in it
  // Of the journals, where they were read: up to where they write, and have whole batches.
  std::uint64_t redo_end = 0;
  std::uint64_t whole_end = 0;
};

struct PartitionOnDisk {
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  std::string directory;
  Offset start;
  bool start_known = true;  // the catalog could be read
  std::vector<SegmentOnDisk> segments;
  std::optional<storage::Checkpoint> checkpoint;

  [[nodiscard]] SegmentOnDisk* find(Offset base_offset);
  // Nobody reads it any more; it may be gone.
  [[nodiscard]] bool below_start(Offset segment) const;
  // A segment that had its file was cleaned, or became part of one that was.
  [[nodiscard]] bool was_cleaned(Offset segment) const;
};

struct Inventory {
  std::vector<PartitionOnDisk> partitions;  // by topic and number; those that have a directory
  std::vector<Uuid> deleted;
  bool catalog_read = false;
};

// Whether a process holds the directory's lock. It is not taken.
[[nodiscard]] bool is_in_use(const std::string& data_dir);

// Reads the catalog and lists the partitions' files, segments' sizes last. Damage of the catalog,
// checkpoints, partition.metadata goes to `findings`; without a catalog, partitions are those that
// have directories. Errors: kUnsupported (a newer version wrote it), kIo.
[[nodiscard]] Result<Inventory> take_inventory(storage::Files& files, const std::string& data_dir,
                                               std::vector<Finding>& findings);

// Topic and partition of a directory's name, "orders-0". Nothing when it is no such name.
[[nodiscard]] std::optional<std::pair<std::string, std::int32_t>> split_partition(
    const std::string& name);

}  // namespace duolog::tools

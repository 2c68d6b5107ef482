// Checkpoint: what recovery need not walk again, and what it must find.
//
// One small file a partition, `checkpoint`, replaced as a whole; its format is in checkpoint.md. A
// missing or damaged one costs time, not data; but without its floor, damage at the end of a log
// may be taken for a torn write, and what it knows of producers whose batches have left the log is
// nowhere else. Blocking; janitor threads and start-up only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/disk.h"
#include "storage/log.h"
#include "storage/producer_state.h"

namespace duolog::storage {

inline constexpr std::int64_t kUnknownSince = 0;

// How far a log was in its segment, flushed, with what a walk from there on cannot know.
struct Checkpoint {
  Offset segment;              // base offset of the segment that was active
  std::uint64_t position = 0;  // in its file: the first byte not covered; the start of a batch
  Offset next_offset;          // of the record there
  Offset floor;                // the records below it were flushed: they are there, or damaged
  std::int64_t max_timestamp = -1;
  std::uint32_t max_timestamp_offset = 0;        // relative last offset of the batch that has it
  std::int64_t active_since_ms = kUnknownSince;  // when the segment was begun, by LogStore's clock
  EpochHistory epochs;                           // of the whole log
  std::vector<IndexEntry> index;                 // of that segment, up to `position`
  std::vector<ProducerState> producers;
};
[[nodiscard]] Result<void> write_checkpoint(Files& files, const std::string& directory,
                                            const Checkpoint& checkpoint);
// Nothing when there is none, or it is damaged: then the segment is walked from its start.
[[nodiscard]] std::optional<Checkpoint> read_checkpoint(Files& files, const std::string& directory);

}  // namespace duolog::storage

// RecoveredLog: what recovery found of one log, and LogStore::adopt takes over.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.h"
#include "storage/log.h"
#include "storage/producer_state.h"
#include "storage/segment_index.h"

namespace duolog::storage {

struct RecoveredSegment {
  Offset base_offset;
  std::uint64_t size_bytes = 0;
  bool compacted = false;  // it has been cleaned
};
struct RecoveredLog {
  std::vector<RecoveredSegment> segments;  // oldest first; the last one is the active one
  Offset end;                              // of the log
  Offset start;
  EpochHistory epochs;
  // Of the active segment:
  std::vector<IndexEntry> index;
  std::int64_t max_timestamp = -1;
  std::uint32_t max_timestamp_offset = 0;
  std::int64_t active_since_ms = 0;      // kUnknownSince: not known
  std::vector<std::uint8_t> last_block;  // the bytes of its incomplete last block
  std::vector<ProducerState> producers;  // of the whole log
  Offset checkpoint_segment{-1};         // the segment that the checkpoint on disk names; -1: none
};

}  // namespace duolog::storage

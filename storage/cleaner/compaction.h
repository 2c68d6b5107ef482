// Compaction of one batch: which of its records stay, and the batch that is made of them.
//
// By the rules of Kafka's cleaner and MemoryRecords.filterTo. A record stays unless a later one has
// its key; without a key it goes. A tombstone (no value) stays until the delete horizon of its
// batch (KIP-534), which is set when a batch with one is first cleaned. A control batch goes by the
// same horizon. Of what stays, offsets do not change, nor does the range of offsets of its batch,
// its producer's fields and its leader epoch; timestamps are relative to another base.
//
// Functions without state, for any thread.
#pragma once

#include <cstdint>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/cleaner/key_offsets.h"
#include "storage/record_batch.h"

namespace duolog::storage {

// Memory that is used again from batch to batch.
struct CompactionScratch {
  Buffer inflated;
  Buffer records;
  Buffer deflated;
};

struct CompactionRules {
  Timestamp now;                         // the time of day
  std::int64_t delete_retention_ms = 0;  // from the first cleaning to the horizon
};

// Notes the keys of the records at or after `from`. False when `keys` was full before the last of
// them: keys.end() says up to where they are. Errors: kCorrupt, the batch's records cannot be read.
[[nodiscard]] Result<bool> note_keys(Bytes batch, const BatchHeader& header, Offset from,
                                     KeyOffsets& keys, CompactionScratch& scratch);

struct CompactedBatch {
  bool kept = false;            // something was added to `out`
  std::int32_t records = 0;     // of it
  std::int32_t tombstones = 0;  // of those
  Timestamp max_timestamp;      // of it; of what was kept without records, the one before
};
// Adds to `out` what stays of a whole batch, whose CRC is right; with `keep_empty`, a batch without
// records if none does. What lies at or after keys.end() stays. The same bytes if nothing goes.
// Errors: kCorrupt, its records cannot be read; `out` is as it was.
[[nodiscard]] Result<CompactedBatch> compact_batch(Bytes batch, const BatchHeader& header,
                                                   const KeyOffsets& keys,
                                                   const CompactionRules& rules, bool keep_empty,
                                                   Buffer& out, CompactionScratch& scratch);

}  // namespace duolog::storage

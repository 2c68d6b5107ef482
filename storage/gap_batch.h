// A gap batch: what stands in a segment for records that are lost.
//
// Kafka's clients expect a batch to begin where the one before it ends, and stop at one that is
// damaged. A control batch (KIP-98) is never given to an application, and its offsets are passed
// over like those that compaction has taken. This one has a single control record, of a type that
// nobody knows (kGapRecordType), which clients ignore; no producer, and the timestamp it is given.
// Pure encoding; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.h"

namespace duolog::storage {

// Of the control record's key: i16 version 0, i16 this. Kafka's own types are 0 to 6 and -1.
inline constexpr std::int16_t kGapRecordType = 0x4455;
inline constexpr std::size_t kGapBatchBytes = 72;

// Appends batches of kGapBatchBytes that take the place of the offsets [first, end) to `out`: one,
// unless these are more than a batch can span (2^31). Nothing for no offsets.
void append_gap(Offset first, Offset end, LeaderEpoch epoch, Timestamp timestamp,
                std::vector<std::uint8_t>& out);

}  // namespace duolog::storage

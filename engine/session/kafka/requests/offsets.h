// ListOffsets and OffsetForLeaderEpoch: which offset belongs to a time, or to the end of an epoch.
//
// Called by a connection for a request; each answers the slot, or leaves a job in it that waits
// for cold data.
#pragma once

#include "engine/session/kafka/slot.h"
#include "net/kafka/reader.h"

namespace duolog::session {

// An error: the bytes are no such request.
[[nodiscard]] Result<void> list_offsets(ResponseSlot& slot, kafka::Reader& reader);
[[nodiscard]] Result<void> offset_for_leader_epoch(ResponseSlot& slot, kafka::Reader& reader);

}  // namespace duolog::session

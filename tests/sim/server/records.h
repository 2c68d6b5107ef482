// What a consumer finds in the records of a Fetch response.
#pragma once

#include <string>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "tests/sim/server/oracle.h"

namespace duolog::sim {

// Reads record batches from `position` on, which it moves behind the last record, and tells the
// oracle of each, and of what no consumer may be sent. The last batch of a response may be cut off.
// False: the rest cannot be read.
[[nodiscard]] bool read_records(Oracle& oracle, const std::string& reader,
                                const PartitionKey& where, Bytes records, Offset& position);

}  // namespace duolog::sim

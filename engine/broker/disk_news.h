// What of the disk readers have found out since, for the operator: who reads there is told by its
// client.
#pragma once

#include <cstdint>

#include "engine/broker/broker_counters.h"
#include "engine/runtime/log.h"

namespace duolog::broker {

// Logs pages of mapped segments that could not be read and batches that are damaged, each once, and
// counts them. They are the process's: one shard tells. `now_ns`: monotonic, for `limit`.
void tell_disk_news(runtime::LogLimit& limit, std::uint64_t now_ns, BrokerCounters& counters);

}  // namespace duolog::broker

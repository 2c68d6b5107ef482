// What the disk alone takes for the writes that a durable ack waits for: the baseline for both
// modes of the load tool, on the same machine and in the same minute.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/histogram.h"

namespace duolog::load {

// Writes `count` times 4 KiB, direct and flushed (O_DIRECT, O_DSYNC), into a zero-written file
// below `directory`, one every `interval_ns`; waits where the disk falls behind. Returns the time
// that each write took, in nanoseconds. Throws std::system_error.
[[nodiscard]] Histogram small_durable_writes(const std::string& directory, std::uint64_t count,
                                             std::uint64_t interval_ns);

// Writes `size_bytes` in direct, flushed writes of 2 MiB into a file whose space is allocated but
// not written: what bulk does to a segment. Returns the nanoseconds. Throws std::system_error.
[[nodiscard]] std::uint64_t bulk_durable_writes(const std::string& directory,
                                                std::uint64_t size_bytes);

}  // namespace duolog::load

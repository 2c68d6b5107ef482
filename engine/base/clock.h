// Clocks. Rooms without I/O are handed the time; they do not ask for it.
#pragma once

#include <cstdint>

#include "engine/base/ids.h"

namespace duolog {

constexpr std::uint64_t kNsPerMs = 1'000'000;

// Monotonic nanoseconds (CLOCK_MONOTONIC); for durations and deadlines.
[[nodiscard]] std::uint64_t monotonic_ns();

// Milliseconds since 1970, UTC (CLOCK_REALTIME); what Kafka's timestamps mean.
[[nodiscard]] Timestamp wall_clock();

}  // namespace duolog

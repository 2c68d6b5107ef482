#include "engine/base/clock.h"

#include <ctime>

namespace duolog {
namespace {

std::uint64_t read_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t monotonic_ns() { return read_ns(CLOCK_MONOTONIC); }

Timestamp wall_clock() {
  return Timestamp(static_cast<std::int64_t>(read_ns(CLOCK_REALTIME) / 1'000'000U));
}

}  // namespace duolog

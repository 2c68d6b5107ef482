// Sleeping until a moment of monotonic_ns().
#pragma once

#include <cerrno>
#include <cstdint>

#include <time.h>

namespace duolog::load {

inline void sleep_until(std::uint64_t due_ns) {
  timespec due{static_cast<time_t>(due_ns / 1'000'000'000),
               static_cast<long>(due_ns % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr) == EINTR) {
  }
}

}  // namespace duolog::load

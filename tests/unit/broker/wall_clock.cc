#include "tests/unit/broker/wall_clock.h"

#include <atomic>
#include <ctime>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<std::int64_t> back_ns{0};

}  // namespace

// In front of the C library's.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto outcome = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (outcome != 0 || clock != CLOCK_REALTIME) return outcome;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns =
      static_cast<std::int64_t>(now->tv_sec) * kSecond + now->tv_nsec - back_ns.load();
  now->tv_sec = ns / kSecond;
  now->tv_nsec = ns % kSecond;
  return outcome;
}

namespace duolog {

void set_wall_clock_back(std::chrono::nanoseconds by) { back_ns.store(by.count()); }

}  // namespace duolog

// What a process has used so far, from /proc.
#pragma once

#include <cstdint>

namespace duolog::load {

struct ProcessUsage {
  double cpu_s = 0;            // on a CPU, all threads (schedstat: exact, not sampled)
  std::uint64_t rss_kib = 0;   // resident now
  std::uint64_t anon_kib = 0;  // of which not backed by files
  std::uint64_t peak_kib = 0;
};

// Zeros when there is no such process.
[[nodiscard]] ProcessUsage usage_of(int pid);

}  // namespace duolog::load

// What a process has used so far, and what the machine had to give, from /proc.
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
// Its anonymous memory in KiB, counted page by page (smaps_rollup): exact, and slow.
[[nodiscard]] std::uint64_t anonymous_of(int pid);
// The memory of all TCP buffers of the machine, in KiB.
[[nodiscard]] std::uint64_t tcp_memory_kib();

// The machine's CPU time since boot, all cores, in clock ticks. `stolen` is what a hypervisor gave
// to others while this machine had something to run; proc(5), "steal".
struct MachineTime {
  std::uint64_t all = 0;
  std::uint64_t stolen = 0;
};
[[nodiscard]] MachineTime machine_time();
// Prints what was stolen since. More than a few percent: the machine was measured, not the server.
void print_stolen(const MachineTime& before);

}  // namespace duolog::load

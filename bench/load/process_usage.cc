#include "bench/load/process_usage.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace duolog::load {

ProcessUsage usage_of(int pid) {
  ProcessUsage usage;
  const std::string root = "/proc/" + std::to_string(pid);
  std::error_code none;
  for (const auto& task : std::filesystem::directory_iterator(root + "/task", none)) {
    std::ifstream stat(task.path() / "schedstat");
    std::uint64_t on_cpu_ns = 0;
    if (stat >> on_cpu_ns) usage.cpu_s += static_cast<double>(on_cpu_ns) / 1e9;
  }
  std::ifstream status(root + "/status");
  for (std::string key; status >> key;) {
    if (key == "VmRSS:") status >> usage.rss_kib;
    if (key == "RssAnon:") status >> usage.anon_kib;
    if (key == "VmHWM:") status >> usage.peak_kib;
    status.ignore(256, '\n');
  }
  return usage;
}

MachineTime machine_time() {
  constexpr int kStealColumn = 7;      // cpu user nice system idle iowait irq softirq steal ...
  constexpr int kDistinctColumns = 8;  // what follows is counted in user and nice already
  MachineTime time;
  std::ifstream stat("/proc/stat");
  std::string name;
  stat >> name;
  for (int column = 0; column < kDistinctColumns; ++column) {
    std::uint64_t ticks = 0;
    stat >> ticks;
    time.all += ticks;
    if (column == kStealColumn) time.stolen = ticks;
  }
  return time;
}

}  // namespace duolog::load

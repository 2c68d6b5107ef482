#include "bench/load/process_usage.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/core.h>
#include <unistd.h>

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

std::uint64_t anonymous_of(int pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::uint64_t kib = 0;
  for (std::string key; rollup >> key;) {
    if (key == "Anonymous:") rollup >> kib;
    rollup.ignore(256, '\n');
  }
  return kib;
}

std::uint64_t tcp_memory_kib() {
  std::ifstream sockets("/proc/net/sockstat");
  std::uint64_t pages = 0;
  for (std::string line; std::getline(sockets, line);) {
    if (!line.starts_with("TCP:")) continue;
    if (const std::size_t at = line.find(" mem "); at != line.npos) {
      pages = std::stoull(line.substr(at + 5));
    }
  }
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
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

void print_stolen(const MachineTime& before) {
  const MachineTime after = machine_time();
  const auto all = static_cast<double>(after.all - before.all);
  fmt::print("machine: {:.1f} % of its CPU time was stolen\n",
             all > 0 ? 100 * static_cast<double>(after.stolen - before.stolen) / all : 0);
}

}  // namespace duolog::load

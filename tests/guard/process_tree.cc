#include "tests/guard/process_tree.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <unistd.h>

namespace duolog::guard {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What is behind the name in /proc/PID/stat: proc(5).
struct Stat {
  char state = '?';
  pid_t parent = 0;
  double cpu_s = 0;  // its own and that of the children it has waited for
};

Stat parse_stat(const std::string& text) {
  Stat stat;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return stat;
  std::istringstream fields(text.substr(name_end + 1));
  fields >> stat.state >> stat.parent;
  std::string skipped;
  for (int field = 5; field < 14; ++field) fields >> skipped;
  const auto ticks_a_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  for (int field = 14; field < 18; ++field) {
    double ticks = 0;
    fields >> ticks;
    stat.cpu_s += ticks / ticks_a_second;
  }
  return stat;
}

// The numbers that name entries of a directory of /proc; none when it is gone.
std::vector<pid_t> numbers_in(const fs::path& path) {
  std::vector<pid_t> numbers;
  std::error_code ignored;
  for (fs::directory_iterator at(path, ignored), end; at != end; at.increment(ignored)) {
    const std::string name = at->path().filename().string();
    pid_t number = 0;
    const auto [stopped, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && stopped == name.data() + name.size()) numbers.push_back(number);
  }
  return numbers;
}

fs::path folder_of(pid_t process) { return fs::path("/proc") / std::to_string(process); }

std::vector<pid_t> descendants(pid_t root, const std::map<pid_t, Stat>& all) {
  std::vector<pid_t> found;
  std::vector<pid_t> parents{root};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const auto& [process, stat] : all) {
      if (stat.parent != parent) continue;
      found.push_back(process);
      parents.push_back(process);
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

TreeSample sample_tree(pid_t root) {
  std::map<pid_t, Stat> all;
  for (const pid_t process : numbers_in("/proc")) {
    all[process] = parse_stat(content(folder_of(process) / "stat"));
  }
  TreeSample sample{.processes = descendants(root, all)};
  for (const pid_t process : sample.processes) {
    sample.cpu_s += all[process].cpu_s;
    const fs::path threads = folder_of(process) / "task";
    for (const pid_t thread : numbers_in(threads)) {
      const char state = parse_stat(content(threads / std::to_string(thread) / "stat")).state;
      sample.busy = sample.busy || state == 'R' || state == 'D';
    }
  }
  return sample;
}

std::string describe(const std::vector<pid_t>& processes) {
  std::ostringstream text;
  for (const pid_t process : processes) {
    std::string command = content(folder_of(process) / "cmdline");
    std::ranges::replace(command, '\0', ' ');
    text << "process " << process << ": " << command << '\n';
    const fs::path threads = folder_of(process) / "task";
    for (const pid_t thread : numbers_in(threads)) {
      const fs::path place = threads / std::to_string(thread);
      text << "  thread " << thread << ' ' << parse_stat(content(place / "stat")).state << ' '
           << content(place / "comm") << "    waits in " << content(place / "wchan")
           << "; system call " << content(place / "syscall") << content(place / "stack");
    }
  }
  return text.str();
}

}  // namespace duolog::guard

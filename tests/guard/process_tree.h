// What a process and all that it has started are doing, from /proc. Linux; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace duolog::guard {

// At one moment.
struct TreeSample {
  std::vector<pid_t> processes;  // in rising order
  double cpu_s = 0;              // used by them, and by those that ended and were waited for
  bool busy = false;             // a thread can run, or waits for a disk
};

// Of `root`'s descendants; `root` itself is not among them.
[[nodiscard]] TreeSample sample_tree(pid_t root);

// Where each thread of these processes is: its state, what it waits for in the kernel, and its
// stack there if that may be read.
[[nodiscard]] std::string describe(const std::vector<pid_t>& processes);

}  // namespace duolog::guard

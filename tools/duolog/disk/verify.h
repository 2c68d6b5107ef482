// `duolog log verify`: checks everything that recovery and readers rely on.
//
// Reads only, and takes no lock. Blocking, one thread. Memory: what the journals would write into
// the segments, a batch, and what it inflates to.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "tools/duolog/disk/finding.h"

namespace duolog::tools {

struct VerifyOptions {
  std::string data_dir;
  std::vector<std::string> names;  // topics, or partitions as "orders-0"; none: all
  bool json = false;
  bool progress = false;  // a line on standard error
};

struct VerifyReport {
  std::vector<Finding> findings;
  VerifyCounts counts;
  bool in_use = false;  // beside a running server: less can be asked of what is at the logs' ends
};

// Errors: why it cannot be checked at all: kInvalid (no data directory; no such topic),
// kUnsupported (another version's), kNotFound, kIo.
[[nodiscard]] Result<VerifyReport> verify(const VerifyOptions& options);

// Prints what `verify` found, and returns the process's exit status: 0 all is well, 1 damage, 2 it
// cannot be checked.
[[nodiscard]] int run_verify(const VerifyOptions& options);

}  // namespace duolog::tools

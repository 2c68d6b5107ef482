// `duolog log repair`: says what is damaged in a data directory that no server uses and what would
// be done about it, and does it when it is told to. What it does is in storage/repair.h.
//
// Blocking, one thread; holds the directory's lock.
#pragma once

#include <string>

#include "storage/repair.h"

namespace duolog::tools {

struct RepairOptions {
  std::string data_dir;
  bool yes = false;  // do it
  bool json = false;
};

// "orders-0 offsets 5..9, /data/...log at position 4711, 812 bytes: the CRC is wrong; these bytes
// are cut out".
[[nodiscard]] std::string to_line(const storage::RepairItem& item);
// The same as a JSON object, in one line; what is not known is left out.
[[nodiscard]] std::string to_json(const storage::RepairItem& item);

// Prints an item a line, and returns the process's exit status: 0 there is nothing to repair (any
// more), 1 there is and nothing was done, 2 something cannot be repaired, or it cannot be looked
// at.
[[nodiscard]] int run_repair(const RepairOptions& options);

}  // namespace duolog::tools

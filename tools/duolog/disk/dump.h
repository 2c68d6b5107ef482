// `duolog log dump`: what is in the files of a data directory, line by line.
//
// Reads only, and takes no lock: beside a running server it shows what is there at the moment.
#pragma once

#include <string>

namespace duolog::tools {

struct DumpOptions {
  std::string data_dir;
  std::string what;  // a file, or a partition as "orders-0"
  bool records = false;
  bool json = false;
};

// Prints to standard output. Exit status: 0 all of it is whole, 1 something in it is damaged, 2 it
// cannot be shown.
[[nodiscard]] int run_dump(const DumpOptions& options);

}  // namespace duolog::tools

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "engine/base/version.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

std::string version_line() { return fmt::format("duolog {} (commit {})", version(), commit()); }

void add_version(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("version", "Print the version and the commit");
  command->callback([&status] {
    fmt::print("{}\n", version_line());
    status = kDone;
  });
}

}  // namespace duolog::tools

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "engine/server/server.h"
#include "tools/duolog/command.h"
#include "tools/duolog/serve_options.h"

namespace duolog::tools {

namespace {

int run(const ServeOptions& options) {
  const Result<server::Config> config = options.load(environ);
  if (!config) {
    report("serve", config.error());
    return kUsage;
  }
  if (options.print_config()) {
    std::fputs(server::dump_config(*config).c_str(), stdout);
    return kDone;
  }
  return server::serve(*config);
}

}  // namespace

void add_serve(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("serve", "Run a server");
  const auto options = std::make_shared<ServeOptions>();
  options->add_to(*command);
  command->footer(
      "A setting may also stand in the file (segment-bytes = \"64MiB\") or in the environment\n"
      "(DUOLOG_SEGMENT_BYTES=64MiB). The command line wins over the environment, the environment\n"
      "over the file.\n"
      "\n"
      "Examples:\n"
      "  duolog serve\n"
      "  duolog serve --data-dir /var/lib/duolog --kafka 0.0.0.0:9092 --advertise "
      "log.example:9092\n"
      "  duolog serve --print-config > duolog.toml; duolog serve --config duolog.toml\n"
      "\n"
      "Stops cleanly on SIGTERM and Ctrl-C.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace duolog::tools

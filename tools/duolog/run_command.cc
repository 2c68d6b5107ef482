#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "tools/duolog/command.h"

namespace duolog::tools {

int run_program(int argc, char** argv) {
  int status = kDone;
  try {
    CLI::App app("Duolog: one durable log, read and written by Kafka and by WebSocket clients.",
                 "duolog");
    app.require_subcommand(0, 1);  // that there is one is checked below: a misspelt one is named
    app.footer(
        "A first round, with a server at 127.0.0.1:9092:\n"
        "  duolog topic create greetings\n"
        "  echo 'hello' | duolog produce greetings\n"
        "  duolog consume greetings\n"
        "\n"
        "`duolog COMMAND --help` says more. Exit status: 0 done, 1 failed, 2 wrong usage or an\n"
        "environment that does not allow it.");
    add_serve(app, status);
    add_topic(app, status);
    add_produce(app, status);
    add_consume(app, status);
    add_version(app, status);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? kDone : kUsage;
    }
    if (app.get_subcommands().empty()) {
      fmt::print(stderr, "{}", app.help());
      return kUsage;
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "duolog: {}\n", error.what());
    return kFailed;
  }
  return status;
}

}  // namespace duolog::tools

#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

// Says what is wrong with the command line, or shows the help or the version that was asked for.
int say(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  const std::string unknown = unknown_word(*command);
  fmt::print(stderr, "{}: {}\n`{} --help` says more.\n", name,
             unknown.empty() ? error.what() : unknown, name);
  return kUsage;
}

}  // namespace

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
    app.set_version_flag("--version", version_line, "Print the version and the commit and exit");
    add_serve(app, status);
    add_topic(app, status);
    add_produce(app, status);
    add_consume(app, status);
    add_log(app, status);
    add_version(app, status);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return say(app, error);
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

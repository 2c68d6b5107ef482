// The commands of the program `duolog`, each in a file of its own.
//
// `add_*` puts a command under `app`. Parsing its arguments runs the command and leaves the
// process's exit status in `status`: 0 done, 1 failed, 2 wrong usage or an environment that does
// not allow it. Everything runs on the main thread.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}

namespace duolog::tools {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Parses the command line, runs the command it names, and returns the process's exit status.
[[nodiscard]] int run_program(int argc, char** argv);

void add_serve(CLI::App& app, int& status);
void add_topic(CLI::App& app, int& status);
void add_produce(CLI::App& app, int& status);
void add_consume(CLI::App& app, int& status);
void add_log(CLI::App& app, int& status);
void add_version(CLI::App& app, int& status);

// "duolog 0.1.0 (commit 1a2b3c4)".
[[nodiscard]] std::string version_line();

// What is wrong with the first word of the command line that `command`, which was parsed, has no
// use for, and which one was perhaps meant: "unknown command 'topik'; did you mean 'topic'?". Empty
// when every word is of use.
[[nodiscard]] std::string unknown_word(const CLI::App& command);

// Prints "duolog COMMAND: message" to standard error and returns the exit status that fits: kUsage
// for kInvalid, else kFailed.
int report(std::string_view command, const Error& error);

}  // namespace duolog::tools

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "engine/server/config.h"
#include "tools/duolog/command.h"
#include "tools/duolog/disk/dump.h"
#include "tools/duolog/disk/repair.h"
#include "tools/duolog/disk/verify.h"

namespace duolog::tools {

namespace {

constexpr const char* kVerifyFooter =
    "Beside a running server too: it changes nothing and takes no lock.\n"
    "Exit status: 0 all is well, 1 damage was found, 2 it cannot be checked.\n"
    "Example:\n  duolog log verify --data-dir /var/lib/duolog orders payments-3";
constexpr const char* kRepairFooter =
    "Only of a directory that no server uses. Without --yes it says what would be given up and\n"
    "done, and changes nothing. With it, what is taken out is kept in DIR/repaired-<time>/, with "
    "a\n"
    "manifest. Offsets are never given out again: readers pass over those that are lost.\n"
    "Exit status: 0 nothing is to be repaired, or all was; 1 something is, and nothing was done;\n"
    "2 something cannot be repaired (a damaged catalog), or it cannot be looked at.\n"
    "Example:\n  duolog log repair --data-dir /var/lib/duolog";
constexpr const char* kDumpFooter =
    "FILE: a segment (<offset>.log), .index, .timeindex, checkpoint, catalog-<n>.log, "
    "<n>.journal.\n"
    "Exit status: 0 all of it is whole, 1 something in it is damaged, 2 it cannot be shown.\n"
    "Examples:\n"
    "  duolog log dump --data-dir /var/lib/duolog orders-0 --records\n"
    "  duolog log dump /var/lib/duolog/meta/catalog-1.log --json";

template <class Options>
void add_data_dir(CLI::App& command, Options& options, const char* names = "-d,--data-dir") {
  options.data_dir = server::Config().data_dir;
  command.add_option(names, options.data_dir, "The data directory")->capture_default_str();
}

}  // namespace

void add_log(CLI::App& app, int& status) {
  CLI::App* log = app.add_subcommand("log", "Check, show and repair the files of a data directory");
  log->require_subcommand(0, 1);
  log->callback([log, &status] {
    if (!log->get_subcommands().empty()) return;
    fmt::print(stderr, "{}", log->help());
    status = kUsage;
  });

  const auto verifying = std::make_shared<VerifyOptions>();
  CLI::App* verify = log->add_subcommand(
      "verify", "Check everything that a start and readers rely on, and list what is damaged");
  add_data_dir(*verify, *verifying);
  verify->add_option("TOPIC[-PARTITION]", verifying->names, "Topics or partitions; none: all");
  verify->add_flag("--json", verifying->json, "Print each finding as a line of JSON");
  verify->footer(kVerifyFooter);
  verify->callback([verifying, &status] {
    verifying->progress = isatty(STDERR_FILENO) == 1;
    status = run_verify(*verifying);
  });

  const auto repairing = std::make_shared<RepairOptions>();
  CLI::App* repair = log->add_subcommand(
      "repair", "Say what is damaged and would be done about it; with --yes, do it");
  add_data_dir(*repair, *repairing, "-d,--data-dir,DIR");
  repair->add_flag("--yes", repairing->yes, "Do it");
  repair->add_flag("--json", repairing->json, "Print each damaged place as a line of JSON");
  repair->footer(kRepairFooter);
  repair->callback([repairing, &status] { status = run_repair(*repairing); });

  const auto dumping = std::make_shared<DumpOptions>();
  CLI::App* dump = log->add_subcommand("dump", "Show what is in a file, or in a partition");
  add_data_dir(*dump, *dumping);
  dump->add_option("FILE|TOPIC-PARTITION", dumping->what, "What to show")->required();
  dump->add_flag("--records", dumping->records, "And the records of each batch");
  dump->add_flag("--json", dumping->json, "Print each line as JSON");
  dump->footer(kDumpFooter);
  dump->callback([dumping, &status] { status = run_dump(*dumping); });
}

}  // namespace duolog::tools

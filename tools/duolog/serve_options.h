// The command line of `duolog serve`: one option per row of the table of settings.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/server/config.h"

namespace CLI {
class App;
}

namespace duolog::tools {

// Owned by the command; must outlive the parsing of `app`.
class ServeOptions {
 public:
  // Adds --config, --print-config and an option for every setting to `app`.
  void add_to(CLI::App& app);

  // The configuration, once `app` has been parsed: command line over `environment` (an `environ`)
  // over the file that --config, else DUOLOG_CONFIG names. kInvalid also for an option that is
  // neither.
  [[nodiscard]] Result<server::Config> load(const char* const* environment) const;

  [[nodiscard]] bool print_config() const { return print_config_; }

 private:
  const CLI::App* app_ = nullptr;
  std::string file_;
  bool print_config_ = false;
  std::vector<server::Setting> settings_;
};

}  // namespace duolog::tools

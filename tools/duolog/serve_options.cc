#include "tools/duolog/serve_options.h"

#include <CLI/CLI.hpp>

#include "engine/server/config_property.h"
#include "tools/duolog/command.h"

namespace duolog::tools {

namespace {

std::string_view variable(const char* const* environment, std::string_view name) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace

void ServeOptions::add_to(CLI::App& app) {
  app_ = &app;
  app.allow_extras();  // load() names them, with the nearest setting
  app.add_option("--config", file_, "TOML file with settings; also DUOLOG_CONFIG")
      ->type_name("FILE");
  app.add_flag("--print-config", print_config_,
               "Print every setting as a TOML file, with its documentation, and exit");
  const server::Config defaults;
  for (const server::Property& property : server::properties()) {
    const std::string name(property.name);
    // "--echo" alone is "--echo true".
    const bool is_switch = server::is_switch(property);
    const std::string form = server::value_form(property);
    const std::string value = server::property_value(property, defaults);
    CLI::Option* option = app.add_option_function<std::string>(
        "--" + name,
        [this, name, is_switch](const std::string& given) {
          settings_.emplace_back(name, is_switch && given.empty() ? "true" : given);
        },
        std::string(property.doc));
    option->expected(is_switch ? 0 : 1, 1)->group("Settings");
    // CLI11 would take a switch's default for what stands behind it.
    if (is_switch) {
      option->type_name(form + "=" + value);
    } else {
      option->type_name(form)->default_str(value);
    }
  }
}

Result<server::Config> ServeOptions::load(const char* const* environment) const {
  if (auto unknown = unknown_word(*app_); !unknown.empty()) {
    return fail(Errc::kInvalid, std::move(unknown));
  }
  server::ConfigSources sources;
  sources.file = file_.empty() ? std::string(variable(environment, "DUOLOG_CONFIG")) : file_;
  sources.environment = server::duolog_environment(environment);
  sources.command_line = settings_;
  return server::load_config(sources);
}

}  // namespace duolog::tools

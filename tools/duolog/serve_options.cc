#include "tools/duolog/serve_options.h"

#include "engine/server/config_property.h"

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
    app.add_option_function<std::string>(
           "--" + name,
           [this, name](const std::string& value) { settings_.emplace_back(name, value); },
           std::string(property.doc))
        ->type_name(server::value_form(property))
        ->default_str(server::property_value(property, defaults))
        ->group("Settings");
  }
}

Result<server::Config> ServeOptions::load(const char* const* environment) const {
  for (const std::string& extra : app_->remaining()) {
    const std::size_t begin = extra.find_first_not_of('-');
    const std::string name =
        begin == std::string::npos ? "" : extra.substr(begin, extra.find('=') - begin);
    std::string message = "unknown option '" + extra + "'";
    const std::string_view nearest = server::nearest_property(name);
    if (!nearest.empty()) message += "; did you mean '--" + std::string(nearest) + "'?";
    return fail(Errc::kInvalid, message);
  }
  server::ConfigSources sources;
  sources.file = file_.empty() ? std::string(variable(environment, "DUOLOG_CONFIG")) : file_;
  sources.environment = server::duolog_environment(environment);
  sources.command_line = settings_;
  return server::load_config(sources);
}

}  // namespace duolog::tools

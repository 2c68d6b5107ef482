#include "engine/server/config.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <sstream>

#include <fmt/core.h>
#include <toml++/toml.h>

#include "engine/server/config_property.h"

namespace duolog::server {

namespace {

constexpr std::string_view kVariablePrefix = "DUOLOG_";

std::string unknown_setting(std::string_view written, std::string_view suggestion) {
  std::string message = "unknown setting '" + std::string(written) + "'";
  if (!suggestion.empty()) message += "; did you mean '" + std::string(suggestion) + "'?";
  return message;
}

std::string setting_name(std::string_view variable) {
  std::string name(variable.substr(kVariablePrefix.size()));
  for (char& c : name) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

// The value of a TOML key as the text that set_property reads, or nothing for a table or a date.
std::optional<std::string> toml_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const auto* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  std::string joined;
  for (const toml::node& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr) return std::nullopt;
    if (!joined.empty()) joined += ',';
    joined += text->get();
  }
  return joined;
}

Result<void> apply_table(const toml::table& table, const std::string& path, Config& config) {
  for (const auto& [key, node] : table) {
    const std::string where = path + ":" + std::to_string(key.source().begin.line) + ": ";
    const Property* property = find_property(key.str());
    if (property == nullptr) {
      return fail(Errc::kInvalid, where + unknown_setting(key.str(), nearest_property(key.str())));
    }
    const std::optional<std::string> text = toml_text(node);
    if (!text) {
      return fail(Errc::kInvalid, where + std::string(key.str()) +
                                      ": expected a value of the form " + value_form(*property));
    }
    const Result<void> set = set_property(*property, config, *text);
    if (!set) {
      return fail(Errc::kInvalid, where + std::string(key.str()) + ": " + set.error().message);
    }
  }
  return {};
}

Result<std::string> read_whole(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  const std::string what = "configuration file " + path;
  if (!file) return fail_errno(Errc::kIo, what, errno);
  std::string text;
  std::array<char, 4096> piece;
  std::size_t got = 0;
  while ((got = std::fread(piece.data(), 1, piece.size(), file.get())) > 0) {
    text.append(piece.data(), got);
  }
  if (std::ferror(file.get()) != 0) return fail_errno(Errc::kIo, what, errno);
  return text;
}

Result<void> apply_file(const std::string& path, Config& config) {
  const Result<std::string> text = read_whole(path);
  if (!text) return std::unexpected(text.error());
  try {
    return apply_table(toml::parse(*text, path), path, config);
  } catch (const toml::parse_error& error) {
    return fail(Errc::kInvalid, path + ":" + std::to_string(error.source().begin.line) + ": " +
                                    std::string(error.description()));
  }
}

Result<void> apply_variable(const Setting& variable, Config& config) {
  const std::string name = setting_name(variable.first);
  const Property* property = find_property(name);
  if (property == nullptr) {
    const Property* nearest = find_property(nearest_property(name));
    const std::string suggestion = nearest == nullptr ? "" : variable_name(*nearest);
    return fail(Errc::kInvalid, "environment: " + unknown_setting(variable.first, suggestion));
  }
  const Result<void> set = set_property(*property, config, variable.second);
  if (!set) {
    return fail(Errc::kInvalid, "environment: " + variable.first + ": " + set.error().message);
  }
  return {};
}

Result<void> apply_option(const Setting& option, Config& config) {
  const Property* property = find_property(option.first);
  if (property == nullptr) {
    return fail(Errc::kInvalid,
                "command line: " + unknown_setting(option.first, nearest_property(option.first)));
  }
  const Result<void> set = set_property(*property, config, option.second);
  if (!set) {
    return fail(Errc::kInvalid, "command line: --" + option.first + ": " + set.error().message);
  }
  return {};
}

std::string written(std::string_view setting, const Config& config) {
  return property_value(*find_property(setting), config);
}

// Where the largest batch has to fit in, by the names of the settings.
Result<void> check_largest_message(const Config& config) {
  struct Place {
    std::string_view setting;
    std::uint64_t bytes;
    std::string_view part;  // of it that a batch may take
    std::string_view why;
  };
  const broker::TopicConfig& topics = config.broker.topic_defaults;
  const storage::StoreOptions& store = config.broker.store;
  const Place places[] = {
      {"segment-bytes", topics.log.segment_bytes, "", "a batch lies in one segment"},
      {"socket-request-max-bytes", config.kafka.max_request_bytes, "",
       "a batch comes in one request"},
      {"journal-max-bytes", store.journal_max_bytes / 2, "half of ",
       "while one half is written behind, a batch lies in the other"},
      {"tail-memory-bytes", store.tail_budget_bytes / 2, "half of ",
       "while one half is written behind, a batch lies in the other"},
  };
  for (const Place& place : places) {
    if (topics.max_message_bytes <= place.bytes) continue;
    return fail(Errc::kInvalid,
                fmt::format("message-max-bytes is more than {1}{0}: {2} against {1}{3}: {4}",
                            place.setting, place.part, written("message-max-bytes", config),
                            written(place.setting, config), place.why));
  }
  return {};
}

// Bounds between settings; those of a single one stand in the table.
Result<void> check_together(const Config& config) {
  const storage::StoreOptions& store = config.broker.store;
  const groups::MembershipSettings& members = config.groups.members;
  if (store.journal_min_bytes > store.journal_max_bytes) {
    return fail(Errc::kInvalid, "journal-min-bytes is more than journal-max-bytes");
  }
  if (members.min_session_timeout_ms > members.max_session_timeout_ms) {
    return fail(Errc::kInvalid,
                "group-min-session-timeout-ms is more than group-max-session-timeout-ms");
  }
  return check_largest_message(config);
}

// Whole numbers and truth values stand bare, everything else in quotes.
std::string toml_value(const std::string& text) {
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (number || text == "true" || text == "false") return text;
  std::ostringstream quoted;
  quoted << toml::value<std::string>(text);
  return quoted.str();
}

}  // namespace

Result<Config> load_config(const ConfigSources& sources) {
  Config config;
  if (!sources.file.empty()) {
    const Result<void> applied = apply_file(sources.file, config);
    if (!applied) return std::unexpected(applied.error());
  }
  for (const Setting& variable : sources.environment) {
    const Result<void> applied = apply_variable(variable, config);
    if (!applied) return std::unexpected(applied.error());
  }
  for (const Setting& option : sources.command_line) {
    const Result<void> applied = apply_option(option, config);
    if (!applied) return std::unexpected(applied.error());
  }
  const Result<void> consistent = check_together(config);
  if (!consistent) return std::unexpected(consistent.error());
  return config;
}

std::vector<Setting> duolog_environment(const char* const* environment) {
  std::vector<Setting> settings;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable(*environment);
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    if (!name.starts_with(kVariablePrefix) || name == "DUOLOG_CONFIG" ||
        name.starts_with("DUOLOG_SERVICE_") || name.starts_with("DUOLOG_PORT")) {
      continue;
    }
    settings.emplace_back(name, variable.substr(equals + 1));
  }
  return settings;
}

std::string dump_config(const Config& config) {
  std::string text;
  for (const Property& property : properties()) {
    const std::string value = property_value(property, config);
    if (!text.empty()) text += '\n';
    text += "# " + std::string(property.doc) + ".\n";
    text += std::string(property.name) + " = " + toml_value(value) + "\n";
  }
  return text;
}

}  // namespace duolog::server

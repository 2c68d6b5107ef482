#include <vector>

#include <CLI/CLI.hpp>

#include "engine/base/nearest_name.h"
#include "tools/duolog/command.h"

namespace duolog::tools {
namespace {

// The long options of a command, without their dashes.
std::vector<std::string_view> option_names(const CLI::App& command) {
  std::vector<std::string_view> names;
  for (const CLI::Option* option : command.get_options({})) {
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  return names;
}

std::vector<std::string_view> command_names(const CLI::App& command) {
  std::vector<std::string_view> names;
  const auto every = [](const CLI::App*) { return true; };
  for (const CLI::App* each : command.get_subcommands(every)) names.push_back(each->get_name());
  return names;
}

std::string unknown(std::string_view kind, const std::string& dashes, const std::string& name,
                    const std::vector<std::string_view>& names) {
  std::string text = "unknown " + std::string(kind) + " '" + dashes + name + "'";
  const std::string_view nearest = nearest_name(name, names);
  if (!nearest.empty()) text += "; did you mean '" + dashes + std::string(nearest) + "'?";
  return text;
}

}  // namespace

std::string unknown_word(const CLI::App& command) {
  for (const std::string& word : command.remaining()) {
    if (word == "--") continue;
    const std::size_t dashes = word.find_first_not_of('-');
    if (dashes != 0 && dashes != std::string::npos) {
      const std::string name = word.substr(dashes, word.find('=') - dashes);
      return unknown("option", word.substr(0, dashes), name, option_names(command));
    }
    const auto commands = command_names(command);
    if (!commands.empty()) return unknown("command", "", word, commands);
    return "'" + word + "' is one word too many";
  }
  return {};
}

}  // namespace duolog::tools

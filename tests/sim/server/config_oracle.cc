#include "tests/sim/server/config_oracle.h"

#include <fmt/format.h>

namespace duolog::sim {

void ConfigOracle::changing(const std::string& topic, const std::string& name,
                            const ConfigValue& value) {
  topics_[topic][name].maybe.insert(value);
}

void ConfigOracle::changed(const std::string& topic, const std::string& name,
                           const ConfigValue& value) {
  ++acks_;
  topics_[topic][name] = {.value = value, .maybe = {}};
}

ConfigValues ConfigOracle::known(const std::string& topic) const {
  ConfigValues all;
  if (const auto found = topics_.find(topic); found != topics_.end()) {
    for (const auto& [name, setting] : found->second) all[name] = setting.value;
  }
  return all;
}

void ConfigOracle::described(const std::string& topic, const ConfigValues& found) {
  for (const auto& [name, setting] : topics_[topic]) {
    const auto at = found.find(name);
    const ConfigValue now = at == found.end() ? std::nullopt : at->second;
    if (now == setting.value || setting.maybe.contains(now)) continue;
    oracle_.wrong(fmt::format("topic {}: {} is '{}', and '{}' was acked", topic, name,
                              now.value_or("not set"), setting.value.value_or("not set")));
  }
}

}  // namespace duolog::sim

// ConfigOracle: what topics are configured with, as far as anybody has been told.
//
// A setting whose change was acked is what it was changed to, for ever; one whose change is not
// answered is what it was, or what it was to be. A setting without a value is not the topic's own.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/server/oracle.h"

namespace duolog::sim {

using ConfigValue = std::optional<std::string>;
// By name.
using ConfigValues = std::map<std::string, ConfigValue>;

class ConfigOracle {
 public:
  explicit ConfigOracle(Oracle& oracle) : oracle_(oracle) {}

  // `topic` is an id.
  void changing(const std::string& topic, const std::string& name, const ConfigValue& value);
  void changed(const std::string& topic, const std::string& name, const ConfigValue& value);
  // Settings that anybody has changed, to what was acked last.
  [[nodiscard]] ConfigValues known(const std::string& topic) const;
  // The topic has these settings of its own, as an answer says to what was asked when nobody was
  // changing any.
  void described(const std::string& topic, const ConfigValues& found);

  [[nodiscard]] std::uint64_t acks() const { return acks_; }

 private:
  struct Setting {
    ConfigValue value;            // acked
    std::set<ConfigValue> maybe;  // not answered
  };

  Oracle& oracle_;
  std::map<std::string, std::map<std::string, Setting>> topics_;
  std::uint64_t acks_ = 0;
};

}  // namespace duolog::sim

// Property: one row of the table of settings.
//
// The table is constant; any thread may read it. The functions here do not throw.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/result.h"
#include "engine/server/config.h"

namespace duolog::server {

enum class Unit : std::uint8_t { kNone, kBytes, kMilliseconds, kMicroseconds };

struct Property {
  // The member of Config that holds the value; its type decides how text is read.
  using Field =
      std::variant<std::string Config::*, HostPort Config::*, std::optional<HostPort> Config::*,
                   bool Config::*, std::uint32_t Config::*, std::uint64_t Config::*,
                   BusyPoll Config::*, LogLevel Config::*, std::vector<std::string> Config::*>;

  std::string_view name;  // "segment-bytes"; the variable is DUOLOG_SEGMENT_BYTES
  Field field;
  std::string_view doc;  // one line, without a full stop
  Unit unit = Unit::kNone;
  std::uint64_t min = 0;  // both bounds for numbers only
  std::uint64_t max = std::numeric_limits<std::uint32_t>::max();
};

// Every setting, in the order in which help and dump show them.
[[nodiscard]] std::span<const Property> properties();

// The row called `name`, or nullptr.
[[nodiscard]] const Property* find_property(std::string_view name);

// The setting whose name is closest to `name`, or empty when none is similar.
[[nodiscard]] std::string_view nearest_property(std::string_view name);

// "segment-bytes" -> "DUOLOG_SEGMENT_BYTES".
[[nodiscard]] std::string variable_name(const Property& property);

// What a value looks like, for help: "HOST:PORT", "BYTES", "never|adaptive|always".
[[nodiscard]] std::string value_form(const Property& property);

// Sets the member from text. Numbers with a unit may carry a suffix: B, KiB, MiB, GiB, TiB for
// bytes; us, ms, s, m, h, d for times; without one they are in the property's own unit. Lists are
// separated by commas. kInvalid says what is wrong with the value, without naming the property.
[[nodiscard]] Result<void> set_property(const Property& property, Config& config,
                                        std::string_view text);

// The value as text that set_property reads back, with the largest suffix that leaves it whole
// ("1GiB", "7d"). An unset optional is empty.
[[nodiscard]] std::string property_value(const Property& property, const Config& config);

}  // namespace duolog::server

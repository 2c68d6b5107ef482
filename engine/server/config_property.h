// Property: one row of the table of settings.
//
// A row says everything about a setting but its default, which stands where the value lies: in the
// struct of settings of the room that it is for. The table is constant; any thread may read it. The
// functions here do not throw.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/result.h"
#include "engine/server/config.h"

namespace duolog::server {

// Where in a Config a value lies; its type decides how text is read.
template <class T>
using Place = T& (*)(Config&);

enum class Unit : std::uint8_t { kNone, kBytes, kMilliseconds, kMicroseconds };

// How a number is written, what it may be, and how it is kept.
struct NumberForm {
  Unit unit = Unit::kNone;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::uint64_t factor = 1;        // kept is so many times what is written
  bool zero_is_unlimited = false;  // 0 is kept as -1, as Kafka has it

  [[nodiscard]] constexpr NumberForm kept_times(std::uint64_t times) const {
    NumberForm form = *this;
    form.factor = times;
    return form;
  }
  [[nodiscard]] constexpr NumberForm or_zero_for_unlimited() const {
    NumberForm form = *this;
    form.zero_is_unlimited = true;
    return form;
  }
};

// The broker's key that Kafka's clients know a setting by, and with it whether the setting may
// change while the server runs.
struct KafkaKey {
  enum class Kind : std::uint8_t {
    kNone,
    kAtStart,       // `name` is a broker's key; AlterConfigs refuses it
    kTopicDefault,  // `name` is a topic's key, and the setting what goes for topics that say
                    // nothing else; its first synonym is the broker's key, which AlterConfigs
                    // changes
  };
  Kind kind = Kind::kNone;
  std::string_view name;
  std::string (*text)(const Config&) = nullptr;  // what Kafka's clients see; null: the value
};

struct Property {
  using Field = std::variant<Place<std::string>, Place<HostPort>, Place<std::optional<HostPort>>,
                             Place<bool>, Place<std::uint32_t>, Place<std::uint64_t>,
                             Place<std::int32_t>, Place<std::int64_t>, Place<BusyPoll>,
                             Place<LogLevel>, Place<std::vector<std::string>>>;

  std::string_view name;  // "segment-bytes"; the variable is DUOLOG_SEGMENT_BYTES
  Field field;
  std::string_view doc;  // one line, without a full stop
  NumberForm number;     // for numbers only
  KafkaKey kafka;
  Result<void> (*check_item)(std::string_view item) = nullptr;  // of a list
};

// Every setting, in the order in which help and dump show them.
[[nodiscard]] std::span<const Property> properties();

// The row called `name`, or nullptr.
[[nodiscard]] const Property* find_property(std::string_view name);

// The setting whose name is closest to `name`, or empty when none is similar.
[[nodiscard]] std::string_view nearest_property(std::string_view name);

// "segment-bytes" -> "DUOLOG_SEGMENT_BYTES".
[[nodiscard]] std::string variable_name(const Property& property);

// Whether it is true or false, so that its bare name may stand for true.
[[nodiscard]] bool is_switch(const Property& property);

// What a value looks like, for help: "HOST:PORT", "BYTES", "never|adaptive|always".
[[nodiscard]] std::string value_form(const Property& property);

// Sets the value from text. Numbers with a unit may carry a suffix: B, KiB, MiB, GiB, TiB for
// bytes; us, ms, s, m, h, d for times; without one they are in the property's own unit. Lists are
// separated by commas. kInvalid says what is wrong with the value, without naming the property.
[[nodiscard]] Result<void> set_property(const Property& property, Config& config,
                                        std::string_view text);

// The value as text that set_property reads back, with the largest suffix that leaves it whole
// ("1GiB", "7d"). An unset optional is empty.
[[nodiscard]] std::string property_value(const Property& property, const Config& config);

// The broker's key that Kafka's clients know it by; empty when there is none.
[[nodiscard]] std::string_view broker_key(const Property& property);
// The value as they see it: numbers without a suffix, -1 for unlimited.
[[nodiscard]] std::string kafka_value(const Property& property, const Config& config);

}  // namespace duolog::server

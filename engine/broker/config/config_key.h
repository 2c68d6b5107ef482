// ConfigKey: one row of the list of keys that Kafka's clients see.
//
// Every key that a Kafka 4.3 broker lists, whether it has an effect here or not, so that tools find
// what they look for; and our own (`duolog.*`). A key without an effect is checked and kept like
// any other, and its documentation says so. The rows are in topic_keys.cc, resource_keys.cc and
// broker_keys_*.cc, sorted by name within each.
//
// Type, range, default and sentence are what Kafka's tools are told. Where a setting of the server
// is behind a key, that one has bounds and help of its own, in the server's table, from which its
// value comes: Options::broker_settings.
//
// The tables are constant; any thread may read them.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace duolog::broker {

// Kafka's codes, as DescribeConfigs sends them.
enum class ConfigType : std::int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,  // sensitive: never shown
};

// What a setting belongs to; Kafka's codes.
enum class ConfigResource : std::int8_t {
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

// What a value may be: a range for numbers, words (separated by commas) for strings and lists.
struct ConfigRange {
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
  std::string_view words{};
  bool or_minus_one = false;
  bool any_case = false;
  bool replicas = false;  // a list of partition:broker, or *
};
inline constexpr ConfigRange kAny{};
inline constexpr ConfigRange kGzipLevels{.least = 1, .most = 9, .or_minus_one = true};
[[nodiscard]] constexpr ConfigRange at_least(double least) { return {.least = least}; }
[[nodiscard]] constexpr ConfigRange between(double least, double most) {
  return {.least = least, .most = most};
}
[[nodiscard]] constexpr ConfigRange one_of(std::string_view words) { return {.words = words}; }

// Bits of ConfigKey::traits.
inline constexpr std::uint8_t kStored = 0;     // kept, and without an effect
inline constexpr std::uint8_t kEffect = 1;     // what it says happens
inline constexpr std::uint8_t kUpdatable = 2;  // of a broker: while it runs, for all brokers or one
inline constexpr std::uint8_t kOneBroker = 4;  // of a broker: while it runs, for one broker only
// Of a broker, what goes for topics that say nothing else: the first synonym of a topic's key, with
// an effect if that one has one, and updatable.
inline constexpr std::uint8_t kTopicDefault = 8;
inline constexpr std::size_t kMaxSynonyms = 3;

struct ConfigKey {
  std::string_view name;
  ConfigType type;
  const char* default_value;  // null: there is none
  ConfigRange range;
  std::uint8_t traits;
  std::string_view doc;  // one sentence
  // A broker's keys that stand for it where it is not set, the first one first.
  std::array<std::string_view, kMaxSynonyms> synonyms{};

  [[nodiscard]] bool has_effect() const;
  [[nodiscard]] bool is_sensitive() const { return type == ConfigType::kPassword; }
  [[nodiscard]] bool is_read_only() const {
    return (traits & (kUpdatable | kOneBroker | kTopicDefault)) == 0;
  }
  // The sentence, and another one where it has no effect.
  [[nodiscard]] std::string documentation() const;
};

// All keys of a kind of resource, by name. Empty for a kind that has no fixed keys.
[[nodiscard]] std::span<const ConfigKey* const> config_keys(ConfigResource resource);
// Null when there is no such key.
[[nodiscard]] const ConfigKey* find_config_key(ConfigResource resource, std::string_view name);
// The topic's key that this broker's key stands for first; null when there is none.
[[nodiscard]] const ConfigKey* topic_key_of(std::string_view broker_key);

// The value as it is kept: without the spaces around it, numbers in their shortest form. kInvalid,
// with Kafka's words, when it is not of the key's type or range, or longer than a string of the
// protocol may be.
[[nodiscard]] Result<std::string> check_config_value(const ConfigKey& key, std::string_view value);
// Items of a list, without the spaces around them.
[[nodiscard]] std::vector<std::string_view> config_list(std::string_view value);

// ---- The rows: what config_keys puts together.
[[nodiscard]] std::span<const ConfigKey> topic_key_rows();
[[nodiscard]] std::span<const ConfigKey> group_key_rows();
[[nodiscard]] std::span<const ConfigKey> client_metrics_key_rows();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_network();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_cluster();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_log();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_groups();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_remote_storage();
[[nodiscard]] std::span<const ConfigKey> broker_key_rows_of_security();

}  // namespace duolog::broker

#include "engine/broker/config/config_key.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "engine/base/text.h"
#include "net/kafka/reader.h"

namespace duolog::broker {
namespace {

using Keys = std::vector<const ConfigKey*>;

Keys sorted(std::initializer_list<std::span<const ConfigKey>> tables) {
  Keys keys;
  for (const auto rows : tables) {
    for (const ConfigKey& key : rows) keys.push_back(&key);
  }
  std::ranges::sort(keys, {}, &ConfigKey::name);
  return keys;
}

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view first_synonym(const ConfigKey* key) { return key->synonyms[0]; }

bool same_word(std::string_view a, std::string_view b, bool any_case) {
  return std::ranges::equal(a, b, [any_case](char x, char y) {
    const auto lower = [](char c) { return 'A' <= c && c <= 'Z' ? c - 'A' + 'a' : c; };
    return x == y || (any_case && lower(x) == lower(y));
  });
}

std::unexpected<Error> bad(const ConfigKey& key, std::string_view value, const std::string& what) {
  return fail(Errc::kInvalid, "Invalid value " + std::string(value) + " for configuration " +
                                  std::string(key.name) + ": " + what);
}

std::string_view type_name(ConfigType type) {
  switch (type) {
    case ConfigType::kInt:
      return "INT";
    case ConfigType::kShort:
      return "SHORT";
    case ConfigType::kLong:
      return "LONG";
    default:
      return "DOUBLE";
  }
}

std::string number_text(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  return {text, error == std::errc() ? end : text};
}

// Bounds are whole numbers that a double holds exactly.
template <class Number>
Result<void> check_range(const ConfigKey& key, std::string_view value, Number number) {
  const ConfigRange& range = key.range;
  const auto exact = static_cast<double>(number);
  if (range.or_minus_one && number == -1) return {};
  if (exact < range.least) {
    return bad(key, value, "Value must be at least " + number_text(range.least));
  }
  if (exact > range.most) {
    return bad(key, value, "Value must be no more than " + number_text(range.most));
  }
  return {};
}

template <class Number>
Result<std::string> check_number(const ConfigKey& key, std::string_view value) {
  std::string_view digits = value;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  Number number{};
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, number);
  if (error != std::errc() || end != last || std::isnan(static_cast<double>(number))) {
    return bad(key, value, "Not a number of type " + std::string(type_name(key.type)));
  }
  if (auto checked = check_range(key, value, number); !checked) {
    return std::unexpected(checked.error());
  }
  if constexpr (std::is_floating_point_v<Number>) return std::string(digits);
  return std::to_string(number);
}

Result<std::string> check_word(const ConfigKey& key, std::string_view value) {
  if (key.range.words.empty()) return std::string(value);
  for (const std::string_view word : config_list(key.range.words)) {
    if (same_word(word, value, key.range.any_case)) return std::string(value);
  }
  return bad(key, value, "String must be one of: " + std::string(key.range.words));
}

// "12:3", or the one word for all.
bool is_replica(std::string_view item) {
  if (item == "*") return true;
  const auto colon = item.find(':');
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return colon != std::string_view::npos && is_number(item.substr(0, colon)) &&
         is_number(item.substr(colon + 1));
}

Result<std::string> check_list(const ConfigKey& key, std::string_view value) {
  std::string kept;
  const auto items = config_list(value);
  std::set<std::string_view> seen;
  for (const std::string_view item : items) {
    if (auto checked = check_word(key, item); !checked) return checked;
    if (key.range.replicas && (!is_replica(item) || (item == "*" && items.size() > 1))) {
      return bad(key, value, "It must be '*' or a list of [partitionId]:[brokerId]");
    }
    if (!seen.insert(item).second) continue;
    if (!kept.empty()) kept += ',';
    kept += item;
  }
  return kept;
}

Result<std::string> check_type(const ConfigKey& key, std::string_view value) {
  switch (key.type) {
    case ConfigType::kBoolean:
      if (same_word(value, "true", true)) return "true";
      if (same_word(value, "false", true)) return "false";
      return bad(key, value, "Expected value to be either true or false");
    case ConfigType::kInt:
      return check_number<std::int32_t>(key, value);
    case ConfigType::kShort:
      return check_number<std::int16_t>(key, value);
    case ConfigType::kLong:
      return check_number<std::int64_t>(key, value);
    case ConfigType::kDouble:
      return check_number<double>(key, value);
    case ConfigType::kList:
      return check_list(key, value);
    case ConfigType::kString:
    case ConfigType::kClass:
    case ConfigType::kPassword:
      return check_word(key, value);
  }
  return std::string(value);
}

}  // namespace

bool ConfigKey::has_effect() const {
  if ((traits & kTopicDefault) == 0) return (traits & kEffect) != 0;
  const ConfigKey* topic_key = topic_key_of(name);
  return topic_key && topic_key->has_effect();
}

std::string ConfigKey::documentation() const {
  return std::string(doc) + (has_effect() ? "" : " It has no effect here.");
}

std::span<const ConfigKey* const> config_keys(ConfigResource resource) {
  static const Keys topic = sorted({topic_key_rows()});
  static const Keys group = sorted({group_key_rows()});
  static const Keys client_metrics = sorted({client_metrics_key_rows()});
  static const Keys broker =
      sorted({broker_key_rows_of_network(), broker_key_rows_of_cluster(), broker_key_rows_of_log(),
              broker_key_rows_of_groups(), broker_key_rows_of_remote_storage(),
              broker_key_rows_of_security()});
  switch (resource) {
    case ConfigResource::kTopic:
      return topic;
    case ConfigResource::kBroker:
      return broker;
    case ConfigResource::kClientMetrics:
      return client_metrics;
    case ConfigResource::kGroup:
      return group;
    case ConfigResource::kBrokerLogger:
      break;
  }
  return {};
}

const ConfigKey* find_config_key(ConfigResource resource, std::string_view name) {
  const auto keys = config_keys(resource);
  const auto at = std::ranges::lower_bound(keys, name, {}, &ConfigKey::name);
  return at != keys.end() && (*at)->name == name ? *at : nullptr;
}

const ConfigKey* topic_key_of(std::string_view broker_key) {
  static const Keys by_synonym = [] {
    const auto keys = config_keys(ConfigResource::kTopic);
    Keys with(keys.begin(), keys.end());
    std::erase_if(with, [](const ConfigKey* key) { return first_synonym(key).empty(); });
    std::ranges::stable_sort(with, {}, first_synonym);
    return with;
  }();
  const auto at = std::ranges::lower_bound(by_synonym, broker_key, {}, first_synonym);
  return at != by_synonym.end() && first_synonym(*at) == broker_key ? *at : nullptr;
}

Result<std::string> check_config_value(const ConfigKey& key, std::string_view value) {
  auto kept = check_type(key, trimmed(value, kSpaces));
  if (kept && kept->size() > kafka::kMaxStringBytes) {
    return fail(Errc::kInvalid, "Value for configuration " + std::string(key.name) +
                                    " must be no longer than " +
                                    std::to_string(kafka::kMaxStringBytes) + " bytes");
  }
  return kept;
}

std::vector<std::string_view> config_list(std::string_view value) {
  std::vector<std::string_view> items;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    if (const auto item = trimmed(value.substr(0, comma), kSpaces); !item.empty())
      items.push_back(item);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return items;
}

}  // namespace duolog::broker

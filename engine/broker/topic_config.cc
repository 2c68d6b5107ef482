#include "engine/broker/topic_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "engine/broker/config/config_key.h"

namespace duolog::broker {
namespace {

using storage::Durability;
using storage::TimestampType;
using storage::Visibility;

template <class Number>
void read(Number& out, std::string_view checked) {
  std::from_chars(checked.data(), checked.data() + checked.size(), out);
}

// A setting with an effect: how its text becomes what it does, and the other way round.
struct Setting {
  std::string_view name;
  void (*set)(TopicConfig& config, std::string_view checked);
  std::string (*text)(const TopicConfig& config);
};

template <auto Member>
constexpr Setting number(std::string_view name) {
  return {name,
          [](TopicConfig& config, std::string_view checked) { read(config.*Member, checked); },
          [](const TopicConfig& config) { return std::to_string(config.*Member); }};
}

template <auto Member>
constexpr Setting log_number(std::string_view name) {
  return {name,
          [](TopicConfig& config, std::string_view checked) { read(config.log.*Member, checked); },
          [](const TopicConfig& config) { return std::to_string(config.log.*Member); }};
}

void set_cleanup_policy(TopicConfig& config, std::string_view checked) {
  const auto items = config_list(checked);
  config.log.cleanup_delete = std::ranges::find(items, "delete") != items.end();
  config.log.cleanup_compact = std::ranges::find(items, "compact") != items.end();
}

std::string cleanup_policy(const TopicConfig& config) {
  if (!config.log.cleanup_compact) return config.log.cleanup_delete ? "delete" : "";
  return config.log.cleanup_delete ? "compact,delete" : "compact";
}

constexpr auto kSettings = std::to_array<Setting>({
    {"cleanup.policy", set_cleanup_policy, cleanup_policy},
    log_number<&storage::LogConfig::delete_retention_ms>("delete.retention.ms"),
    {"duolog.durability",
     [](TopicConfig& config, std::string_view checked) {
       config.log.durability = checked == "os" ? Durability::kOs : Durability::kFsync;
     },
     [](const TopicConfig& config) -> std::string {
       return config.log.durability == Durability::kOs ? "os" : "fsync";
     }},
    {"duolog.visibility",
     [](TopicConfig& config, std::string_view checked) {
       config.log.visibility = checked == "appended" ? Visibility::kAppended : Visibility::kDurable;
     },
     [](const TopicConfig& config) -> std::string {
       return config.log.visibility == Visibility::kAppended ? "appended" : "durable";
     }},
    log_number<&storage::LogConfig::max_compaction_lag_ms>("max.compaction.lag.ms"),
    number<&TopicConfig::max_message_bytes>("max.message.bytes"),
    number<&TopicConfig::timestamp_after_max_ms>("message.timestamp.after.max.ms"),
    number<&TopicConfig::timestamp_before_max_ms>("message.timestamp.before.max.ms"),
    {"message.timestamp.type",
     [](TopicConfig& config, std::string_view checked) {
       config.timestamp_type =
           checked == "LogAppendTime" ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
     },
     [](const TopicConfig& config) -> std::string {
       return config.timestamp_type == TimestampType::kLogAppendTime ? "LogAppendTime"
                                                                     : "CreateTime";
     }},
    {"min.cleanable.dirty.ratio",
     [](TopicConfig& config, std::string_view checked) {
       read(config.log.min_dirty_ratio, checked);
     },
     [](const TopicConfig& config) { return fmt::format("{}", config.log.min_dirty_ratio); }},
    log_number<&storage::LogConfig::min_compaction_lag_ms>("min.compaction.lag.ms"),
    log_number<&storage::LogConfig::retention_bytes>("retention.bytes"),
    log_number<&storage::LogConfig::retention_ms>("retention.ms"),
    log_number<&storage::LogConfig::segment_bytes>("segment.bytes"),
    log_number<&storage::LogConfig::segment_index_bytes>("segment.index.bytes"),
    log_number<&storage::LogConfig::segment_jitter_ms>("segment.jitter.ms"),
    log_number<&storage::LogConfig::segment_ms>("segment.ms"),
});

const Setting* find_setting(std::string_view name) {
  const auto at = std::ranges::find(kSettings, name, &Setting::name);
  return at == kSettings.end() ? nullptr : &*at;
}

std::int64_t given_number(const storage::TopicConfigs& given, std::string_view name,
                          std::int64_t otherwise) {
  const auto at = given.find(name);
  if (at != given.end()) read(otherwise, at->second);
  return otherwise;
}

// What no single key's range says.
Result<void> check_together(const storage::TopicConfigs& given) {
  const std::int64_t least = given_number(given, "min.compaction.lag.ms", 0);
  const std::int64_t most =
      given_number(given, "max.compaction.lag.ms", std::numeric_limits<std::int64_t>::max());
  if (least > most) {
    return fail(Errc::kInvalid, "min.compaction.lag.ms (" + std::to_string(least) +
                                    ") is above max.compaction.lag.ms (" + std::to_string(most) +
                                    ")");
  }
  const auto remote = given.find("remote.storage.enable");
  if (remote != given.end() && remote->second == "true") {
    return fail(Errc::kInvalid, "remote.storage.enable: there is no remote storage here");
  }
  return {};
}

}  // namespace

Result<void> set_topic_config(TopicConfig& config, std::string_view name, std::string_view value) {
  const ConfigKey* key = find_config_key(ConfigResource::kTopic, name);
  if (!key) return fail(Errc::kInvalid, "Unknown topic config name: " + std::string(name));
  auto checked = check_config_value(*key, value);
  if (!checked) return std::unexpected(checked.error());
  set_topic_default(config, name, *checked);
  config.overrides.insert_or_assign(std::string(name), std::move(*checked));
  return {};
}

Result<TopicConfig> make_topic_config(const TopicConfig& defaults,
                                      const storage::TopicConfigs& given) {
  TopicConfig config = defaults;
  config.overrides.clear();
  for (const auto& [name, value] : given) {
    if (auto set = set_topic_config(config, name, value); !set) {
      return std::unexpected(set.error());
    }
  }
  if (auto together = check_together(config.overrides); !together) {
    return std::unexpected(together.error());
  }
  return config;
}

TopicConfig stored_topic_config(const TopicConfig& defaults, const storage::TopicConfigs& given) {
  TopicConfig config = defaults;
  config.overrides.clear();
  for (const auto& [name, value] : given) {
    if (!set_topic_config(config, name, value)) config.overrides.insert_or_assign(name, value);
  }
  return config;
}

void set_topic_default(TopicConfig& config, std::string_view name, std::string_view checked) {
  if (const Setting* setting = find_setting(name)) setting->set(config, checked);
}

bool same_defaults(const TopicConfig& a, const TopicConfig& b) {
  return std::ranges::all_of(
      kSettings, [&](const Setting& setting) { return setting.text(a) == setting.text(b); });
}

std::optional<std::string> topic_default(const TopicConfig& config, std::string_view name) {
  const Setting* setting = find_setting(name);
  if (!setting) return std::nullopt;
  return setting->text(config);
}

}  // namespace duolog::broker

// TopicConfig: the settings of a topic that have an effect here, and all that it was given.
//
// What it was given is kept in the catalog as text, by Kafka's names and ours (config_key.h).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "storage/catalog_format.h"
#include "storage/options.h"
#include "storage/record_batch.h"

namespace duolog::broker {

struct TopicConfig {
  storage::LogConfig log;
  std::uint32_t max_message_bytes = 1'048'588;
  storage::TimestampType timestamp_type = storage::TimestampType::kCreateTime;
  // How far a record's timestamp may lie from the broker's clock.
  std::int64_t timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_max_ms = 3'600'000;
  storage::TopicConfigs overrides;  // as they were given
};

// Gives the topic a setting. kInvalid, in Kafka's words, when it is unknown or its value is bad.
[[nodiscard]] Result<void> set_topic_config(TopicConfig& config, std::string_view name,
                                            std::string_view value);
// `defaults`, and over them what a topic was given. kInvalid also for settings that contradict each
// other.
[[nodiscard]] Result<TopicConfig> make_topic_config(const TopicConfig& defaults,
                                                    const storage::TopicConfigs& given);

// The same from what a catalog holds, which may be of an older version: a value that its key may
// no longer have stays among what it was given, and has no effect.
[[nodiscard]] TopicConfig stored_topic_config(const TopicConfig& defaults,
                                              const storage::TopicConfigs& given);

// What goes for topics that say nothing else, by the name of a topic's key: sets it from a value
// that check_config_value has passed; reads it. Nothing for keys without an effect.
void set_topic_default(TopicConfig& config, std::string_view name, std::string_view checked);
[[nodiscard]] std::optional<std::string> topic_default(const TopicConfig& config,
                                                       std::string_view name);

// Whether the same goes by both for topics that say nothing else.
[[nodiscard]] bool same_defaults(const TopicConfig& a, const TopicConfig& b);

}  // namespace duolog::broker

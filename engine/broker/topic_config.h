// TopicConfig: the settings of a topic that have an effect here.
//
// Kept in the catalog as text, by Kafka's names and ours (`duolog.*`). A setting that this build
// does not act on is refused, so that nobody relies on what is not there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "storage/options.h"

namespace duolog::broker {

struct TopicConfig {
  storage::LogConfig log;
  std::uint32_t max_message_bytes = 1'048'588;
  std::map<std::string, std::string> overrides;  // as they were given
};

// Reads one setting into `config`. kInvalid, naming it, when it is unknown or its value is bad.
[[nodiscard]] Result<void> set_topic_config(TopicConfig& config, std::string_view name,
                                            std::string_view value);

}  // namespace duolog::broker

// The settings that a topic was given, read and changed for the `topic` command.
//
// AlterConfigs unsets what it does not name, so a change reads the settings first. On the command's
// thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/duolog/client/kafka_client.h"

namespace duolog::tools {

using TopicSettings = std::map<std::string, std::string>;

// Those that the topic was given itself, by name.
[[nodiscard]] Result<TopicSettings> read_topic_settings(const KafkaClient& client,
                                                        const std::string& topic);
// Gives it those of `set` (NAME=VALUE) and takes those of `unset` back.
[[nodiscard]] Result<void> change_topic_settings(const KafkaClient& client,
                                                 const std::string& topic,
                                                 const std::vector<std::string>& set,
                                                 const std::vector<std::string>& unset);

}  // namespace duolog::tools

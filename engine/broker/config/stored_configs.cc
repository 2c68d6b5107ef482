#include "engine/broker/config/stored_configs.h"

#include <utility>

namespace duolog::broker {

const ConfigValues& StoredConfigs::of(ConfigResource resource, std::string_view name) const {
  static const ConfigValues kNone;
  const auto at = resources.find({static_cast<std::int32_t>(resource), std::string(name)});
  return at == resources.end() ? kNone : at->second;
}

std::size_t config_bytes(std::string_view name, const ConfigValues& given) {
  if (given.empty()) return 0;
  std::size_t bytes = name.size();
  for (const auto& [key, value] : given) bytes += key.size() + value.size();
  return bytes;
}

StoredConfigs make_stored_configs(storage::CatalogState::ResourceConfigs resources,
                                  const TopicConfig& server_defaults, std::int32_t node_id) {
  StoredConfigs stored{std::move(resources), 0, server_defaults};
  for (const auto& [which, given] : stored.resources) {
    stored.bytes += config_bytes(which.second, given);
  }
  const std::string node = std::to_string(node_id);
  for (const std::string_view broker : {std::string_view(), std::string_view(node)}) {
    const ConfigValues& given = stored.of(ConfigResource::kBroker, broker);
    for (const ConfigKey* key : config_keys(ConfigResource::kTopic)) {
      if (key->synonyms[0].empty()) continue;
      const auto at = given.find(key->synonyms[0]);
      if (at == given.end()) continue;
      const auto checked = check_config_value(*key, at->second);
      if (checked) set_topic_default(stored.topic_defaults, key->name, *checked);
    }
  }
  return stored;
}

}  // namespace duolog::broker

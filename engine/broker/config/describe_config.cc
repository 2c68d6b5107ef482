#include "engine/broker/config/describe_config.h"

#include <algorithm>
#include <utility>

namespace duolog::broker {
namespace {

using Synonym = ConfigDescription::Synonym;

// The same; nothing where that is the default.
std::optional<std::string> server_value(const ConfigKey& broker_key, const Options& options) {
  auto value = configured_value(broker_key, options);
  if (!value) return std::nullopt;
  // A default that other units of time give (log.retention.hours) is not one of this key.
  const ConfigKey* topic_key = topic_key_of(broker_key.name);
  const ConfigKey& usual = topic_key ? *topic_key : broker_key;
  if (usual.default_value && *value == usual.default_value) return std::nullopt;
  return value;
}

void add(std::vector<Synonym>& synonyms, const ConfigKey& key, std::optional<std::string> value,
         ConfigSource source) {
  if (!value) return;
  if (key.is_sensitive()) value.reset();
  synonyms.push_back({key.name, std::move(value), source});
}

void add_given(std::vector<Synonym>& synonyms, const ConfigKey& key, const ConfigValues& given,
               ConfigSource source) {
  if (const auto at = given.find(key.name); at != given.end()) {
    add(synonyms, key, at->second, source);
  }
}

void add_default(std::vector<Synonym>& synonyms, const ConfigKey& key) {
  if (key.default_value) add(synonyms, key, key.default_value, ConfigSource::kDefault);
}

// A broker's key and those that stand for it, the first one first.
std::vector<const ConfigKey*> chain_of(const ConfigKey& broker_key) {
  const ConfigKey* topic_key = topic_key_of(broker_key.name);
  if (!topic_key) return {&broker_key};
  std::vector<const ConfigKey*> chain;
  for (const std::string_view name : topic_key->synonyms) {
    const ConfigKey* key = find_config_key(ConfigResource::kBroker, name);
    if (key) chain.push_back(key);
  }
  return chain;
}

// As in Kafka, what stands before the first value of the key itself is left out: without one, only
// the last of its chain can have a value, and that is the default in other units.
void add_broker(std::vector<Synonym>& synonyms, const ConfigKey& broker_key,
                const ConfigSources& sources) {
  const auto chain = chain_of(broker_key);
  std::vector<Synonym> all;
  for (const ConfigKey* key : chain) add_given(all, *key, sources.own, ConfigSource::kBroker);
  for (const ConfigKey* key : chain) {
    add_given(all, *key, sources.every, ConfigSource::kEveryBroker);
  }
  for (const ConfigKey* key : chain) {
    add(all, *key, server_value(*key, sources.options), ConfigSource::kServer);
  }
  for (const ConfigKey* key : chain) add_default(all, *key);
  auto first = std::ranges::find(all, broker_key.name, &Synonym::name);
  synonyms.insert(synonyms.end(), first, all.end());
}

ConfigSource own_source(ConfigResource resource) {
  if (resource == ConfigResource::kTopic) return ConfigSource::kTopic;
  return resource == ConfigResource::kGroup ? ConfigSource::kGroup : ConfigSource::kClientMetrics;
}

}  // namespace

std::optional<std::string> configured_value(const ConfigKey& broker_key, const Options& options) {
  const auto setting = options.broker_settings.find(broker_key.name);
  if (setting != options.broker_settings.end()) return setting->second;
  const ConfigKey* topic_key = topic_key_of(broker_key.name);
  return topic_key ? topic_default(options.topic_defaults, topic_key->name) : std::nullopt;
}

ConfigSources::ConfigSources(const StoredConfigs& stored, const Options& its_options)
    : own(stored.of(ConfigResource::kBroker, std::to_string(its_options.node_id))),
      every(stored.of(ConfigResource::kBroker, "")),
      options(its_options) {}

ConfigDescription describe_config(ConfigResource resource, const ConfigKey& key,
                                  const ConfigValues& given, const ConfigSources& sources) {
  ConfigDescription description;
  if (resource == ConfigResource::kBroker) {
    add_broker(description.synonyms, key, sources);
  } else {
    add_given(description.synonyms, key, given, own_source(resource));
    const ConfigKey* broker_key = find_config_key(ConfigResource::kBroker, key.synonyms[0]);
    if (broker_key) {
      add_broker(description.synonyms, *broker_key, sources);
    } else if (resource == ConfigResource::kGroup) {
      add_default(description.synonyms, key);
    }
  }
  if (!description.synonyms.empty()) {
    description.value = description.synonyms.front().value;
    description.source = description.synonyms.front().source;
  } else if (key.default_value && !key.is_sensitive()) {
    description.value = key.default_value;
  }
  return description;
}

}  // namespace duolog::broker

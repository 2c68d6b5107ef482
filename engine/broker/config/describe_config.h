// describe_config: what a setting is, where its value comes from, and what it would be otherwise.
//
// Any shard's thread: it reads what is published or constant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/broker/config/config_key.h"
#include "engine/broker/config/stored_configs.h"
#include "engine/broker/options.h"

namespace duolog::broker {

// Kafka's codes.
enum class ConfigSource : std::int8_t {
  kTopic = 1,
  kBroker = 2,
  kEveryBroker = 3,
  kServer = 4,  // the server's configuration
  kDefault = 5,
  kBrokerLogger = 6,
  kClientMetrics = 7,
  kGroup = 8,
};

struct ConfigDescription {
  struct Synonym {
    std::string_view name;
    std::optional<std::string> value;
    ConfigSource source;
  };
  std::optional<std::string> value;  // none: there is none, or it is sensitive
  ConfigSource source = ConfigSource::kDefault;
  std::vector<Synonym> synonyms;  // all that would give it a value, what counts first
};

// What this broker was given, and what it was started with: looked up once for many settings.
// Refers to its arguments; for the rest of the turn.
struct ConfigSources {
  ConfigSources(const StoredConfigs& stored, const Options& options);

  const ConfigValues& own;
  const ConfigValues& every;  // every broker
  const Options& options;
};

// What the server's configuration says of a broker's key; nothing for one without an effect.
[[nodiscard]] std::optional<std::string> configured_value(const ConfigKey& broker_key,
                                                          const Options& options);

// `given`: what the resource itself was given; nothing for a broker, which `sources` know.
[[nodiscard]] ConfigDescription describe_config(ConfigResource resource, const ConfigKey& key,
                                                const ConfigValues& given,
                                                const ConfigSources& sources);

}  // namespace duolog::broker

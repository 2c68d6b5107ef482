// StoredConfigs: what brokers, groups and subscriptions to metrics were given while the server ran,
// and what follows from it for topics.
//
// The Cluster publishes a new one with every change (published.h); one that is published never
// changes, so that any shard may read it. It is made of the catalog at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/broker/config/config_key.h"
#include "engine/broker/topic_config.h"
#include "storage/catalog_state.h"

namespace duolog::broker {

using ConfigValues = storage::TopicConfigs;

struct StoredConfigs {
  storage::CatalogState::ResourceConfigs resources;
  std::size_t bytes = 0;       // of names and values, of all resources
  TopicConfig topic_defaults;  // the server's, and over them what brokers were given

  // Empty when it was given nothing. A broker's name is its number, or empty for every broker.
  [[nodiscard]] const ConfigValues& of(ConfigResource resource, std::string_view name) const;
};

// Bytes of what one resource was given; 0 for nothing.
[[nodiscard]] std::size_t config_bytes(std::string_view name, const ConfigValues& given);

// `server_defaults`: of topics, by the server's configuration. `node_id`: this broker.
// A value that its key may not have, of an older catalog, has no effect.
[[nodiscard]] StoredConfigs make_stored_configs(storage::CatalogState::ResourceConfigs resources,
                                                const TopicConfig& server_defaults,
                                                std::int32_t node_id);

}  // namespace duolog::broker

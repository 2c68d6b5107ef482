// broker_settings: what Kafka's clients are told of the configuration, by the keys of a broker.
#pragma once

#include "engine/broker/options.h"
#include "engine/server/config.h"

namespace duolog::server {

// Of every row of the table that has a key of its own, and of what has a key and is no setting.
// What goes for topics that say nothing else is not here: the broker knows it, and it may change.
[[nodiscard]] broker::BrokerSettings broker_settings(const Config& config);

}  // namespace duolog::server

// Whether a client may see or change the settings of a resource. The shard's thread.
#pragma once

#include <string_view>

#include "engine/broker/config/config_key.h"
#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/requests/refusal.h"

namespace duolog::session {

// As its request's row says; of brokers, their loggers and clients' metrics the cluster is asked.
[[nodiscard]] inline Refusal check_config_access(const ResponseSlot& slot,
                                                 broker::ConfigResource type,
                                                 std::string_view name) {
  broker::Resource whose = broker::kClusterResource;
  kafka::ErrorCode error = kafka::ErrorCode::kClusterAuthorizationFailed;
  if (type == broker::ConfigResource::kTopic) {
    whose = {.type = broker::ResourceType::kTopic, .name = name};
    error = kafka::ErrorCode::kTopicAuthorizationFailed;
  } else if (type == broker::ConfigResource::kGroup) {
    whose = {.type = broker::ResourceType::kGroup, .name = name};
    error = kafka::ErrorCode::kGroupAuthorizationFailed;
  }
  if (slot.connection.may(slot, whose)) return {};
  return {error};
}

}  // namespace duolog::session

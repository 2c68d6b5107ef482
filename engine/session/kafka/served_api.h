// ServedApi: a row of the dispatch's table: how one Kafka API is served, and what a client must be
// allowed to do to be served. Its versions are kafka::kApis' to say.
//
// Constants; any thread.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "engine/broker/authorize.h"
#include "net/kafka/api.h"
#include "net/kafka/reader.h"

namespace duolog::session {

struct ResponseSlot;

// Who asks whether the client may.
enum class Asks : std::uint8_t {
  kEach,  // the handler, for each resource that the request names
  // The door, for the cluster, before the handler sees the request. It goes by the slot's
  // `cluster_allowed`: where that is false it asks for each resource, or refuses the request.
  kClusterFirst,
  kNobody,  // everybody may
};

struct ServedApi {
  kafka::ApiKey key;
  // Answers the slot, or leaves a job in it. An error: the bytes are no such request.
  Result<void> (*serve)(ResponseSlot& slot, kafka::Reader& reader);
  Asks asks;
  broker::Operation operation{};    // that the client must be allowed, unless kNobody asks
  broker::ResourceType resource{};  // of each, where all are of one type
};

}  // namespace duolog::session

// The middle of a KafkaConnection: from a whole request to what serves it.
#include <string>

#include "engine/session/kafka/connection.h"
#include "engine/session/kafka/dispatch_table.h"

namespace duolog::session {

void KafkaConnection::dispatch(Bytes frame) {
  ResponseSlot& slot = take_slot();
  kafka::Reader reader(frame, slot.arena);
  const auto header = kafka::parse_request_header(reader);
  if (!header) {
    answer_nothing(slot);
    return refuse(KafkaClose::kBadRequest, header.error().message);
  }
  slot.api = kafka::find_api(header->api_key);
  slot.version = header->api_version;
  slot.correlation_id = header->correlation_id;
  slot.client_id = header->client_id.value_or("");
  const bool asks_versions = slot.api != nullptr && slot.api->key == kafka::ApiKey::kApiVersions;
  if (!asks_versions && !kafka::supported(header->api_key, header->api_version)) {
    answer_nothing(slot);
    return refuse_version(*header);
  }
  const std::size_t index = kafka::api_index(header->api_key);
  slot.served = served_api(index);
  sessions_.counters().requests[index].add();
  start(slot, reader);
  if (!slot.done) recount(slot);
}

void KafkaConnection::refuse_version(const kafka::RequestHeader& header) {
  const kafka::Api* api = kafka::find_api(header.api_key);
  const std::string what =
      api == nullptr ? "API key " + std::to_string(header.api_key) : std::string(api->name);
  refuse(KafkaClose::kUnsupported, what + " version " + std::to_string(header.api_version) +
                                       " is not supported; ApiVersions says what is");
}

void KafkaConnection::start(ResponseSlot& slot, kafka::Reader& reader) {
  const ServedApi& served = *slot.served;
  slot.cluster_allowed = served.asks == Asks::kClusterFirst && may(slot, broker::kClusterResource);
  if (const Result<void> started = served.serve(slot, reader); !started) {
    answer_nothing(slot);
    refuse(KafkaClose::kBadRequest, started.error().message);
  }
}

}  // namespace duolog::session

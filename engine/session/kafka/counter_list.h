// What a shard counts about Kafka connections, as it is shown.
#pragma once

#include "engine/runtime/counter_list.h"
#include "engine/session/kafka/settings.h"

namespace duolog::session {

inline void list_counters(runtime::CounterList& list, const KafkaCounters& counters) {
  list.add(kKafkaMetrics, counters);
  list.add_each(
      "duolog_kafka_requests_total", "Kafka requests", "api", kafka::kApis.size(),
      [](std::size_t i) { return kafka::kApis[i].name; },
      [&](std::size_t i) -> auto& { return counters.requests[i]; });
  list.add_each(
      "duolog_kafka_connections_closed_total", "Kafka connections closed, by reason", "reason",
      kKafkaCloses, [](std::size_t i) { return kKafkaCloseNames[i]; },
      [&](std::size_t i) -> auto& { return counters.closed[i]; });
}

}  // namespace duolog::session

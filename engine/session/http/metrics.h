// The answer to GET /metrics: everything that is counted, in Prometheus' text format.
//
// Each room has a table of its counters beside their struct (runtime/metric.h); here they are put
// together, with the label `shard`. What is counted in arrays has a label of its own: `api`,
// `reason`, `code`. Of partitions at most HttpSettings::max_listed_partitions are shown, and how
// many are not.
#pragma once

#include <string>

namespace duolog::session {

class HttpDoor;

[[nodiscard]] std::string metrics_text(HttpDoor& door);

}  // namespace duolog::session

// Settings of the HTTP port, with their defaults. Immutable once shards run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/http/access.h"
#include "net/http/request_parser.h"

namespace duolog::session {

struct HttpSettings {
  http::AccessPolicy access;
  http::RequestLimits request;
  std::uint64_t request_timeout_ms = 5'000;    // for a whole request, and between two of them
  std::uint64_t linger_timeout_ms = 1'000;     // for the peer to close after our last byte
  std::size_t max_listed_partitions = 10'000;  // by /metrics and /v1/topics
};

}  // namespace duolog::session

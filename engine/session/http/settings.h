// Settings of the HTTP port, with their defaults. Immutable once shards run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/http/access.h"
#include "net/http/request_parser.h"

namespace duolog::session {

struct HttpSettings {
  http::AccessPolicy access;
  http::RequestLimits request;
  std::string server = "duolog";  // what `hello` answers
  bool echo = false;              // serve /v1/echo

  std::uint64_t request_timeout_ms = 5'000;  // for a whole request, and between two of them
  std::uint64_t linger_timeout_ms = 1'000;   // for the peer to close after our last byte

  std::uint32_t max_message_bytes = 1U << 20;        // a WebSocket message in; beyond: 1009
  std::size_t max_websockets = 65'536;               // of one shard; beyond: HTTP 503
  std::size_t max_deflate_contexts = 1'024;          // connections of one shard that keep one
  std::size_t max_unsent_bytes = 256U << 10;         // handed to the kernel in one send
  std::size_t max_unacked_bytes = 1U << 20;          // published, not yet on disk; beyond: paused
  bool compress_feeds = false;                       // offers of permessage-deflate are accepted
  std::size_t max_subscriptions = 256;               // of one connection of /v1/ws
  std::uint32_t max_subscribed_partitions = 10'000;  // that they read, together
  std::uint64_t heartbeat_ms = 15'000;               // positions on /v1/ws
  std::uint64_t hello_timeout_ms = 10'000;           // for the first command; else 4408
  int not_sent_low_water_bytes = 16 << 10;           // TCP_NOTSENT_LOWAT, tcp(7)
  std::uint64_t ping_after_ms = 20'000;              // of silence
  std::uint64_t pong_within_ms = 10'000;             // of a ping; else 4441
  std::uint64_t close_timeout_ms = 5'000;            // from deciding to close until it is closed
  std::size_t cache_plain_bytes = 1U << 20;          // BatchCache: what was encoded from the log
  std::size_t cache_inflated_bytes = 64U << 20;      // BatchCache: what holds it all, and one more
  std::size_t max_listed_partitions = 10'000;        // by /metrics and /v1/topics
  std::size_t max_inflated_batch_bytes = 64U << 20;  // beyond: the subscriber is closed with 1011
};

}  // namespace duolog::session

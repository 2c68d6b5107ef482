// Settings of WebSocket connections, with their defaults. Immutable once shards run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duolog::session {

struct WsSettings {
  bool echo = false;                           // serve /v1/echo
  std::uint32_t max_message_bytes = 1U << 20;  // a message in; beyond: 1009
  std::size_t max_websockets = 65'536;         // of one shard; beyond: HTTP 503
  std::size_t max_deflate_contexts = 1'024;    // connections of one shard that keep one
  std::size_t max_unsent_bytes = 256U << 10;   // handed to the kernel in one send
  int not_sent_low_water_bytes = 16 << 10;     // TCP_NOTSENT_LOWAT, tcp(7)
  std::uint64_t ping_after_ms = 20'000;        // of silence
  std::uint64_t pong_within_ms = 10'000;       // of a ping; else 4441
  std::uint64_t message_timeout_ms = 30'000;   // for a message in, from its first byte to its last
  std::size_t half_message_bytes = 64U << 20;  // of messages in that are not whole, of one shard
  std::uint64_t write_timeout_ms = 30'000;     // a peer that takes nothing of what is sent
  std::uint64_t close_timeout_ms = 5'000;      // from deciding to close until it is closed
};

}  // namespace duolog::session

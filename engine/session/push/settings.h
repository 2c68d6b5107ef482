// Settings of the push protocol, with their defaults. Immutable once shards run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace duolog::session {

struct PushSettings {
  std::string server = "duolog";                     // what `hello` answers
  std::size_t max_subscriptions = 256;               // of one connection of /v1/ws
  std::uint32_t max_subscribed_partitions = 10'000;  // that they read, together
  std::uint64_t heartbeat_ms = 15'000;               // positions on /v1/ws
  std::uint64_t hello_timeout_ms = 10'000;           // for the first command; else 4408
  std::uint64_t half_sent_pin_ms = 30'000;           // retention waits for half a message out
};

}  // namespace duolog::session

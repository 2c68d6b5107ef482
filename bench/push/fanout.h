// The two runs of duolog_push_load: records to many subscribers, and many idle connections.
//
// Everything happens on the calling thread but the reading (readers.h) and librdkafka's own work.
// Exceptions say what failed.
#pragma once

#include <cstdint>
#include <string>

#include "bench/load/kafka_clients.h"
#include "bench/push/subscriber.h"

namespace duolog::load {

struct PushOptions {
  Settings kafka;
  PushTarget push;
  std::size_t subscribers = 10'000;
  std::size_t stalled = 1'000;  // of the subscribers; these never read
  int stalled_buffer = 0;       // their SO_RCVBUF; 0: the kernel's
  double rate = 10;             // records a second
  double seconds = 10;          // measured; of an idle run: waited
  double warmup_s = 2;
  std::size_t size_bytes = 128;  // of a value
  int rounds = 3;
  int server_pid = 0;
};

// Subscribers of one topic, with and without stalled ones among them, in turns. Returns the exit
// status: 0 when every reader received every record.
[[nodiscard]] int run_fanout(const PushOptions& options);
// Connections with a subscription each and nothing to receive.
[[nodiscard]] int run_idle(const PushOptions& options);

}  // namespace duolog::load

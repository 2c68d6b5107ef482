// What one shard counts about its HTTP port. Written by the shard, read by any thread.
#pragma once

#include <array>
#include <cstdint>

#include "engine/runtime/counters.h"

namespace duolog::session {

// Connections closed, by the code of the close frame that was sent, or that was received first.
class CloseCounters {
 public:
  // In the order of kCodes; the last one counts every other code.
  static constexpr std::array<std::uint16_t, 15> kCodes = {
      1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 4404, 4408, 4429, 4441, 4442, 4503};

  [[nodiscard]] runtime::Counter& of(std::uint16_t code) { return counters_[index(code)]; }
  [[nodiscard]] const runtime::Counter& of(std::uint16_t code) const {
    return counters_[index(code)];
  }

 private:
  [[nodiscard]] static std::size_t index(std::uint16_t code) {
    std::size_t at = 0;
    while (at < kCodes.size() && kCodes[at] != code) ++at;
    return at;
  }
  std::array<runtime::Counter, kCodes.size() + 1> counters_;
};

struct HttpCounters {
  runtime::Counter connections;       // accepted
  runtime::Counter connections_open;  // now
  runtime::Counter requests;
  runtime::Counter upgrades;
  runtime::Counter websockets_open;  // now; feeds and echoes among them
  runtime::Counter feeds_open;       // now

  // Refused, by reason.
  runtime::Counter refused_access;     // Host or Origin
  runtime::Counter refused_handshake;  // not a good upgrade
  runtime::Counter refused_request;    // malformed, too large
  runtime::Counter refused_target;     // no such path, topic, partition; bad parameters
  runtime::Counter refused_limit;      // max_websockets
  runtime::Counter request_timeouts;

  runtime::Counter
      messages_pushed;            // records that went out, counted when they were encoded to send
  runtime::Counter bytes_pushed;  // data frames, taken by the kernel
  runtime::Counter short_sends;   // the kernel took less than was ready
  runtime::Counter records_published;
  runtime::Counter bytes_published;
  runtime::Counter batches_published;
  runtime::Counter publish_failures;
  runtime::Counter publish_pauses;  // max_unacked_bytes was reached
  runtime::Counter pings_sent;
  runtime::Counter pongs_sent;
  CloseCounters closes;

  // duolog.v1.json
  runtime::Counter commands;
  runtime::Counter commands_refused;    // answered with an error
  runtime::Counter refused_subscriptions;  // max_subscriptions, max_subscribed_partitions
  runtime::Counter subscriptions_open;  // now
  runtime::Counter gaps;                // records that retention took before they were pushed
  runtime::Counter heartbeats;

  runtime::Counter deflate_contexts;          // now: connections that may keep one
  runtime::Counter deflate_contexts_refused;  // max_deflate_contexts: agreed on without
  runtime::Counter messages_inflated;
  runtime::Counter inflate_failures;  // damaged, or too large once inflated
  runtime::Counter messages_deflated;
  runtime::Counter deflate_waits;  // messages left for the next turn

  runtime::Counter echoes_open;  // now
  runtime::Counter messages_echoed;
  runtime::Counter bytes_echoed;
  runtime::Counter echo_pauses;  // a client did not read

  runtime::Counter batches_encoded;
  runtime::Counter batches_inflated;
  runtime::Counter batches_damaged;
  runtime::Counter cache_hits;
  runtime::Counter cache_busy;   // no room this turn: everything in it is being sent
  runtime::Counter cache_bytes;  // now
  runtime::Counter warm_ups;
};

}  // namespace duolog::session

// What one shard counts about its WebSockets. Written by the shard, read by any thread.
#pragma once

#include <array>
#include <cstdint>

#include "engine/runtime/metric.h"

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
  [[nodiscard]] const runtime::Counter& other() const { return counters_.back(); }

 private:
  [[nodiscard]] static std::size_t index(std::uint16_t code) {
    std::size_t at = 0;
    while (at < kCodes.size() && kCodes[at] != code) ++at;
    return at;
  }
  std::array<runtime::Counter, kCodes.size() + 1> counters_;
};

struct WsCounters {
  runtime::Counter websockets_open;  // now; feeds and echoes among them
  runtime::Counter bytes_pushed;     // data frames, taken by the kernel
  runtime::Counter pings_sent;
  runtime::Counter pongs_sent;
  runtime::Counter half_message_bytes;        // now: held for messages that are not whole
  runtime::Counter half_messages_refused;     // half_message_bytes: the connection was closed, 4429
  runtime::Counter message_timeouts;          // message_timeout_ms: 4408
  runtime::Counter write_timeouts;            // write_timeout_ms
  runtime::Counter deflate_contexts;          // now: connections that may keep one
  runtime::Counter deflate_contexts_refused;  // max_deflate_contexts: agreed on without
  runtime::Counter messages_inflated;
  runtime::Counter inflate_failures;  // damaged, or too large once inflated
  runtime::Counter messages_deflated;
  runtime::Counter deflate_waits;  // messages left for the next turn
  runtime::Counter turn_waits;     // the same, because time was up
  runtime::Counter echoes_open;    // now
  runtime::Counter messages_echoed;
  runtime::Counter bytes_echoed;
  runtime::Counter echo_pauses;  // a client did not read
  CloseCounters closes;
};

inline constexpr auto kWsMetrics = std::to_array<runtime::Metric<WsCounters>>({
    {&WsCounters::websockets_open, runtime::MetricType::kGauge, "duolog_http_websockets_open",
     "WebSockets, feeds among them"},
    {&WsCounters::bytes_pushed, runtime::MetricType::kCounter, "duolog_http_bytes_pushed_total",
     "Bytes of the frames that carried them"},
    {&WsCounters::pings_sent, runtime::MetricType::kCounter, "duolog_http_pings_sent_total",
     "Pings sent to silent peers"},
    {&WsCounters::pongs_sent, runtime::MetricType::kCounter, "duolog_http_pongs_sent_total",
     "Pongs sent"},
    {&WsCounters::half_message_bytes, runtime::MetricType::kGauge, "duolog_http_half_message_bytes",
     "Memory of messages that have not arrived whole"},
    {&WsCounters::half_messages_refused, runtime::MetricType::kCounter,
     "duolog_http_half_messages_refused_total",
     "Connections closed because half messages had no more memory, the most silent first"},
    {&WsCounters::message_timeouts, runtime::MetricType::kCounter,
     "duolog_http_message_timeouts_total", "Connections closed because a message did not end"},
    {&WsCounters::write_timeouts, runtime::MetricType::kCounter, "duolog_http_write_timeouts_total",
     "Connections closed because the peer took nothing of what was sent"},
    {&WsCounters::deflate_contexts, runtime::MetricType::kGauge, "duolog_http_deflate_contexts",
     "Connections that may keep a compression context"},
    {&WsCounters::deflate_contexts_refused, runtime::MetricType::kCounter,
     "duolog_http_deflate_contexts_refused_total",
     "Connections that compress each message by itself, because of the limit on contexts"},
    {&WsCounters::messages_inflated, runtime::MetricType::kCounter,
     "duolog_http_messages_inflated_total", "Compressed messages received"},
    {&WsCounters::inflate_failures, runtime::MetricType::kCounter,
     "duolog_http_inflate_failures_total", "Compressed messages damaged, or too large inflated"},
    {&WsCounters::messages_deflated, runtime::MetricType::kCounter,
     "duolog_http_messages_deflated_total", "Messages compressed to be sent"},
    {&WsCounters::deflate_waits, runtime::MetricType::kCounter, "duolog_http_deflate_waits_total",
     "Messages left for the next turn, so that others go on"},
    {&WsCounters::turn_waits, runtime::MetricType::kCounter, "duolog_http_turn_waits_total",
     "Times that messages received were left for a later turn, whose time (turn-us) was up"},
    {&WsCounters::echoes_open, runtime::MetricType::kGauge, "duolog_http_echoes_open",
     "WebSockets of /v1/echo"},
    {&WsCounters::messages_echoed, runtime::MetricType::kCounter,
     "duolog_http_messages_echoed_total", "Messages echoed"},
    {&WsCounters::bytes_echoed, runtime::MetricType::kCounter, "duolog_http_bytes_echoed_total",
     "Bytes of these messages"},
    {&WsCounters::echo_pauses, runtime::MetricType::kCounter, "duolog_http_echo_pauses_total",
     "Times an echo waited for its client to read"},
});
static_assert(runtime::all_listed(kWsMetrics, CloseCounters::kCodes.size() + 1));

}  // namespace duolog::session

// What one shard counts about its HTTP port. Written by the shard, read by any thread.
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
  runtime::Counter refused_limit;      // max_websockets; answers beyond kMaxUnsentBytes
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
  runtime::Counter commands_refused;       // answered with an error
  runtime::Counter refused_subscriptions;  // max_subscriptions, max_subscribed_partitions
  runtime::Counter subscriptions_open;     // now
  runtime::Counter gaps;  // told to subscribers whose next records retention had taken
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

inline constexpr auto kHttpMetrics = std::to_array<runtime::Metric<HttpCounters>>({
    {&HttpCounters::connections, runtime::MetricType::kCounter, "duolog_http_connections_total",
     "Connections accepted on the HTTP port"},
    {&HttpCounters::connections_open, runtime::MetricType::kGauge, "duolog_http_connections_open",
     "Connections of the HTTP port, WebSockets too"},
    {&HttpCounters::requests, runtime::MetricType::kCounter, "duolog_http_requests_total",
     "Whole HTTP requests"},
    {&HttpCounters::upgrades, runtime::MetricType::kCounter, "duolog_http_upgrades_total",
     "Requests that became WebSockets"},
    {&HttpCounters::websockets_open, runtime::MetricType::kGauge, "duolog_http_websockets_open",
     "WebSockets, feeds among them"},
    {&HttpCounters::feeds_open, runtime::MetricType::kGauge, "duolog_http_feeds_open",
     "WebSocket feeds"},
    {&HttpCounters::refused_access, runtime::MetricType::kCounter,
     "duolog_http_refused_access_total", "Requests with a Host or an Origin that is not allowed"},
    {&HttpCounters::refused_handshake, runtime::MetricType::kCounter,
     "duolog_http_refused_handshake_total", "Upgrades that were not well formed"},
    {&HttpCounters::refused_request, runtime::MetricType::kCounter,
     "duolog_http_refused_request_total", "Requests that were malformed or too large"},
    {&HttpCounters::refused_target, runtime::MetricType::kCounter,
     "duolog_http_refused_target_total", "Requests for what is not there"},
    {&HttpCounters::refused_limit, runtime::MetricType::kCounter, "duolog_http_refused_limit_total",
     "Requests refused at a limit"},
    {&HttpCounters::request_timeouts, runtime::MetricType::kCounter,
     "duolog_http_request_timeouts_total", "Requests that did not arrive in time"},
    {&HttpCounters::messages_pushed, runtime::MetricType::kCounter,
     "duolog_http_messages_pushed_total", "Records sent to feeds"},
    {&HttpCounters::bytes_pushed, runtime::MetricType::kCounter, "duolog_http_bytes_pushed_total",
     "Bytes of the frames that carried them"},
    {&HttpCounters::short_sends, runtime::MetricType::kCounter, "duolog_http_short_sends_total",
     "Sends of which the kernel took only a part"},
    {&HttpCounters::records_published, runtime::MetricType::kCounter,
     "duolog_http_records_published_total", "Records that feeds have published"},
    {&HttpCounters::bytes_published, runtime::MetricType::kCounter,
     "duolog_http_bytes_published_total", "Bytes of their values"},
    {&HttpCounters::batches_published, runtime::MetricType::kCounter,
     "duolog_http_batches_published_total", "Batches that these records became"},
    {&HttpCounters::publish_failures, runtime::MetricType::kCounter,
     "duolog_http_publish_failures_total", "Batches that could not be written"},
    {&HttpCounters::publish_pauses, runtime::MetricType::kCounter,
     "duolog_http_publish_pauses_total",
     "Feeds not read for a while, with too much that was not yet on disk"},
    {&HttpCounters::pings_sent, runtime::MetricType::kCounter, "duolog_http_pings_sent_total",
     "Pings sent to silent peers"},
    {&HttpCounters::pongs_sent, runtime::MetricType::kCounter, "duolog_http_pongs_sent_total",
     "Pongs sent"},
    {&HttpCounters::commands, runtime::MetricType::kCounter, "duolog_push_commands_total",
     "Commands of duolog.v1.json"},
    {&HttpCounters::commands_refused, runtime::MetricType::kCounter,
     "duolog_push_commands_refused_total", "Texts and commands answered with an error"},
    {&HttpCounters::refused_subscriptions, runtime::MetricType::kCounter,
     "duolog_push_refused_subscriptions_total", "Subscriptions beyond what a connection may have"},
    {&HttpCounters::subscriptions_open, runtime::MetricType::kGauge,
     "duolog_push_subscriptions_open", "Subscriptions of duolog.v1.json"},
    {&HttpCounters::gaps, runtime::MetricType::kCounter, "duolog_push_gaps_total",
     "Gaps told to subscribers whose next records retention had taken"},
    {&HttpCounters::heartbeats, runtime::MetricType::kCounter, "duolog_push_heartbeats_total",
     "Heartbeats sent"},
    {&HttpCounters::deflate_contexts, runtime::MetricType::kGauge, "duolog_http_deflate_contexts",
     "Connections that may keep a compression context"},
    {&HttpCounters::deflate_contexts_refused, runtime::MetricType::kCounter,
     "duolog_http_deflate_contexts_refused_total",
     "Connections that compress each message by itself, because of the limit on contexts"},
    {&HttpCounters::messages_inflated, runtime::MetricType::kCounter,
     "duolog_http_messages_inflated_total", "Compressed messages received"},
    {&HttpCounters::inflate_failures, runtime::MetricType::kCounter,
     "duolog_http_inflate_failures_total", "Compressed messages damaged, or too large inflated"},
    {&HttpCounters::messages_deflated, runtime::MetricType::kCounter,
     "duolog_http_messages_deflated_total", "Messages compressed to be sent"},
    {&HttpCounters::deflate_waits, runtime::MetricType::kCounter, "duolog_http_deflate_waits_total",
     "Messages left for the next turn, so that others go on"},
    {&HttpCounters::echoes_open, runtime::MetricType::kGauge, "duolog_http_echoes_open",
     "WebSockets of /v1/echo"},
    {&HttpCounters::messages_echoed, runtime::MetricType::kCounter,
     "duolog_http_messages_echoed_total", "Messages echoed"},
    {&HttpCounters::bytes_echoed, runtime::MetricType::kCounter, "duolog_http_bytes_echoed_total",
     "Bytes of these messages"},
    {&HttpCounters::echo_pauses, runtime::MetricType::kCounter, "duolog_http_echo_pauses_total",
     "Times an echo waited for its client to read"},
    {&HttpCounters::batches_encoded, runtime::MetricType::kCounter,
     "duolog_http_batches_encoded_total", "Batches made into frames"},
    {&HttpCounters::batches_inflated, runtime::MetricType::kCounter,
     "duolog_http_batches_inflated_total", "Of them, those that had to be inflated"},
    {&HttpCounters::batches_damaged, runtime::MetricType::kCounter,
     "duolog_http_batches_damaged_total", "Batches that could not be read"},
    {&HttpCounters::cache_hits, runtime::MetricType::kCounter, "duolog_http_cache_hits_total",
     "Batches found as frames already"},
    {&HttpCounters::cache_busy, runtime::MetricType::kCounter, "duolog_http_cache_busy_total",
     "Times the cache of frames had no room, all of it being sent"},
    {&HttpCounters::cache_bytes, runtime::MetricType::kGauge, "duolog_http_cache_bytes",
     "Size of the cache of frames"},
    {&HttpCounters::warm_ups, runtime::MetricType::kCounter, "duolog_http_warm_ups_total",
     "Waits of feeds for bytes that were not in memory"},
});
static_assert(runtime::all_listed(kHttpMetrics, CloseCounters::kCodes.size() + 1));

}  // namespace duolog::session

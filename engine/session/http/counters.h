// What one shard counts about its HTTP connections. Written by the shard, read by any thread.
#pragma once

#include <array>

#include "engine/runtime/metric.h"

namespace duolog::session {

struct HttpCounters {
  runtime::Counter connections;       // accepted
  runtime::Counter connections_open;  // now
  runtime::Counter requests;
  runtime::Counter upgrades;
  runtime::Counter refused_access;     // Host or Origin
  runtime::Counter refused_handshake;  // not a good upgrade
  runtime::Counter refused_request;    // malformed, too large
  runtime::Counter refused_target;     // no such path, topic, partition; bad parameters
  runtime::Counter refused_limit;      // max_websockets; answers beyond kMaxUnsentBytes
  runtime::Counter request_timeouts;
  runtime::Counter short_sends;  // the kernel took less than was ready
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
    {&HttpCounters::short_sends, runtime::MetricType::kCounter, "duolog_http_short_sends_total",
     "Sends of which the kernel took only a part"},
});
static_assert(runtime::all_listed(kHttpMetrics));

}  // namespace duolog::session

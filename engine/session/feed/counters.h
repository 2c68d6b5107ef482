// What one shard counts about plain feeds. Written by the shard, read by any thread.
#pragma once

#include <array>

#include "engine/runtime/metric.h"

namespace duolog::session {

struct FeedCounters {
  runtime::Counter feeds_open;  // now
};

inline constexpr auto kFeedMetrics = std::to_array<runtime::Metric<FeedCounters>>({
    {&FeedCounters::feeds_open, runtime::MetricType::kGauge, "duolog_http_feeds_open",
     "WebSocket feeds"},
});
static_assert(runtime::all_listed(kFeedMetrics));

}  // namespace duolog::session

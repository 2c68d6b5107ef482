// What one shard counts about those who are pushed to, and about what they publish. Written by the
// shard, read by any thread.
#pragma once

#include <array>

#include "engine/runtime/metric.h"

namespace duolog::session {

struct LiveCounters {
  runtime::Counter messages_pushed;  // records that went out, counted when the kernel took them
  runtime::Counter records_published;
  runtime::Counter bytes_published;
  runtime::Counter batches_published;
  runtime::Counter publish_failures;
  runtime::Counter publish_pauses;  // max_unacked_bytes was reached
  runtime::Counter batches_encoded;
  runtime::Counter batches_inflated;
  runtime::Counter batches_inflated_before;
  runtime::Counter batches_damaged;
  runtime::Counter cache_hits;
  runtime::Counter cache_busy;   // no room this turn: everything in it is being sent
  runtime::Counter cache_bytes;  // now
  runtime::Counter warm_ups;
};

inline constexpr auto kLiveMetrics = std::to_array<runtime::Metric<LiveCounters>>({
    {&LiveCounters::messages_pushed, runtime::MetricType::kCounter,
     "duolog_http_messages_pushed_total", "Records sent to feeds"},
    {&LiveCounters::records_published, runtime::MetricType::kCounter,
     "duolog_http_records_published_total", "Records that feeds have published"},
    {&LiveCounters::bytes_published, runtime::MetricType::kCounter,
     "duolog_http_bytes_published_total", "Bytes of their values"},
    {&LiveCounters::batches_published, runtime::MetricType::kCounter,
     "duolog_http_batches_published_total", "Batches that these records became"},
    {&LiveCounters::publish_failures, runtime::MetricType::kCounter,
     "duolog_http_publish_failures_total", "Batches that could not be written"},
    {&LiveCounters::publish_pauses, runtime::MetricType::kCounter,
     "duolog_http_publish_pauses_total",
     "Feeds not read for a while, with too much that was not yet on disk"},
    {&LiveCounters::batches_encoded, runtime::MetricType::kCounter,
     "duolog_http_batches_encoded_total", "Batches made into frames"},
    {&LiveCounters::batches_inflated, runtime::MetricType::kCounter,
     "duolog_http_batches_inflated_total", "Of them, those that had to be inflated"},
    {&LiveCounters::batches_inflated_before, runtime::MetricType::kCounter,
     "duolog_http_batches_inflated_before_total",
     "Compressed ones that had been inflated when they were produced"},
    {&LiveCounters::batches_damaged, runtime::MetricType::kCounter,
     "duolog_http_batches_damaged_total", "Batches that could not be read"},
    {&LiveCounters::cache_hits, runtime::MetricType::kCounter, "duolog_http_cache_hits_total",
     "Batches found as frames already"},
    {&LiveCounters::cache_busy, runtime::MetricType::kCounter, "duolog_http_cache_busy_total",
     "Times the cache of frames had no room, all of it being sent"},
    {&LiveCounters::cache_bytes, runtime::MetricType::kGauge, "duolog_http_cache_bytes",
     "Size of the cache of frames"},
    {&LiveCounters::warm_ups, runtime::MetricType::kCounter, "duolog_http_warm_ups_total",
     "Waits of feeds for bytes that were not in memory"},
});
static_assert(runtime::all_listed(kLiveMetrics));

}  // namespace duolog::session

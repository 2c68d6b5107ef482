// GroupSettings: the limits and times of consumer groups. GroupCounters: what a shard counts.
//
// Settings are immutable once shards run. Counters are written by their shard and read by any
// thread.
#pragma once

#include <cstdint>

#include "engine/groups/membership_settings.h"
#include "engine/runtime/metric.h"

namespace duolog::groups {

struct GroupSettings {
  MembershipSettings members;
  std::uint32_t offset_metadata_max_bytes = 4096;          // offset.metadata.max.bytes
  std::uint64_t offsets_retention_ms = 7ULL * 86'400'000;  // offsets.retention.minutes
  std::uint64_t offsets_retention_check_interval_ms = 600'000;
  std::uint64_t max_groups = 100'000;     // of a shard
  std::uint64_t max_offsets = 2'000'000;  // of all groups of a shard
  // A log of groups is written anew when it is larger than this, and than this many times what a
  // new one would take.
  std::uint64_t rewrite_bytes = 64ULL << 20;
  std::uint64_t rewrite_ratio = 10;
  std::uint64_t load_bytes_per_turn = 1ULL << 20;
};

struct GroupCounters {
  MembershipCounters members;
  runtime::Counter groups;         // now
  runtime::Counter offsets;        // now
  runtime::Counter loading;        // partitions that are being read, now
  runtime::Counter calls;          // requests that reached the coordinator
  runtime::Counter responses_cut;  // parts of them, at session::kMaxGroupResponseBytes
  runtime::Counter stored_batches;
  runtime::Counter stored_records;
  runtime::Counter store_failures;
  runtime::Counter expired_offsets;
  runtime::Counter loaded_records;
  runtime::Counter bad_records;      // skipped while loading
  runtime::Counter refused_groups;   // at max_groups
  runtime::Counter refused_offsets;  // at max_offsets
  runtime::Counter rewrites;         // of a log with its live state
};

inline constexpr auto kGroupMetrics = std::to_array<runtime::Metric<GroupCounters>>({
    {&GroupCounters::groups, runtime::MetricType::kGauge, "duolog_groups", "Consumer groups"},
    {&GroupCounters::offsets, runtime::MetricType::kGauge, "duolog_group_offsets",
     "Offsets that groups have committed"},
    {&GroupCounters::loading, runtime::MetricType::kGauge, "duolog_group_partitions_loading",
     "Partitions of __consumer_offsets that are being read"},
    {&GroupCounters::calls, runtime::MetricType::kCounter, "duolog_group_calls_total",
     "Requests that reached the coordinator"},
    {&GroupCounters::responses_cut, runtime::MetricType::kCounter,
     "duolog_group_responses_cut_total", "Parts of answers left out at a limit"},
    {&GroupCounters::stored_batches, runtime::MetricType::kCounter,
     "duolog_group_stored_batches_total", "Batches written to __consumer_offsets"},
    {&GroupCounters::stored_records, runtime::MetricType::kCounter,
     "duolog_group_stored_records_total", "Records in these batches"},
    {&GroupCounters::store_failures, runtime::MetricType::kCounter,
     "duolog_group_store_failures_total", "Batches that could not be written"},
    {&GroupCounters::expired_offsets, runtime::MetricType::kCounter,
     "duolog_group_expired_offsets_total", "Committed offsets that were too old"},
    {&GroupCounters::loaded_records, runtime::MetricType::kCounter,
     "duolog_group_loaded_records_total", "Records read from __consumer_offsets"},
    {&GroupCounters::bad_records, runtime::MetricType::kCounter, "duolog_group_bad_records_total",
     "Of them, those that made no sense and were skipped"},
    {&GroupCounters::refused_groups, runtime::MetricType::kCounter,
     "duolog_group_refused_groups_total", "Commits and joins refused at max-groups"},
    {&GroupCounters::refused_offsets, runtime::MetricType::kCounter,
     "duolog_group_refused_offsets_total", "Commits refused at max-committed-offsets"},
    {&GroupCounters::rewrites, runtime::MetricType::kCounter, "duolog_group_rewrites_total",
     "Times that a log of groups was written anew"},
});
static_assert(runtime::all_listed(kGroupMetrics, kMembershipMetrics.size()));

}  // namespace duolog::groups

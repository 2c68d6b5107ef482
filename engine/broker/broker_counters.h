// BrokerCounters: what a shard's logs take and do, for those who watch. ClusterCounters: what there
// is of the limits of all topics.
//
// Written by their shard (a broker's once a second, from what its LogStore knows; the cluster's by
// shard 0), read by any thread.
#pragma once

#include "engine/runtime/metric.h"

namespace duolog::storage {
class LogStore;
}

namespace duolog::broker {

struct BrokerCounters {
  runtime::Counter logs;     // now
  runtime::Counter offline;  // of them, now
  runtime::Counter tail_bytes;
  runtime::Counter tail_small_bytes;
  runtime::Counter tail_budget_bytes;
  runtime::Counter tail_free_bytes;
  runtime::Counter tail_reclaimed_bytes;
  runtime::Counter journal_bytes;  // of its files, now
  runtime::Counter journal_groups;
  runtime::Counter journal_groups_flushed;
  runtime::Counter journal_full;  // 1: now
  runtime::Counter segment_bulk_bytes;
  runtime::Counter segment_write_behind_bytes;
  runtime::Counter segments_removed;
  runtime::Counter cleanings;
  runtime::Counter cleaner_failures;
  runtime::Counter cleaner_read_bytes;
  runtime::Counter cleaner_written_bytes;
  runtime::Counter dirty_bytes;      // of compacted logs, as of the last look
  runtime::Counter dirty_percent;    // of the dirtiest of them
  runtime::Counter cleaned_at_ns;    // since 1970, of the last cleaning; 0: none yet
  runtime::Counter lost_pages;       // of the process; shard 0 tells
  runtime::Counter damaged_batches;  // of the process; shard 0 tells
  runtime::Counter producers;        // now
  runtime::Counter producers_expired;
  runtime::Counter producers_evicted;  // at max-producers

  void take(const storage::LogStore& store);
};

inline constexpr auto kBrokerMetrics = std::to_array<runtime::Metric<BrokerCounters>>({
    {&BrokerCounters::logs, runtime::MetricType::kGauge, "duolog_store_logs",
     "Partitions that the shard owns"},
    {&BrokerCounters::offline, runtime::MetricType::kGauge, "duolog_offline_partitions",
     "Of these, those that could not be recovered at start, and are not served"},
    {&BrokerCounters::tail_bytes, runtime::MetricType::kGauge, "duolog_store_tail_bytes",
     "Memory for the newest records, used or free"},
    {&BrokerCounters::tail_small_bytes, runtime::MetricType::kGauge, "duolog_store_idle_tail_bytes",
     "Beside this memory, what is for the last records of idle partitions, 4 KiB each"},
    {&BrokerCounters::tail_budget_bytes, runtime::MetricType::kGauge,
     "duolog_store_tail_budget_bytes", "The most that this memory may become: tail-memory-bytes"},
    {&BrokerCounters::tail_free_bytes, runtime::MetricType::kGauge, "duolog_store_tail_free_bytes",
     "Of this memory, what is free"},
    {&BrokerCounters::tail_reclaimed_bytes, runtime::MetricType::kCounter,
     "duolog_store_tail_reclaimed_bytes_total",
     "Of this memory, what was given back after it had been written to segments"},
    {&BrokerCounters::journal_bytes, runtime::MetricType::kGauge, "duolog_store_journal_bytes",
     "Size of the journal's files"},
    {&BrokerCounters::journal_groups, runtime::MetricType::kCounter,
     "duolog_store_journal_groups_total", "Group writes to the journal"},
    {&BrokerCounters::journal_groups_flushed, runtime::MetricType::kCounter,
     "duolog_store_journal_groups_flushed_total", "Of these, up to which one all are flushed"},
    {&BrokerCounters::journal_full, runtime::MetricType::kGauge, "duolog_store_journal_full",
     "1 while producers wait because the journal is full, else 0"},
    {&BrokerCounters::segment_bulk_bytes, runtime::MetricType::kCounter,
     "duolog_store_segment_bulk_bytes_total",
     "Bytes written to segments at once, before their ack"},
    {&BrokerCounters::segment_write_behind_bytes, runtime::MetricType::kCounter,
     "duolog_store_segment_write_behind_bytes_total",
     "Bytes written to segments after the journal had them"},
    {&BrokerCounters::segments_removed, runtime::MetricType::kCounter,
     "duolog_store_segments_removed_total", "Segments whose time was over, or that were deleted"},
    {&BrokerCounters::cleanings, runtime::MetricType::kCounter, "duolog_cleaner_cleanings_total",
     "Compactions of a log, from its first segment to the last one that could be compacted"},
    {&BrokerCounters::cleaner_failures, runtime::MetricType::kCounter,
     "duolog_cleaner_failures_total",
     "Compactions that the disk ended; the log is as it was, and it is tried again"},
    {&BrokerCounters::cleaner_read_bytes, runtime::MetricType::kCounter,
     "duolog_cleaner_read_bytes_total", "Bytes read by compaction"},
    {&BrokerCounters::cleaner_written_bytes, runtime::MetricType::kCounter,
     "duolog_cleaner_written_bytes_total", "Bytes written by compaction"},
    {&BrokerCounters::dirty_bytes, runtime::MetricType::kGauge, "duolog_cleaner_dirty_bytes",
     "What could be compacted of the shard's logs and has not been, when that was last looked at"},
    {&BrokerCounters::dirty_percent, runtime::MetricType::kGauge,
     "duolog_cleaner_max_dirty_percent",
     "Of what could be compacted of a log, the share that has not been, of the dirtiest log"},
    {&BrokerCounters::cleaned_at_ns, runtime::MetricType::kGaugeNanoseconds,
     "duolog_cleaner_last_cleaned_timestamp_seconds",
     "When a log was last compacted, in seconds since 1970; 0: not since the start"},
    {&BrokerCounters::lost_pages, runtime::MetricType::kCounter, "duolog_store_lost_pages_total",
     "Pages of mapped segments that the disk did not give when they were read"},
    {&BrokerCounters::damaged_batches, runtime::MetricType::kCounter,
     "duolog_store_damaged_batches_total",
     "Stored batches, or runs of them, that were found damaged when they were read"},
    {&BrokerCounters::producers, runtime::MetricType::kGauge, "duolog_store_producers",
     "Idempotent producers that are remembered, once a partition"},
    {&BrokerCounters::producers_expired, runtime::MetricType::kCounter,
     "duolog_store_producers_expired_total", "Producers forgotten after producer-id-expiration-ms"},
    {&BrokerCounters::producers_evicted, runtime::MetricType::kCounter,
     "duolog_store_producers_evicted_total", "Producers forgotten at max-producers"},
});
static_assert(runtime::all_listed(kBrokerMetrics));

struct ClusterCounters {
  runtime::Counter partitions;          // now, of all topics
  runtime::Counter refused_limit;       // topics, partitions, stored settings
  runtime::Counter kept_journal_bytes;  // now
};

inline constexpr auto kClusterMetrics = std::to_array<runtime::Metric<ClusterCounters>>({
    {&ClusterCounters::partitions, runtime::MetricType::kGauge, "duolog_partitions",
     "Partitions of all topics, internal ones too"},
    {&ClusterCounters::refused_limit, runtime::MetricType::kCounter, "duolog_refused_limit_total",
     "Topics, partitions and stored settings refused at a limit"},
    {&ClusterCounters::kept_journal_bytes, runtime::MetricType::kGauge, "duolog_kept_journal_bytes",
     "Size of the journals that are kept for partitions that are offline"},
});
static_assert(runtime::all_listed(kClusterMetrics));

}  // namespace duolog::broker

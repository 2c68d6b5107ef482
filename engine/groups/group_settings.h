// GroupSettings: the limits and times of consumer groups. GroupCounters: what a shard counts.
//
// Settings are immutable once shards run. Counters are written by their shard and read by any
// thread.
#pragma once

#include <cstdint>

#include "engine/groups/membership_settings.h"
#include "engine/runtime/counters.h"

namespace duolog::groups {

struct GroupSettings {
  MembershipSettings members;
  std::uint32_t offset_metadata_max_bytes = 4096;           // offset.metadata.max.bytes
  std::uint64_t offsets_retention_ms = 7ULL * 86'400'000;   // offsets.retention.minutes
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
  runtime::Counter groups;   // now
  runtime::Counter offsets;  // now
  runtime::Counter loading;  // partitions that are being read, now
  runtime::Counter calls;    // requests that reached the coordinator
  runtime::Counter responses_cut;  // parts of them, at session::kMaxGroupResponseBytes
  runtime::Counter stored_batches;
  runtime::Counter stored_records;
  runtime::Counter store_failures;
  runtime::Counter expired_offsets;
  runtime::Counter loaded_records;
  runtime::Counter bad_records;     // skipped while loading
  runtime::Counter refused_groups;  // at max_groups
  runtime::Counter refused_offsets;  // at max_offsets
  runtime::Counter rewrites;         // of a log with its live state
};

}  // namespace duolog::groups

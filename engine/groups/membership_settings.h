// MembershipSettings: Kafka's group.*, and how large a group may be. MembershipCounters: what a
// shard counts about members.
//
// Settings are immutable once shards run. Counters are written by their shard and read by any
// thread.
#pragma once

#include <cstdint>
#include <limits>

#include "engine/runtime/metric.h"

namespace duolog::groups {

struct MembershipSettings {
  std::uint64_t initial_rebalance_delay_ms = 3'000;  // group.initial.rebalance.delay.ms
  std::uint64_t min_session_timeout_ms = 6'000;      // group.min.session.timeout.ms
  std::uint64_t max_session_timeout_ms = 1'800'000;  // group.max.session.timeout.ms
  std::uint64_t max_size = std::numeric_limits<std::int32_t>::max();  // group.max.size: members
  // Of a group, with all protocols of all members; what is stored must fit into one record.
  std::uint64_t max_metadata_bytes = 1'000'000;
  std::uint64_t max_protocols = 64;           // of a member
  std::uint64_t max_pending_members = 1'000;  // of a group: with an id, and yet to join with it
};

struct MembershipCounters {
  runtime::Counter rebalances;          // begun
  runtime::Counter members_expired;     // no heartbeat, no Join or no Sync in time
  runtime::Counter members_fenced;      // static members replaced by another with their name
  runtime::Counter groups_full;         // joins refused: max_size, max_pending_members
  runtime::Counter metadata_too_large;  // joins and assignments refused: max_metadata_bytes,
                                        // max_protocols
};

inline constexpr auto kMembershipMetrics = std::to_array<runtime::Metric<MembershipCounters>>({
    {&MembershipCounters::rebalances, runtime::MetricType::kCounter,
     "duolog_group_rebalances_total", "Rebalances begun"},
    {&MembershipCounters::members_expired, runtime::MetricType::kCounter,
     "duolog_group_members_expired_total", "Members that did not answer in time"},
    {&MembershipCounters::members_fenced, runtime::MetricType::kCounter,
     "duolog_group_members_fenced_total", "Static members replaced by another of their name"},
    {&MembershipCounters::groups_full, runtime::MetricType::kCounter, "duolog_group_full_total",
     "Joins refused, because the group is full"},
    {&MembershipCounters::metadata_too_large, runtime::MetricType::kCounter,
     "duolog_group_metadata_too_large_total",
     "Joins and assignments refused, because they are too large"},
});
static_assert(runtime::all_listed(kMembershipMetrics));

}  // namespace duolog::groups

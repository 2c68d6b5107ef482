// What one shard counts about the push protocol, duolog.v1.json. Written by the shard, read by any
// thread.
#pragma once

#include <array>

#include "engine/runtime/metric.h"

namespace duolog::session {

struct PushCounters {
  runtime::Counter commands;
  runtime::Counter commands_refused;       // answered with an error
  runtime::Counter refused_subscriptions;  // max_subscriptions, max_subscribed_partitions
  runtime::Counter subscriptions_open;     // now
  runtime::Counter gaps;           // told: records that retention had taken, or that cannot be read
  runtime::Counter pins_given_up;  // half-sent messages that retention no longer waits for
  runtime::Counter heartbeats;
};

inline constexpr auto kPushMetrics = std::to_array<runtime::Metric<PushCounters>>({
    {&PushCounters::commands, runtime::MetricType::kCounter, "duolog_push_commands_total",
     "Commands of duolog.v1.json"},
    {&PushCounters::commands_refused, runtime::MetricType::kCounter,
     "duolog_push_commands_refused_total", "Texts and commands answered with an error"},
    {&PushCounters::refused_subscriptions, runtime::MetricType::kCounter,
     "duolog_push_refused_subscriptions_total", "Subscriptions beyond what a connection may have"},
    {&PushCounters::subscriptions_open, runtime::MetricType::kGauge,
     "duolog_push_subscriptions_open", "Subscriptions of duolog.v1.json"},
    {&PushCounters::gaps, runtime::MetricType::kCounter, "duolog_push_gaps_total",
     "Gaps told to subscribers: records that retention had taken, or that cannot be read"},
    {&PushCounters::pins_given_up, runtime::MetricType::kCounter, "duolog_push_pins_given_up_total",
     "Half-sent messages that retention no longer waits for"},
    {&PushCounters::heartbeats, runtime::MetricType::kCounter, "duolog_push_heartbeats_total",
     "Heartbeats sent"},
});
static_assert(runtime::all_listed(kPushMetrics));

}  // namespace duolog::session

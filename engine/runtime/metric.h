// Metric: how a counter is called outside, in Prometheus' words.
//
// A room that counts has one table of its counters, beside the struct that holds them. `all_listed`
// makes it an error of compilation to forget one there, or to list one twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/runtime/counters.h"

namespace duolog::runtime {

enum class MetricType : std::uint8_t {
  kCounter,           // only grows; its name ends in "_total"
  kGauge,             // is what it is now
  kGaugeNanoseconds,  // the same, and shown in seconds; its name ends in "_seconds"
};

// One member of the struct `Of`.
template <class Of>
struct Metric {
  Counter Of::* counter;
  MetricType type;
  std::string_view name;
  std::string_view help;  // one line
};

// Whether the table holds each counter of `Of` once, but for the `elsewhere` of them that are in
// arrays or in structs of their own, and names them as Prometheus wants it.
template <class Of, std::size_t size>
[[nodiscard]] consteval bool all_listed(const std::array<Metric<Of>, size>& table,
                                        std::size_t elsewhere = 0) {
  for (std::size_t i = 0; i < size; ++i) {
    const Metric<Of>& row = table[i];
    if (row.help.empty() || row.name.substr(0, 7) != "duolog_") return false;
    if (row.name.ends_with("_total") != (row.type == MetricType::kCounter)) return false;
    if (row.name.ends_with("_seconds") != (row.type == MetricType::kGaugeNanoseconds)) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (table[j].counter == row.counter || table[j].name == row.name) return false;
    }
  }
  return sizeof(Of) == (size + elsewhere) * sizeof(Counter);
}

// What a shard counts about itself.
inline constexpr auto kMetrics = std::to_array<Metric<Counters>>({
    {&Counters::turns, MetricType::kCounter, "duolog_shard_turns_total", "Turns of the loop"},
    {&Counters::sleeps, MetricType::kCounter, "duolog_shard_sleeps_total",
     "Turns after which the shard slept"},
    {&Counters::longest_turn_ns, MetricType::kGaugeNanoseconds, "duolog_shard_longest_turn_seconds",
     "The longest turn since the start"},
    {&Counters::minor_page_faults, MetricType::kCounter, "duolog_shard_minor_page_faults_total",
     "Page faults of the shard's thread that needed no disk"},
    {&Counters::major_page_faults, MetricType::kCounter, "duolog_shard_major_page_faults_total",
     "Page faults of the shard's thread that waited for a disk"},
    {&Counters::completions, MetricType::kCounter, "duolog_shard_completions_total",
     "Completions taken from the ring"},
    {&Counters::completion_overflows, MetricType::kCounter,
     "duolog_shard_completion_overflows_total",
     "Completions that found their queue full; none is lost"},
    {&Counters::completions_moved, MetricType::kCounter, "duolog_shard_completions_moved_total",
     "Completions put aside so that their queue would not overflow"},
    {&Counters::turns_cut_short, MetricType::kCounter, "duolog_shard_turns_cut_short_total",
     "Turns whose time (turn-us) was up before all who waited had been served"},
    {&Counters::turns_without_room, MetricType::kCounter, "duolog_shard_turns_without_room_total",
     "Turns that left work to the next because the completions of more might not have found room"},
    {&Counters::messages, MetricType::kCounter, "duolog_shard_messages_total",
     "Messages of shards that were run"},
    {&Counters::mailbox_full, MetricType::kCounter, "duolog_shard_mailbox_full_total",
     "Messages to other shards that had to wait for room"},
    {&Counters::wakes_sent, MetricType::kCounter, "duolog_shard_wakes_sent_total",
     "System calls made to wake other shards"},
    {&Counters::hook_rounds_exceeded, MetricType::kCounter,
     "duolog_shard_hook_rounds_exceeded_total", "Turns that left hooks of their end to the next"},
    {&Counters::receive_buffer_parks, MetricType::kCounter,
     "duolog_shard_receive_buffer_parks_total", "Receives that found no buffer, and waited"},
    {&Counters::connections_accepted, MetricType::kCounter,
     "duolog_shard_connections_accepted_total", "Connections accepted on this shard's listeners"},
    {&Counters::connections_refused, MetricType::kCounter, "duolog_shard_connections_refused_total",
     "Connections closed at once, at max-connections"},
    {&Counters::accept_parks, MetricType::kCounter, "duolog_shard_accept_parks_total",
     "Accepts that found no descriptor or no memory, and waited"},
    {&Counters::accept_hand_off_full, MetricType::kCounter,
     "duolog_shard_accept_hand_off_full_total",
     "Connections kept by the listening shard because no other could take them"},
    {&Counters::sockets_open, MetricType::kGauge, "duolog_shard_sockets_open",
     "Connected sockets of all protocols"},
    {&Counters::disk_queued, MetricType::kCounter, "duolog_shard_disk_queued_total",
     "Disk operations that had to wait for a free place"},
});
static_assert(all_listed(kMetrics));

}  // namespace duolog::runtime

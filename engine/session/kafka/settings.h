// KafkaSettings: the limits of Kafka connections. KafkaCounters: what a shard counts about them.
//
// Settings are immutable once shards run. Counters are written by their shard and read by any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/runtime/metric.h"
#include "net/kafka/api.h"

namespace duolog::session {

struct KafkaSettings {
  std::uint32_t max_request_bytes = 100U << 20;         // socket.request.max.bytes
  std::uint64_t request_budget_bytes = 256ULL << 20;    // requests held, all of a shard
  std::uint32_t max_in_flight = 1024;                   // unanswered requests, one connection
  std::uint64_t max_held_bytes = 32ULL << 20;           // their memory, one connection
  std::size_t max_inflated_bytes = 64U << 20;           // of one batch; beyond: MESSAGE_TOO_LARGE
  std::uint64_t max_checked_bytes = 32ULL << 20;        // batches that wait for a worker, all
  std::uint64_t send_bytes = 1ULL << 20;                // one send
  std::int32_t fetch_max_bytes = 55 * 1024 * 1024;      // fetch.max.bytes
  std::int32_t max_described_partitions = 2000;         // max.request.partition.size.limit
  std::uint64_t max_listed_config_bytes = 64ULL << 20;  // settings in one answer
  // KIP-227, per shard: max.incremental.fetch.session.cache.slots, partitions in all of them, and
  // how long a session must have been unused before it makes room for another.
  std::uint32_t max_fetch_sessions = 1000;
  std::uint64_t max_fetch_session_partitions = 250'000;
  std::uint64_t fetch_session_eviction_ms = 120'000;
  std::uint64_t write_timeout_ms = 30'000;      // a client that does not read
  std::uint64_t read_timeout_ms = 30'000;       // a request of which nothing more comes
  std::uint64_t transfer_timeout_ms = 600'000;  // a request, or a response, from first to last byte
  std::uint64_t max_idle_ms = 600'000;          // connections.max.idle.ms
  std::uint64_t shrink_after_ms = 5'000;        // an idle connection's memory is freed
  std::uint64_t congestion_retry_ms = 5;        // the journal is full: look again
};

// Why a connection was closed.
enum class KafkaClose : std::uint8_t {
  kByPeer,        // end of input, perhaps within a request
  kIdle,          // max_idle_ms
  kStopping,      // the server stops
  kBadRequest,    // bytes that are no request
  kTooLarge,      // max_request_bytes
  kUnsupported,   // an API or version that is not in the table
  kAckless,       // an error with acks=0, which has no other answer
  kWriteTimeout,  // write_timeout_ms
  kReadTimeout,   // read_timeout_ms
  kTopicDeleted,  // a topic of which a response was half sent
  kSocketError,
};
// What they are called where they are counted, in their order.
inline constexpr std::array<std::string_view, 11> kKafkaCloseNames = {
    "by_peer", "idle",          "stopping",     "bad_request",   "too_large",   "unsupported",
    "ackless", "write_timeout", "read_timeout", "topic_deleted", "socket_error"};
inline constexpr std::size_t kKafkaCloses = kKafkaCloseNames.size();
static_assert(kKafkaCloses == static_cast<std::size_t>(KafkaClose::kSocketError) + 1);

struct KafkaCounters {
  std::array<runtime::Counter, kafka::kApis.size()> requests;  // in the order of kApis
  std::array<runtime::Counter, kKafkaCloses> closed;           // by KafkaClose
  runtime::Counter connections;                                // now
  runtime::Counter accepted;
  runtime::Counter errors;  // error codes in responses: topics, partitions, whole responses
  runtime::Counter batches_too_large;  // MESSAGE_TOO_LARGE
  runtime::Counter batches_inflated;   // and taken, of those that producers had compressed
  runtime::Counter batches_checked_by_worker;
  runtime::Counter batches_checked_long;
  runtime::Counter batches_damaged;  // they could not be inflated
  runtime::Counter checks;           // now: batches at a worker or behind one that is
  runtime::Counter checks_bytes;     // now
  runtime::Counter bytes_in;
  runtime::Counter bytes_out;
  runtime::Counter parked_fetches;  // now
  runtime::Counter fetch_sessions;  // now
  runtime::Counter fetch_sessions_evicted;
  runtime::Counter fetch_sessions_refused;  // at a limit
  runtime::Counter configs_refused;         // resources beyond max_listed_config_bytes
  runtime::Counter cold_reads;              // waits for bytes that were not in memory
  runtime::Counter stalled_in_flight;
  runtime::Counter stalled_held;
  runtime::Counter stalled_budget;
  runtime::Counter stalled_congested;
  runtime::Counter stalled_checks;
  runtime::Counter stalled_turn;
};

inline constexpr auto kKafkaMetrics = std::to_array<runtime::Metric<KafkaCounters>>({
    {&KafkaCounters::connections, runtime::MetricType::kGauge, "duolog_kafka_connections",
     "Connections of Kafka clients"},
    {&KafkaCounters::accepted, runtime::MetricType::kCounter,
     "duolog_kafka_connections_accepted_total", "Connections accepted on the Kafka port"},
    {&KafkaCounters::errors, runtime::MetricType::kCounter, "duolog_kafka_errors_total",
     "Error codes in answers"},
    {&KafkaCounters::batches_too_large, runtime::MetricType::kCounter,
     "duolog_kafka_batches_too_large_total", "Batches refused with MESSAGE_TOO_LARGE"},
    {&KafkaCounters::batches_inflated, runtime::MetricType::kCounter,
     "duolog_kafka_batches_inflated_total", "Compressed batches that were looked into and taken"},
    {&KafkaCounters::batches_checked_by_worker, runtime::MetricType::kCounter,
     "duolog_kafka_batches_checked_by_worker_total",
     "Compressed batches that were too much for a shard to look into within a turn"},
    {&KafkaCounters::batches_checked_long, runtime::MetricType::kCounter,
     "duolog_kafka_batches_checked_long_total",
     "Of those, batches that were too much for the workers, too, and went to the one for long "
     "jobs"},
    {&KafkaCounters::batches_damaged, runtime::MetricType::kCounter,
     "duolog_kafka_batches_damaged_total", "Compressed batches refused: they cannot be inflated"},
    {&KafkaCounters::checks, runtime::MetricType::kGauge, "duolog_kafka_checks",
     "Batches that wait to be checked by a worker"},
    {&KafkaCounters::checks_bytes, runtime::MetricType::kGauge, "duolog_kafka_checks_bytes",
     "Size of the batches that wait to be checked"},
    {&KafkaCounters::bytes_in, runtime::MetricType::kCounter, "duolog_kafka_received_bytes_total",
     "Bytes received from Kafka clients"},
    {&KafkaCounters::bytes_out, runtime::MetricType::kCounter, "duolog_kafka_sent_bytes_total",
     "Bytes sent to Kafka clients"},
    {&KafkaCounters::parked_fetches, runtime::MetricType::kGauge, "duolog_kafka_parked_fetches",
     "Fetches that wait for records"},
    {&KafkaCounters::fetch_sessions, runtime::MetricType::kGauge, "duolog_kafka_fetch_sessions",
     "Fetch sessions"},
    {&KafkaCounters::fetch_sessions_evicted, runtime::MetricType::kCounter,
     "duolog_kafka_fetch_sessions_evicted_total", "Fetch sessions that made room for others"},
    {&KafkaCounters::fetch_sessions_refused, runtime::MetricType::kCounter,
     "duolog_kafka_fetch_sessions_refused_total", "Fetches without a session, at a limit"},
    {&KafkaCounters::configs_refused, runtime::MetricType::kCounter,
     "duolog_kafka_configs_refused_total",
     "Resources left out of an answer about settings, at a limit"},
    {&KafkaCounters::cold_reads, runtime::MetricType::kCounter, "duolog_kafka_cold_reads_total",
     "Waits of fetches for bytes that were not in memory"},
    {&KafkaCounters::stalled_in_flight, runtime::MetricType::kCounter,
     "duolog_kafka_stalled_in_flight_total",
     "Connections not read for a while, at max-in-flight-requests"},
    {&KafkaCounters::stalled_held, runtime::MetricType::kCounter, "duolog_kafka_stalled_held_total",
     "Connections not read for a while, at max-in-flight-bytes"},
    {&KafkaCounters::stalled_budget, runtime::MetricType::kCounter,
     "duolog_kafka_stalled_budget_total",
     "Connections not read for a while, at queued-max-request-bytes"},
    {&KafkaCounters::stalled_congested, runtime::MetricType::kCounter,
     "duolog_kafka_stalled_congested_total",
     "Connections not read for a while, because the journal was full"},
    {&KafkaCounters::stalled_checks, runtime::MetricType::kCounter,
     "duolog_kafka_stalled_checks_total", "Connections not read for a while, at max-checked-bytes"},
    {&KafkaCounters::stalled_turn, runtime::MetricType::kCounter, "duolog_kafka_stalled_turn_total",
     "Times that requests received were left for a later turn, whose time (turn-us) was up"},
});
static_assert(runtime::all_listed(kKafkaMetrics, kafka::kApis.size() + kKafkaCloses));

}  // namespace duolog::session

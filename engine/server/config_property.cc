#include "engine/server/config_property.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace duolog::server {

namespace {

constexpr std::uint64_t kDayMs = std::uint64_t{24} * 60 * 60 * 1000;
constexpr std::uint64_t kTiB = 1024 * kGiB;

constexpr auto kProperties = std::to_array<Property>({
    {"data-dir", &Config::data_dir, "Directory of the log; created when it is not there"},
    {"kafka", &Config::kafka, "Where Kafka clients connect; port 0 picks a free one"},
    {"http", &Config::http, "Where WebSocket and HTTP clients connect; port 0 picks a free one"},
    {"advertise", &Config::advertise,
     "Address told to Kafka clients; unset: the one that the client reached"},

    {"shards", &Config::shards, "Threads, one per core; 0: the cores less one, at least one",
     Unit::kNone, 0, 512},
    {"busy-poll", &Config::busy_poll,
     "Whether an idle shard spins; lowers latency, but only where cores are to spare"},
    {"busy-poll-us", &Config::busy_poll_us, "How long an adaptive shard spins before it sleeps",
     Unit::kMicroseconds, 1, 1'000'000},

    {"auto-create-topics", &Config::auto_create_topics,
     "Create a topic when a client first names it"},
    {"num-partitions", &Config::num_partitions,
     "Partitions of a topic that is created without a number", Unit::kNone, 1, 100'000},
    {"max-topics", &Config::max_topics, "Topics", Unit::kNone, 1, 10'000'000},
    {"max-partitions", &Config::max_partitions, "Partitions of all topics together", Unit::kNone, 1,
     10'000'000},
    {"max-partitions-per-topic", &Config::max_partitions_per_topic, "Partitions of one topic",
     Unit::kNone, 1, 1'000'000},

    {"group-initial-rebalance-delay-ms", &Config::group_initial_rebalance_delay_ms,
     "How long a new consumer group waits for more members before it first assigns partitions",
     Unit::kMilliseconds, 0, 10 * 60 * 1000},
    {"group-min-session-timeout-ms", &Config::group_min_session_timeout_ms,
     "Shortest session that a member of a consumer group may ask for", Unit::kMilliseconds, 1,
     kDayMs},
    {"group-max-session-timeout-ms", &Config::group_max_session_timeout_ms,
     "Longest session that a member of a consumer group may ask for", Unit::kMilliseconds, 1,
     kDayMs},
    {"group-max-size", &Config::group_max_size, "Members of a consumer group", Unit::kNone, 1,
     2'147'483'647},

    {"log-level", &Config::log_level, "The least severe message that is logged"},

    {"max-connections", &Config::max_connections, "Open connections of both protocols together",
     Unit::kNone, 1, 10'000'000},
    {"socket-request-max-bytes", &Config::socket_request_max_bytes,
     "Largest Kafka request; a larger one closes its connection", Unit::kBytes, 64 * kKiB, kGiB},
    {"queued-max-request-bytes", &Config::queued_max_request_bytes,
     "Kafka requests that a shard holds; beyond it connections wait to be read", Unit::kBytes, kMiB,
     kTiB},
    {"max-in-flight-requests", &Config::max_in_flight_requests,
     "Unanswered Kafka requests of a connection; beyond it the connection waits to be read",
     Unit::kNone, 1, 1'000'000},
    {"max-in-flight-bytes", &Config::max_in_flight_bytes,
     "Memory of a connection's unanswered Kafka requests; beyond it the connection waits",
     Unit::kBytes, 64 * kKiB, kTiB},
    {"connections-max-idle-ms", &Config::connections_max_idle_ms,
     "An idle Kafka connection is closed after this", Unit::kMilliseconds, 1000, 3650 * kDayMs},
    {"message-max-bytes", &Config::message_max_bytes, "Largest record batch, as it is stored",
     Unit::kBytes, kKiB, 512 * kMiB},

    {"tail-memory-bytes", &Config::tail_memory_bytes,
     "Memory per shard for the newest records, before they are in their segments", Unit::kBytes,
     8 * kMiB, kTiB},
    {"segment-bytes", &Config::segment_bytes, "Size at which a segment is sealed", Unit::kBytes,
     kMiB, 2 * kGiB - 1},
    {"segment-ms", &Config::segment_ms, "Age at which a segment is sealed", Unit::kMilliseconds, 1,
     3650 * kDayMs},
    {"retention-ms", &Config::retention_ms,
     "Age at which a topic's records may go, unless it says otherwise; 0: never",
     Unit::kMilliseconds, 0, 36'500 * kDayMs},
    {"retention-bytes", &Config::retention_bytes,
     "Size to which a partition is kept, unless its topic says otherwise; 0: any", Unit::kBytes, 0,
     1024 * kTiB},
    {"log-retention-check-interval-ms", &Config::log_retention_check_interval_ms,
     "How often is looked for what may go", Unit::kMilliseconds, 1, kDayMs},
    {"producer-id-expiration-ms", &Config::producer_id_expiration_ms,
     "How long an idempotent producer that sends nothing is remembered", Unit::kMilliseconds, 1,
     3650 * kDayMs},
    {"max-producers", &Config::max_producers,
     "Idempotent producers remembered per shard, counted in each partition that they write to",
     Unit::kNone, 1000, 10'000'000},
    {"journal-min-bytes", &Config::journal_min_bytes, "Size at which a shard's journal starts",
     Unit::kBytes, 4 * kMiB, 64 * kGiB},
    {"journal-max-bytes", &Config::journal_max_bytes, "Size to which a shard's journal may grow",
     Unit::kBytes, 4 * kMiB, 64 * kGiB},

    {"offsets-topic-num-partitions", &Config::offsets_topic_num_partitions,
     "Partitions of __consumer_offsets when it is created", Unit::kNone, 1, 10'000},
    {"offset-metadata-max-bytes", &Config::offset_metadata_max_bytes,
     "Largest text that a consumer may commit with an offset", Unit::kBytes, 0, 32 * kKiB - 1},
    {"offsets-retention-minutes", &Config::offsets_retention_minutes,
     "Time for which the offsets of a group without members are kept", Unit::kNone, 1,
     3650 * kDayMs / 60'000},
    {"offsets-retention-check-interval-ms", &Config::offsets_retention_check_interval_ms,
     "How often is looked for offsets that have expired", Unit::kMilliseconds, 1, kDayMs},
    {"max-groups", &Config::max_groups, "Consumer groups, per shard", Unit::kNone, 1, 10'000'000},
    {"max-committed-offsets", &Config::max_committed_offsets,
     "Offsets that all groups of a shard have committed", Unit::kNone, 1, 1'000'000'000},

    {"ws-max-message-bytes", &Config::ws_max_message_bytes,
     "Largest message from a WebSocket client", Unit::kBytes, 1, 512 * kMiB},
    {"ws-allowed-origins", &Config::ws_allowed_origins,
     "Origins, besides our own host, whose pages may connect"},
    {"ws-allowed-hosts", &Config::ws_allowed_hosts,
     "Host names to answer to, besides localhost and the address listened on"},
    {"http-upgrade-timeout-ms", &Config::http_upgrade_timeout_ms,
     "Time within which a request's headers must have arrived", Unit::kMilliseconds, 10,
     10 * 60 * 1000},
    {"http-max-listed-partitions", &Config::http_max_listed_partitions,
     "Partitions that /metrics and /v1/topics list; how many more there are, they say", Unit::kNone,
     0, 1'000'000},
    {"ws-compression", &Config::ws_compression,
     "Compress feeds and pushes for WebSocket clients that offer permessage-deflate"},
    {"echo", &Config::echo,
     "Serve /v1/echo, a WebSocket that sends every message back; for tests of clients"},
});

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({replaced, above + 1, row[j] + 1});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Property> properties() { return kProperties; }

const Property* find_property(std::string_view name) {
  const auto row = std::ranges::find(kProperties, name, &Property::name);
  return row == kProperties.end() ? nullptr : &*row;
}

std::string_view nearest_property(std::string_view name) {
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const Property& property : kProperties) {
    const std::size_t distance = edit_distance(name, property.name);
    if (distance < least) {
      least = distance;
      nearest = property.name;
    }
  }
  return nearest;
}

std::string variable_name(const Property& property) {
  std::string name = "DUOLOG_";
  for (const char c : property.name) {
    name += c == '-' ? '_' : static_cast<char>(c - ('a' <= c && c <= 'z' ? 'a' - 'A' : 0));
  }
  return name;
}

}  // namespace duolog::server

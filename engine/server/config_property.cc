#include "engine/server/config_property.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "engine/base/nearest_name.h"
#include "engine/broker/config/config_key.h"
#include "net/http/access.h"

namespace duolog::server {

namespace {

constexpr std::uint64_t kMinuteMs = 60'000;
constexpr std::uint64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr std::uint64_t kTiB = 1024 * kGiB;

constexpr NumberForm count(std::uint64_t min, std::uint64_t max) { return {Unit::kNone, min, max}; }
constexpr NumberForm bytes(std::uint64_t min, std::uint64_t max) {
  return {Unit::kBytes, min, max};
}
constexpr NumberForm milliseconds(std::uint64_t min, std::uint64_t max) {
  return {Unit::kMilliseconds, min, max};
}
constexpr NumberForm microseconds(std::uint64_t min, std::uint64_t max) {
  return {Unit::kMicroseconds, min, max};
}

constexpr KafkaKey at_start(std::string_view broker_key,
                            std::string (*text)(const Config&) = nullptr) {
  return {KafkaKey::Kind::kAtStart, broker_key, text};
}
constexpr KafkaKey topic_default(std::string_view topic_key) {
  return {KafkaKey::Kind::kTopicDefault, topic_key};
}

std::string plaintext(const HostPort& address) { return "PLAINTEXT://" + to_string(address); }

constexpr auto kProperties = std::to_array<Property>({
    {"data-dir",
     [](Config& c) -> auto& { return c.data_dir; },
     "Directory of the log; created when it is not there",
     {},
     at_start("log.dirs")},
    {"kafka",
     [](Config& c) -> auto& { return c.kafka_address; },
     "Where Kafka clients connect; port 0 picks a free one",
     {},
     at_start("listeners", [](const Config& c) { return plaintext(c.kafka_address); })},
    {"http", [](Config& c) -> auto& { return c.http_address; },
     "Where WebSocket and HTTP clients connect; port 0 picks a free one"},
    {"advertise",
     [](Config& c) -> auto& { return c.advertise; },
     "Address told to Kafka clients; unset: the one that the client reached",
     {},
     at_start("advertised.listeners",
              [](const Config& c) { return plaintext(c.advertise.value_or(c.kafka_address)); })},

    {"shards", [](Config& c) -> auto& { return c.runtime.shards; },
     "Threads, one per core; 0: the cores less one, at least one", count(0, 512)},
    {"busy-poll", [](Config& c) -> auto& { return c.runtime.busy_poll; },
     "Whether an idle shard spins; lowers latency, but only where cores are to spare"},
    {"busy-poll-us", [](Config& c) -> auto& { return c.runtime.spin_us; },
     "How long an adaptive shard spins before it sleeps", microseconds(1, 1'000'000)},
    {"turn-us", [](Config& c) -> auto& { return c.runtime.turn_us; },
     "How long a shard serves those that wait before it looks for what has come meanwhile",
     microseconds(100, 100'000)},

    {"auto-create-topics",
     [](Config& c) -> auto& { return c.broker.auto_create_topics; },
     "Create a topic when a client first names it",
     {},
     at_start("auto.create.topics.enable")},
    {"num-partitions", [](Config& c) -> auto& { return c.broker.num_partitions; },
     "Partitions of a topic that is created without a number", count(1, 100'000),
     at_start("num.partitions")},
    {"max-topics", [](Config& c) -> auto& { return c.broker.max_topics; }, "Topics",
     count(1, 10'000'000)},
    {"max-partitions", [](Config& c) -> auto& { return c.broker.max_partitions; },
     "Partitions of all topics together", count(1, 10'000'000)},
    {"max-partitions-per-topic",
     [](Config& c) -> auto& { return c.broker.max_partitions_per_topic; },
     "Partitions of one topic", count(1, 1'000'000)},

    {"group-initial-rebalance-delay-ms",
     [](Config& c) -> auto& { return c.groups.members.initial_rebalance_delay_ms; },
     "How long a new consumer group waits for more members before it first assigns partitions",
     milliseconds(0, 10 * 60 * 1000), at_start("group.initial.rebalance.delay.ms")},
    {"group-min-session-timeout-ms",
     [](Config& c) -> auto& { return c.groups.members.min_session_timeout_ms; },
     "Shortest session that a member of a consumer group may ask for", milliseconds(1, kDayMs),
     at_start("group.min.session.timeout.ms")},
    {"group-max-session-timeout-ms",
     [](Config& c) -> auto& { return c.groups.members.max_session_timeout_ms; },
     "Longest session that a member of a consumer group may ask for", milliseconds(1, kDayMs),
     at_start("group.max.session.timeout.ms")},
    {"group-max-size", [](Config& c) -> auto& { return c.groups.members.max_size; },
     "Members of a consumer group", count(1, 2'147'483'647), at_start("group.max.size")},

    {"log-level", [](Config& c) -> auto& { return c.log_level; },
     "The least severe message that is logged"},

    {"max-connections", [](Config& c) -> auto& { return c.max_connections; },
     "Open connections of both protocols together", count(1, 10'000'000),
     at_start("max.connections")},
    {"socket-request-max-bytes", [](Config& c) -> auto& { return c.kafka.max_request_bytes; },
     "Largest Kafka request; a larger one closes its connection", bytes(64 * kKiB, kGiB),
     at_start("socket.request.max.bytes")},
    {"queued-max-request-bytes", [](Config& c) -> auto& { return c.kafka.request_budget_bytes; },
     "Kafka requests that a shard holds; beyond it connections wait to be read", bytes(kMiB, kTiB)},
    {"max-in-flight-requests", [](Config& c) -> auto& { return c.kafka.max_in_flight; },
     "Unanswered Kafka requests of a connection; beyond it the connection waits to be read",
     count(1, 1'000'000)},
    {"max-in-flight-bytes", [](Config& c) -> auto& { return c.kafka.max_held_bytes; },
     "Memory of a connection's unanswered Kafka requests; beyond it the connection waits",
     bytes(64 * kKiB, kTiB)},
    {"max-inflated-batch-bytes", [](Config& c) -> auto& { return c.kafka.max_inflated_bytes; },
     "What the records of a produced batch may inflate to", bytes(64 * kKiB, kGiB)},
    {"max-checked-bytes", [](Config& c) -> auto& { return c.kafka.max_checked_bytes; },
     "Large compressed batches a shard has checked at a time; beyond it clients wait to be read",
     bytes(64 * kKiB, kTiB)},
    {"connections-max-idle-ms", [](Config& c) -> auto& { return c.kafka.max_idle_ms; },
     "An idle Kafka connection is closed after this", milliseconds(1000, 3650 * kDayMs),
     at_start("connections.max.idle.ms")},
    {"message-max-bytes",
     [](Config& c) -> auto& { return c.broker.topic_defaults.max_message_bytes; },
     "Largest record batch, as it is stored", bytes(kKiB, 512 * kMiB),
     topic_default("max.message.bytes")},

    {"tail-memory-bytes", [](Config& c) -> auto& { return c.broker.store.tail_budget_bytes; },
     "Memory per shard for the newest records, before they are in their segments",
     bytes(8 * kMiB, kTiB)},
    {"segment-bytes", [](Config& c) -> auto& { return c.broker.topic_defaults.log.segment_bytes; },
     "Size at which a segment is sealed", bytes(kMiB, 2 * kGiB - 1),
     topic_default("segment.bytes")},
    {"segment-ms", [](Config& c) -> auto& { return c.broker.topic_defaults.log.segment_ms; },
     "Age at which a segment is sealed", milliseconds(1, 3650 * kDayMs),
     topic_default("segment.ms")},
    {"retention-ms", [](Config& c) -> auto& { return c.broker.topic_defaults.log.retention_ms; },
     "Age at which a topic's records may go, unless it says otherwise; 0: never",
     milliseconds(0, 36'500 * kDayMs).or_zero_for_unlimited(), topic_default("retention.ms")},
    {"retention-bytes",
     [](Config& c) -> auto& { return c.broker.topic_defaults.log.retention_bytes; },
     "Size to which a partition is kept, unless its topic says otherwise; 0: any",
     bytes(0, 1024 * kTiB).or_zero_for_unlimited(), topic_default("retention.bytes")},
    {"log-retention-check-interval-ms",
     [](Config& c) -> auto& { return c.broker.retention_check_interval_ms; },
     "How often is looked for what may go", milliseconds(1, kDayMs),
     at_start("log.retention.check.interval.ms")},
    {"producer-id-expiration-ms",
     [](Config& c) -> auto& { return c.broker.store.producers.expiration_ms; },
     "How long an idempotent producer that sends nothing is remembered",
     milliseconds(1, 3650 * kDayMs), at_start("producer.id.expiration.ms")},
    {"max-producers", [](Config& c) -> auto& { return c.broker.store.producers.max_producers; },
     "Idempotent producers remembered per shard, counted in each partition that they write to",
     count(1000, 10'000'000)},
    {"log-cleaner-enable",
     [](Config& c) -> auto& { return c.broker.store.cleaner.enabled; },
     "Compact topics whose cleanup.policy names compact",
     {},
     at_start("log.cleaner.enable")},
    {"log-cleaner-dedupe-buffer-size",
     [](Config& c) -> auto& { return c.broker.store.cleaner.map_bytes; },
     "Memory per shard, at the most, for the latest offset of each key while a log is compacted",
     bytes(kMiB, 64 * kGiB), at_start("log.cleaner.dedupe.buffer.size")},
    {"log-cleaner-io-max-bytes-per-second",
     [](Config& c) -> auto& { return c.broker.store.cleaner.max_bytes_per_second; },
     "What compaction reads and writes in a second, per shard; 0: any amount",
     bytes(0, 1024 * kTiB).or_zero_for_unlimited(),
     at_start("log.cleaner.io.max.bytes.per.second",
              [](const Config& c) -> std::string {
                const std::int64_t most = c.broker.store.cleaner.max_bytes_per_second;
                return most < 0 ? "1.7976931348623157E308" : std::to_string(most) + ".0";
              })},
    {"log-cleaner-backoff-ms", [](Config& c) -> auto& { return c.broker.store.cleaner.backoff_ms; },
     "How long compaction waits after it has found nothing to compact", milliseconds(0, kDayMs),
     at_start("log.cleaner.backoff.ms")},
    {"journal-min-bytes", [](Config& c) -> auto& { return c.broker.store.journal_min_bytes; },
     "Size at which a shard's journal starts", bytes(4 * kMiB, 64 * kGiB)},
    {"journal-max-bytes", [](Config& c) -> auto& { return c.broker.store.journal_max_bytes; },
     "Size to which a shard's journal may grow", bytes(4 * kMiB, 64 * kGiB)},

    {"offsets-topic-num-partitions",
     [](Config& c) -> auto& { return c.broker.offsets_topic_partitions; },
     "Partitions of __consumer_offsets when it is created", count(1, 10'000),
     at_start("offsets.topic.num.partitions")},
    {"offset-metadata-max-bytes",
     [](Config& c) -> auto& { return c.groups.offset_metadata_max_bytes; },
     "Largest text that a consumer may commit with an offset", bytes(0, 32 * kKiB - 1),
     at_start("offset.metadata.max.bytes")},
    {"offsets-retention-minutes", [](Config& c) -> auto& { return c.groups.offsets_retention_ms; },
     "Time for which the offsets of a group without members are kept",
     count(1, 3650 * kDayMs / 60'000).kept_times(kMinuteMs), at_start("offsets.retention.minutes")},
    {"offsets-retention-check-interval-ms",
     [](Config& c) -> auto& { return c.groups.offsets_retention_check_interval_ms; },
     "How often is looked for offsets that have expired", milliseconds(1, kDayMs),
     at_start("offsets.retention.check.interval.ms")},
    {"max-groups", [](Config& c) -> auto& { return c.groups.max_groups; },
     "Consumer groups, per shard", count(1, 10'000'000)},
    {"max-committed-offsets", [](Config& c) -> auto& { return c.groups.max_offsets; },
     "Offsets that all groups of a shard have committed", count(1, 1'000'000'000)},

    {"ws-max-message-bytes", [](Config& c) -> auto& { return c.websocket.max_message_bytes; },
     "Largest message from a WebSocket client", bytes(1, 512 * kMiB)},
    {"ws-allowed-origins",
     [](Config& c) -> auto& { return c.http.access.allowed_origins; },
     "Origins, besides our own host, that may connect; null: those without one; *: all",
     {},
     {},
     http::check_allowed_origin},
    {"ws-allowed-hosts",
     [](Config& c) -> auto& { return c.http.access.host_names; },
     "Host names to answer to, besides localhost and the address listened on",
     {},
     {},
     http::check_host_name},
    {"http-max-header-bytes", [](Config& c) -> auto& { return c.http.request.max_header_bytes; },
     "Largest header of an HTTP request; large cookies and tokens may need 32KiB",
     bytes(kKiB, kMiB)},
    {"http-upgrade-timeout-ms", [](Config& c) -> auto& { return c.http.request_timeout_ms; },
     "Time within which a request's headers must have arrived", milliseconds(10, 10 * 60 * 1000)},
    {"http-max-listed-partitions", [](Config& c) -> auto& { return c.http.max_listed_partitions; },
     "Partitions that /metrics and /v1/topics list; how many more there are, they say",
     count(0, 1'000'000)},
    {"ws-compression", [](Config& c) -> auto& { return c.live.compress; },
     "Compress feeds and pushes for WebSocket clients that offer permessage-deflate"},
    {"echo", [](Config& c) -> auto& { return c.websocket.echo; },
     "Serve /v1/echo, a WebSocket that sends every message back; for tests of clients"},
});

// Whether whatever a row allows fits where it is kept, and only numbers have a form.
constexpr bool fits(const Property& row) {
  return std::visit(
      [&number = row.number]<class T>(Place<T>) {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          return number.max > 0 && (std::is_signed_v<T> || !number.zero_is_unlimited) &&
                 number.max <= std::uint64_t{std::numeric_limits<T>::max()} / number.factor;
        } else {
          return number.max == 0;
        }
      },
      row.field);
}
static_assert(std::ranges::all_of(kProperties, fits));

}  // namespace

std::span<const Property> properties() { return kProperties; }

const Property* find_property(std::string_view name) {
  const auto row = std::ranges::find(kProperties, name, &Property::name);
  return row == kProperties.end() ? nullptr : &*row;
}

std::string_view nearest_property(std::string_view name) {
  std::array<std::string_view, kProperties.size()> names;
  std::ranges::transform(kProperties, names.begin(), &Property::name);
  return nearest_name(name, names);
}

std::string variable_name(const Property& property) {
  std::string name = "DUOLOG_";
  for (const char c : property.name) {
    name += c == '-' ? '_' : static_cast<char>(c - ('a' <= c && c <= 'z' ? 'a' - 'A' : 0));
  }
  return name;
}

bool is_switch(const Property& property) {
  return std::holds_alternative<Place<bool>>(property.field);
}

std::string_view broker_key(const Property& property) {
  const KafkaKey& kafka = property.kafka;
  if (kafka.kind != KafkaKey::Kind::kTopicDefault) return kafka.name;
  const auto* topic_key = broker::find_config_key(broker::ConfigResource::kTopic, kafka.name);
  return topic_key ? topic_key->synonyms[0] : std::string_view();
}

}  // namespace duolog::server

#include "engine/session/http/metrics.h"

#include <array>
#include <ctime>
#include <span>

#include "engine/base/version.h"
#include "engine/broker/cluster.h"
#include "engine/runtime/log.h"
#include "engine/session/http/door.h"
#include "engine/session/http/topic_listing.h"
#include "net/http/metrics_text.h"

namespace duolog::session {
namespace {

using http::MetricLabel;
using http::MetricsText;

constexpr std::string_view kCounter = "counter";
constexpr std::string_view kGauge = "gauge";
constexpr unsigned kMilliseconds = 3;  // decimals of a second
constexpr unsigned kNanoseconds = 9;

void family(MetricsText& out, runtime::MetricType type, std::string_view name,
            std::string_view help) {
  out.family(name, type == runtime::MetricType::kCounter ? kCounter : kGauge, help);
}

// What the shards count. Their lists have the same rows.
void shard_families(MetricsText& out, const ServerView& view) {
  const auto& rows = view.shards().front().rows();
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    const runtime::CounterList::Row& row = rows[first];
    while (end < rows.size() && rows[end].name == row.name) ++end;
    family(out, row.type, row.name, row.help);
    const bool seconds = row.type == runtime::MetricType::kGaugeNanoseconds;
    for (std::size_t shard = 0; shard < view.shards().size(); ++shard) {
      const std::string number = std::to_string(shard);
      for (std::size_t i = first; i < end; ++i) {
        const runtime::CounterList::Row& its = view.shards()[shard].rows()[i];
        const std::array<MetricLabel, 2> labels{{{"shard", number}, {its.label, its.label_value}}};
        out.sample(std::span(labels).first(its.label.empty() ? 1 : 2), its.counter->get(),
                   seconds ? kNanoseconds : 0);
      }
    }
  }
}

void process_families(MetricsText& out, HttpDoor& door) {
  const std::array<MetricLabel, 2> build{{{"version", version()}, {"commit", commit()}}};
  out.family("duolog_build_info", kGauge, "1, with what was built");
  out.sample(build, 1);
  const MetricLabel kafka{"kafka", door.view().kafka_address()};
  out.family("duolog_address_info", kGauge, "1, with where clients connect");
  out.sample({&kafka, 1}, 1);
  out.family("process_start_time_seconds", kGauge, "When the server started, since 1970");
  out.sample({}, static_cast<std::uint64_t>(door.view().started().value), kMilliseconds);
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  out.family("process_cpu_seconds_total", kCounter, "Processor time of all threads");
  out.sample({},
             static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
                 static_cast<std::uint64_t>(used.tv_nsec),
             kNanoseconds);
  out.family("duolog_log_lines_lost_total", kCounter,
             "Lines of the log beyond what its queue holds");
  out.sample({}, runtime::log_lines_lost());
  out.family("duolog_janitor_queued", kGauge, "Jobs that wait for a janitor thread");
  out.sample({}, door.shard().runtime().janitor().queued());
  out.family("duolog_worker_queued", kGauge, "Jobs that wait for a worker thread");
  out.sample({}, door.shard().runtime().workers().queued());
  out.family("duolog_long_worker_queued", kGauge,
             "Jobs that wait for the worker that takes those which are too long for the others");
  out.sample({}, door.shard().runtime().long_worker().queued());
}

template <class Value>
void partition_family(MetricsText& out, const TopicListing& listing, std::string_view name,
                      std::string_view help, Value value_of) {
  out.family(name, kGauge, help);
  for (const ListedPartition& row : listing.partitions) {
    const std::string number = std::to_string(row.partition.value);
    const std::array<MetricLabel, 2> labels{{{"topic", row.topic->name}, {"partition", number}}};
    out.sample(labels, value_of(row));
  }
}

void topic_families(MetricsText& out, HttpDoor& door) {
  const broker::ClusterCounters& cluster = door.broker().cluster().counters();
  for (const auto& metric : broker::kClusterMetrics) {
    family(out, metric.type, metric.name, metric.help);
    out.sample({}, (cluster.*metric.counter).get());
  }
  out.family("duolog_topics", kGauge, "Topics, internal ones too");
  out.sample({}, door.broker().topics().size());
  const TopicListing listing = list_topics(door.broker(), door.settings().max_listed_partitions);
  out.family("duolog_partitions_left_out", kGauge,
             "Partitions without series of their own here, beyond http-max-listed-partitions");
  out.sample({}, listing.left_out);
  partition_family(out, listing, "duolog_partition_start_offset", "Offset of the first record",
                   [](auto& row) { return static_cast<std::uint64_t>(row.start.value); });
  partition_family(out, listing, "duolog_partition_end_offset",
                   "Offset behind the last record that consumers see",
                   [](auto& row) { return static_cast<std::uint64_t>(row.end.offset.value); });
  partition_family(out, listing, "duolog_partition_size_bytes", "Size of the records that are kept",
                   [](auto& row) { return row.size_bytes; });
}

}  // namespace

std::string metrics_text(HttpDoor& door) {
  MetricsText out;
  process_families(out, door);
  shard_families(out, door.view());
  topic_families(out, door);
  return out.take();
}

}  // namespace duolog::session

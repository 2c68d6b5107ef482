// duolog_load: an open-loop load tool for any server that speaks Kafka.
//
// Open loop: a record's latency counts from when it was due, not from when the client got round to
// sending it, so that a server that stalls cannot hide what it did to the records that waited.
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <sys/prctl.h>

#include "bench/load/disk_floor.h"
#include "bench/load/kafka_clients.h"
#include "bench/load/process_usage.h"
#include "bench/load/sleep.h"
#include "engine/base/clock.h"
#include "engine/base/histogram.h"

namespace duolog::load {
namespace {

struct Options {
  Settings kafka;
  std::string mode = "latency";
  double rate = 1000;
  double seconds = 10;
  double warmup_s = 2;
  std::size_t size_bytes = 1024;
  std::uint64_t bulk_mib = 1024;
  int server_pid = 0;
  bool text = false;
  std::string directory = ".";
};

// A value that does not compress, so that what is measured is what a codec cannot help; or one that
// compresses to about half, for measuring what a codec costs.
std::vector<std::uint8_t> noise(std::size_t size_bytes, bool text) {
  std::vector<std::uint8_t> bytes(size_bytes);
  std::uint64_t state = 88172645463325252ULL;
  for (auto& byte : bytes) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    byte = static_cast<std::uint8_t>(text ? 'a' + state % 16 : state);
  }
  return bytes;
}

void print_server(const Options& options, const ProcessUsage& before, std::uint64_t records) {
  if (options.server_pid == 0) return;
  const ProcessUsage after = usage_of(options.server_pid);
  fmt::print("server: {:.2f} us CPU a record, resident {} MiB ({} MiB anonymous, peak {} MiB)\n",
             (after.cpu_s - before.cpu_s) * 1e6 / static_cast<double>(records),
             after.rss_kib / 1024, after.anon_kib / 1024, after.peak_kib / 1024);
}

int run_latency(const Options& options) {
  const auto total =
      static_cast<std::uint64_t>(options.rate * (options.seconds + options.warmup_s));
  const auto warmup = static_cast<std::uint64_t>(options.rate * options.warmup_s);
  Producer producer(options.kafka, 0);
  Consumer consumer(options.kafka, Consumer::From::kBeginning);
  Histogram latency;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> arrived{0};
  const double interval_ns = 1e9 / options.rate;
  const std::uint64_t start_ns = monotonic_ns() + 500'000'000;  // the clients connect meanwhile
  const auto due_of = [&](std::uint64_t i) {
    return start_ns + static_cast<std::uint64_t>(static_cast<double>(i) * interval_ns);
  };

  std::thread reader([&] {
    while (!stop.load() && arrived.load() < total) {
      consumer.poll(100, [&](const void* value, std::size_t) {
        std::uint64_t due_ns = 0;
        std::memcpy(&due_ns, value, sizeof due_ns);
        if (due_ns >= due_of(warmup)) latency.add(monotonic_ns() - due_ns);
        arrived.fetch_add(1);
      });
    }
  });

  prctl(PR_SET_TIMERSLACK, 1UL);
  std::vector<std::uint8_t> value = noise(options.size_bytes, options.text);
  ProcessUsage before;
  for (std::uint64_t i = 0; i < total; ++i) {
    const std::uint64_t due_ns = due_of(i);
    if (monotonic_ns() < due_ns) sleep_until(due_ns);
    if (i == warmup) before = usage_of(options.server_pid);
    std::memcpy(value.data(), &due_ns, sizeof due_ns);
    producer.send(
        static_cast<std::int32_t>(i % static_cast<std::uint64_t>(options.kafka.partitions)),
        value.data(), value.size());
    producer.poll();
  }
  print_server(options, before, total - warmup);
  producer.flush();
  const std::uint64_t give_up_ns = monotonic_ns() + 30'000'000'000;
  while (arrived.load() < total && monotonic_ns() < give_up_ns)
    sleep_until(monotonic_ns() + 1'000'000);
  stop.store(true);
  reader.join();

  const auto ms = [&](double share) {
    return static_cast<double>(latency.percentile(share)) / 1e6;
  };
  fmt::print(
      "end to end at {}/s, {} B, acks={}: p50 {:.3f} ms, p90 {:.3f}, p99 {:.3f}, p99.9 {:.3f}, "
      "max {:.3f}; {} of {} arrived, {} failed\n",
      options.rate, options.size_bytes, options.kafka.acks, ms(0.5), ms(0.9), ms(0.99), ms(0.999),
      static_cast<double>(latency.max()) / 1e6, arrived.load(), total, producer.failed());
  return arrived.load() == total && producer.failed() == 0 ? 0 : 1;
}

void print_rate(const char* what, std::uint64_t bytes, std::uint64_t records, std::uint64_t ns) {
  const double seconds = static_cast<double>(ns) / 1e9;
  fmt::print("{}: {:.0f} MB/s, {:.0f} records/s\n", what,
             static_cast<double>(bytes) / 1e6 / seconds, static_cast<double>(records) / seconds);
}

int run_bulk(const Options& options) {
  const std::uint64_t bytes = options.bulk_mib << 20;
  const std::uint64_t records = bytes / options.size_bytes;
  const std::vector<std::uint8_t> value = noise(options.size_bytes, options.text);
  Producer producer(options.kafka, 1'000'000);
  ProcessUsage before = usage_of(options.server_pid);
  std::uint64_t began_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < records; ++i) {
    producer.send(
        static_cast<std::int32_t>(i % static_cast<std::uint64_t>(options.kafka.partitions)),
        value.data(), value.size());
    if (i % 1024 == 0) producer.poll();
  }
  producer.flush();
  print_rate("bulk produce, answered", bytes, records, monotonic_ns() - began_ns);
  print_server(options, before, records);
  if (producer.failed() > 0) return 1;

  before = usage_of(options.server_pid);
  Consumer consumer(options.kafka, Consumer::From::kBeginning);
  std::uint64_t seen = 0;
  began_ns = monotonic_ns();
  const std::uint64_t give_up_ns = began_ns + 120'000'000'000;
  while (seen < records && monotonic_ns() < give_up_ns) {
    seen += consumer.poll(100, [](const void*, std::size_t) {});
  }
  print_rate("bulk consume", seen * options.size_bytes, seen, monotonic_ns() - began_ns);
  print_server(options, before, seen);
  return seen == records ? 0 : 1;
}

int run_disk(const Options& options) {
  const auto count = static_cast<std::uint64_t>(options.rate * options.seconds);
  const Histogram took = small_durable_writes(options.directory, count,
                                              static_cast<std::uint64_t>(1e9 / options.rate));
  const auto us = [&](double share) { return static_cast<double>(took.percentile(share)) / 1e3; };
  fmt::print("disk, 4 KiB durable writes at {}/s: p50 {:.0f} us, p99 {:.0f}, p99.9 {:.0f}\n",
             options.rate, us(0.5), us(0.99), us(0.999));
  const std::uint64_t bytes = options.bulk_mib << 20;
  const std::uint64_t took_ns = bulk_durable_writes(options.directory, bytes);
  fmt::print("disk, 2 MiB durable writes one after another: {:.0f} MB/s\n",
             static_cast<double>(bytes) / 1e6 / (static_cast<double>(took_ns) / 1e9));
  return 0;
}

int run(const Options& options) {
  if (options.mode == "disk") return run_disk(options);
  create_topic(options.kafka);
  return options.mode == "bulk" ? run_bulk(options) : run_latency(options);
}

}  // namespace
}  // namespace duolog::load

int main(int argc, char** argv) {
  duolog::load::Options options;
  options.kafka.topic = "load-" + std::to_string(duolog::wall_clock().value);
  CLI::App app("Open-loop load for a Kafka server; latency counts from when a record was due.");
  app.add_option("mode", options.mode, "latency, bulk, or disk: the baseline, without a server")
      ->check(CLI::IsMember({"latency", "bulk", "disk"}));
  app.add_option("--kafka", options.kafka.brokers, "HOST:PORT")->capture_default_str();
  app.add_option("--topic", options.kafka.topic, "created; a new name by default");
  app.add_option("--partitions", options.kafka.partitions)->capture_default_str();
  app.add_option("--acks", options.kafka.acks)->capture_default_str();
  app.add_option("--linger-ms", options.kafka.linger_ms)->capture_default_str();
  app.add_option("--codec", options.kafka.codec)->capture_default_str();
  app.add_flag("--text", options.text, "values that a codec makes smaller");
  app.add_option("--rate", options.rate, "records a second (latency)")->capture_default_str();
  app.add_option("--seconds", options.seconds, "measured (latency)")->capture_default_str();
  app.add_option("--warmup", options.warmup_s, "seconds before that")->capture_default_str();
  app.add_option("--size", options.size_bytes, "bytes of a record's value")
      ->capture_default_str()
      ->check(CLI::Range(8, 1 << 20));
  app.add_option("--bulk-mib", options.bulk_mib, "MiB to produce and consume (bulk)")
      ->capture_default_str();
  app.add_option("--server-pid", options.server_pid, "whose CPU and memory to report");
  app.add_option("--dir", options.directory, "where the server's data is (disk)")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const auto before = duolog::load::machine_time();
    const int status = duolog::load::run(options);
    duolog::load::print_stolen(before);
    return status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "duolog_load: {}\n", error.what());
    return 1;
  }
}

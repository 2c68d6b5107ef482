#include "bench/push/fanout.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include <fmt/core.h>

#include "bench/load/process_usage.h"
#include "bench/load/sleep.h"
#include "bench/push/readers.h"
#include "engine/base/clock.h"

namespace duolog::load {
namespace {

constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::uint64_t kGiveUpNs = 60 * kNsPerS;
constexpr std::size_t kBacklogBytes = 8U << 20;  // more than a connection takes unread
constexpr std::size_t kBacklogRecordBytes = 8192;
constexpr std::array<double, 4> kShares{0.5, 0.9, 0.99, 0.999};

void wait_ms(std::uint64_t ms) { sleep_until(monotonic_ns() + ms * 1'000'000); }

template <class Condition>
void wait_until(Condition condition, const char* what) {
  const std::uint64_t give_up_ns = monotonic_ns() + kGiveUpNs;
  while (!condition()) {
    if (monotonic_ns() > give_up_ns) throw std::runtime_error(fmt::format("waited for {}", what));
    wait_ms(1);
  }
}

double mib(std::uint64_t kib) { return static_cast<double>(kib) / 1024; }

// What the subscribers that do not read do: those of a stalled phase have a backlog before them and
// take none of it, those of the other phase wait at a topic where nothing happens. So both phases
// have the same connections and the same deliveries.
class Others {
 public:
  Others(const PushOptions& options, bool stalled) {
    PushTarget target = options.push;
    target.receive_buffer = options.stalled_buffer;
    target.from = stalled ? "earliest" : "latest";
    if (!stalled) target.topic += "-quiet";
    for (std::size_t i = 0; i < options.stalled; ++i) all_.emplace_back(target);
    if (!stalled) return;
    wait_until([&] { return std::ranges::all_of(all_, &Subscriber::has_unread); },
               "stalled subscribers to have something to read");
    wait_ms(500);  // for the kernel to take what it takes
  }
  // The server closes what gives no sign of life.
  void stay_alive() const {
    for (const Subscriber& other : all_) other.send_pong({});
  }
  [[nodiscard]] std::size_t ended() const {
    return static_cast<std::size_t>(std::ranges::count_if(all_, &Subscriber::ended));
  }

 private:
  std::vector<Subscriber> all_;
};

struct Phase {
  std::array<double, kShares.size()> late_ms{};
  double deliveries_per_s = 0;
  double server_cpu = 0;  // cores
  double reader_cpu = 0;
  std::uint64_t rss_before_kib = 0;
  std::uint64_t rss_most_kib = 0;
  std::uint64_t rss_after_kib = 0;
};

// Publishes at the rate, due time after due time, and waits until every reader has everything.
Phase run_phase(const PushOptions& options, bool stalled, Readers& readers, Producer& producer) {
  const Others others(options, stalled);
  const auto total =
      static_cast<std::uint64_t>(options.rate * (options.warmup_s + options.seconds));
  const auto warmup = static_cast<std::uint64_t>(options.rate * options.warmup_s);
  const std::uint64_t start_ns = monotonic_ns() + kNsPerS / 10;
  const auto due_of = [&](std::uint64_t i) {
    return start_ns + static_cast<std::uint64_t>(static_cast<double>(i * kNsPerS) / options.rate);
  };
  std::string value(options.size_bytes, '.');
  readers.begin(due_of(warmup));
  const ProcessUsage before = usage_of(options.server_pid);
  std::uint64_t most_kib = before.rss_kib;
  std::uint64_t next_look_ns = start_ns;
  for (std::uint64_t i = 0; i < total; ++i) {
    if (monotonic_ns() < due_of(i)) sleep_until(due_of(i));
    write_stamp(due_of(i), value.data());
    producer.send(0, value.data(), value.size());
    producer.poll();
    if (monotonic_ns() < next_look_ns) continue;
    next_look_ns += kNsPerS;
    most_kib = std::max(most_kib, usage_of(options.server_pid).rss_kib);
    others.stay_alive();
  }
  producer.flush();
  const std::uint64_t expected = total * readers.size();
  const std::uint64_t give_up_ns = monotonic_ns() + kGiveUpNs;
  while (readers.arrived() < expected && monotonic_ns() < give_up_ns) wait_ms(1);

  const ProcessUsage after = usage_of(options.server_pid);
  const Readers::Measured seen = readers.measured();
  const double took_s = static_cast<double>(seen.last_ns - start_ns) / 1e9;
  Phase phase{.deliveries_per_s = static_cast<double>(seen.late_ns.count()) * 1e9 /
                                  static_cast<double>(seen.last_ns - due_of(warmup)),
              .server_cpu = (after.cpu_s - before.cpu_s) / took_s,
              .reader_cpu = seen.cpu_s / took_s,
              .rss_before_kib = before.rss_kib,
              .rss_most_kib = std::max(most_kib, after.rss_kib),
              .rss_after_kib = after.rss_kib};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    phase.late_ms[i] = static_cast<double>(seen.late_ns.percentile(kShares[i])) / 1e6;
  }
  fmt::print(
      "{}: {:.0f} deliveries/s, p50 {:.2f} ms, p90 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, max {:.2f}; "
      "cores: server {:.2f}, readers {:.2f}; resident before {:.1f} MiB, most {:.1f}, after "
      "{:.1f}\n",
      stalled ? "with stalled   " : "without stalled", phase.deliveries_per_s, phase.late_ms[0],
      phase.late_ms[1], phase.late_ms[2], phase.late_ms[3],
      static_cast<double>(seen.late_ns.max()) / 1e6, phase.server_cpu, phase.reader_cpu,
      mib(phase.rss_before_kib), mib(phase.rss_most_kib), mib(phase.rss_after_kib));
  std::fflush(stdout);
  if (seen.fewest != total || seen.most != total || seen.closed > 0 || producer.failed() > 0) {
    throw std::runtime_error(fmt::format(
        "of {} records the readers received {} to {}; {} were disconnected, {} records refused",
        total, seen.fewest, seen.most, seen.closed, producer.failed()));
  }
  if (const std::size_t ended = others.ended(); ended > 0) {
    fmt::print("  {} of those that do not read were disconnected meanwhile\n", ended);
  }
  return phase;
}

std::uint64_t growth(const Phase& phase) { return phase.rss_most_kib - phase.rss_before_kib; }

double median(std::vector<Phase>& phases, const auto& of) {
  std::ranges::sort(phases, {}, of);
  const std::size_t half = phases.size() / 2;
  const double upper = of(phases[half]);
  return phases.size() % 2 == 1 ? upper : (of(phases[half - 1]) + upper) / 2;
}

void print_medians(const char* name, std::vector<Phase>& phases) {
  std::array<double, kShares.size()> ms{};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    ms[i] = median(phases, [i](const Phase& phase) { return phase.late_ms[i]; });
  }
  fmt::print(
      "median of {} {}: {:.0f} deliveries/s, p50 {:.2f} ms, p90 {:.2f}, p99 {:.2f}, p99.9 {:.2f}; "
      "server grew by at most {:.1f} MiB\n",
      phases.size(), name,
      median(phases, [](const Phase& phase) { return phase.deliveries_per_s; }), ms[0], ms[1],
      ms[2], ms[3], mib(growth(std::ranges::max(phases, {}, growth))));
}

// What stalled subscribers have before them, and do not read.
void write_backlog(const PushOptions& options) {
  Producer producer(options.kafka, 0);
  const std::string value(kBacklogRecordBytes, '.');
  for (std::size_t i = 0; i < kBacklogBytes / value.size(); ++i) {
    producer.send(0, value.data(), value.size());
  }
  producer.flush();
}

}  // namespace

int run_fanout(const PushOptions& options) {
  create_topic(options.kafka);
  Settings quiet = options.kafka;
  quiet.topic += "-quiet";
  create_topic(quiet);
  if (options.stalled > 0) write_backlog(options);

  const std::size_t reading = options.subscribers - options.stalled;
  const ProcessUsage idle = usage_of(options.server_pid);
  Readers readers(reading);
  for (std::size_t i = 0; i < reading; ++i) readers.add(Subscriber(options.push));
  const ProcessUsage connected = usage_of(options.server_pid);
  fmt::print(
      "{} readers, {} that never read; {} B values at {}/s; server resident {:.1f} MiB, "
      "with the readers {:.1f}\n",
      reading, options.stalled, options.size_bytes, options.rate, mib(idle.rss_kib),
      mib(connected.rss_kib));
  Producer producer(options.kafka, 0);
  std::vector<Phase> with;
  std::vector<Phase> without;
  for (int round = 0; round < options.rounds; ++round) {
    // In turns, and every other round the other way round: what drifts falls on both.
    for (const bool stalled : {round % 2 != 0, round % 2 == 0}) {
      if (stalled && options.stalled == 0) continue;
      (stalled ? with : without).push_back(run_phase(options, stalled, readers, producer));
    }
  }
  print_medians("without stalled", without);
  if (with.empty()) return 0;
  print_medians("with stalled", with);
  const auto p99 = [](const Phase& phase) { return phase.late_ms[2]; };
  fmt::print("p99 with stalled / without: {:.2f}\n", median(with, p99) / median(without, p99));
  return 0;
}

int run_idle(const PushOptions& options) {
  create_topic(options.kafka);
  const ProcessUsage before = usage_of(options.server_pid);
  const std::uint64_t anonymous_kib = anonymous_of(options.server_pid);
  const std::uint64_t kernel_kib = tcp_memory_kib();
  Readers readers(options.subscribers);
  const std::uint64_t began_ns = monotonic_ns();
  for (std::size_t i = 0; i < options.subscribers; ++i) readers.add(Subscriber(options.push));
  const double took_s = static_cast<double>(monotonic_ns() - began_ns) / 1e9;
  fmt::print("{} connections, {:.0f}/s; server resident {:.1f} MiB before\n", options.subscribers,
             static_cast<double>(options.subscribers) / took_s, mib(before.rss_kib));
  const auto print = [&](const char* when) {
    const ProcessUsage now = usage_of(options.server_pid);
    const auto each = [&](std::uint64_t now_kib, std::uint64_t before_kib) {
      return (static_cast<double>(now_kib) - static_cast<double>(before_kib)) * 1024 /
             static_cast<double>(options.subscribers);
    };
    fmt::print(
        "{}: resident {:.1f} MiB: {:.0f} B a connection, {:.0f} B of it anonymous; TCP "
        "buffers of the machine {:.0f} B\n",
        when, mib(now.rss_kib), each(now.rss_kib, before.rss_kib),
        each(anonymous_of(options.server_pid), anonymous_kib), each(tcp_memory_kib(), kernel_kib));
  };
  print("connected");
  readers.begin(0);
  const ProcessUsage connected = usage_of(options.server_pid);
  wait_ms(static_cast<std::uint64_t>(options.seconds * 1000));
  print(fmt::format("after {:.0f} s", options.seconds).c_str());
  fmt::print("server CPU meanwhile {:.1f} %\n",
             (usage_of(options.server_pid).cpu_s - connected.cpu_s) / options.seconds * 100);
  if (const std::uint64_t closed = readers.measured().closed; closed > 0) {
    throw std::runtime_error(fmt::format("{} connections were closed", closed));
  }
  return 0;
}

}  // namespace duolog::load

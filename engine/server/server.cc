#include "engine/server/server.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/base/version.h"
#include "engine/broker/cluster.h"
#include "engine/runtime/capabilities.h"
#include "engine/runtime/listener.h"
#include "engine/runtime/log.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/server/doors.h"

namespace duolog::server {
namespace {

constexpr int kStopped = 0;
constexpr int kFailed = 1;
constexpr int kCannotStart = 2;

// After a kill the kernel takes a moment to close what the rings of the last server held, its
// listening sockets among them.
constexpr auto kPortWait = std::chrono::seconds(5);
constexpr auto kPortRetry = std::chrono::milliseconds(10);

int refuse(const Error& error) {
  std::fprintf(stderr, "duolog: %s\n", error.message.c_str());
  return kCannotStart;
}

// As listen_on, and patient with a port that is about to be free.
Result<runtime::ListeningSocket> listen_when_free(const HostPort& where) {
  const auto until = std::chrono::steady_clock::now() + kPortWait;
  auto socket = runtime::listen_on(where.host, where.port);
  if (!socket && socket.error().code == Errc::kBusy) {
    runtime::log_info(fmt::format("waiting for {} to be free", to_string(where)));
  }
  while (!socket && socket.error().code == Errc::kBusy &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPortRetry);
    socket = runtime::listen_on(where.host, where.port);
  }
  return socket;
}

// What the broker does not know itself, by Kafka's keys.
std::map<std::string, std::string, std::less<>> broker_settings(const Config& config) {
  constexpr std::string_view kPlaintext = "PLAINTEXT://";
  const auto text = [](auto number) { return std::to_string(number); };
  return {{"advertised.listeners",
           std::string(kPlaintext) + to_string(config.advertise.value_or(config.kafka))},
          {"connections.max.idle.ms", text(config.connections_max_idle_ms)},
          {"group.initial.rebalance.delay.ms", text(config.group_initial_rebalance_delay_ms)},
          {"group.max.session.timeout.ms", text(config.group_max_session_timeout_ms)},
          {"group.max.size", text(config.group_max_size)},
          {"group.min.session.timeout.ms", text(config.group_min_session_timeout_ms)},
          {"listeners", std::string(kPlaintext) + to_string(config.kafka)},
          {"log.dirs", config.data_dir},
          {"max.connections", text(config.max_connections)},
          {"offset.metadata.max.bytes", text(config.offset_metadata_max_bytes)},
          {"offsets.retention.check.interval.ms", text(config.offsets_retention_check_interval_ms)},
          {"offsets.retention.minutes", text(config.offsets_retention_minutes)},
          {"offsets.topic.num.partitions", text(config.offsets_topic_num_partitions)},
          {"producer.id.expiration.ms", text(config.producer_id_expiration_ms)},
          {"socket.request.max.bytes", text(config.socket_request_max_bytes)}};
}

broker::Options broker_options(const Config& config) {
  broker::Options options;
  options.broker_settings = broker_settings(config);
  options.auto_create_topics = config.auto_create_topics;
  options.num_partitions = static_cast<std::int32_t>(config.num_partitions);
  options.offsets_topic_partitions = static_cast<std::int32_t>(config.offsets_topic_num_partitions);
  options.topic_defaults.max_message_bytes = static_cast<std::uint32_t>(config.message_max_bytes);
  options.topic_defaults.log.segment_bytes = config.segment_bytes;
  options.topic_defaults.log.segment_ms = static_cast<std::int64_t>(config.segment_ms);
  if (config.retention_ms > 0) {
    options.topic_defaults.log.retention_ms = static_cast<std::int64_t>(config.retention_ms);
  } else {
    options.topic_defaults.log.retention_ms = -1;
  }
  if (config.retention_bytes > 0) {
    options.topic_defaults.log.retention_bytes = static_cast<std::int64_t>(config.retention_bytes);
  }
  options.retention_check_interval_ms = config.log_retention_check_interval_ms;
  options.max_topics = config.max_topics;
  options.max_partitions = config.max_partitions;
  options.store.producers.expiration_ms =
      static_cast<std::int64_t>(config.producer_id_expiration_ms);
  options.store.producers.max_producers = config.max_producers;
  options.max_partitions_per_topic = static_cast<std::int32_t>(config.max_partitions_per_topic);
  options.store.tail_budget_bytes = config.tail_memory_bytes;
  options.store.journal_file_bytes = config.journal_min_bytes / 2;
  options.store.journal_max_bytes = config.journal_max_bytes;
  if (config.advertise) {
    options.advertised_host = config.advertise->host;
    options.advertised_port = config.advertise->port;
  }
  return options;
}

runtime::Settings runtime_settings(const Config& config) {
  runtime::Settings settings;
  settings.shards = config.shards;
  settings.spin_us = config.busy_poll_us;
  switch (config.busy_poll) {
    case BusyPoll::kNever:
      settings.busy_poll = runtime::BusyPoll::kNever;
      break;
    case BusyPoll::kAdaptive:
      settings.busy_poll = runtime::BusyPoll::kAdaptive;
      break;
    case BusyPoll::kAlways:
      settings.busy_poll = runtime::BusyPoll::kAlways;
      break;
  }
  return settings;
}

// SIGTERM and SIGINT, as a descriptor to wait on; blocked in every thread from here on.
Result<int> stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int descriptor = signalfd(-1, &set, SFD_CLOEXEC);
  if (descriptor < 0) return fail_errno(Errc::kIo, "signalfd", errno);
  return descriptor;
}

runtime::LogLevel log_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
    case LogLevel::kDebug:
      return runtime::LogLevel::kDebug;
    case LogLevel::kInfo:
      return runtime::LogLevel::kInfo;
    case LogLevel::kWarning:
      return runtime::LogLevel::kWarn;
    case LogLevel::kError:
      return runtime::LogLevel::kError;
    case LogLevel::kOff:
      return runtime::LogLevel::kOff;
  }
  return runtime::LogLevel::kInfo;
}

void log_recovery(const broker::Cluster& cluster) {
  const storage::RecoveryReport& report = cluster.report();
  runtime::log_info(fmt::format(
      "recovered {} partitions: {} journal groups, {} bytes redone, {} walked, {} unacknowledged "
      "bytes cut off; leader epoch {}",
      report.logs.size(), report.groups, report.redone_bytes, report.walked_bytes, report.cut_bytes,
      cluster.leader_epoch().value));
}

// A disk that failed once cannot be trusted with what it had cached: the process stops, and what
// was acknowledged is in the journal.
[[noreturn]] void stop_at_once(const Error& error) {
  runtime::log_error(fmt::format(
      "the disk failed: {}; stopping, so that nothing is acknowledged that may be lost; check the "
      "device, then start again",
      error.message));
  runtime::flush_log();
  std::_Exit(kFailed);
}

}  // namespace

int serve(const Config& config) {
  const auto signals = stop_signals();
  if (!signals) return refuse(signals.error());
  runtime::set_log_level(log_level(config.log_level));
  runtime::log_info(fmt::format("duolog {} ({})", version(), commit()));

  auto descriptors = runtime::raise_descriptor_limit();
  if (!descriptors) return refuse(descriptors.error());
  auto capabilities = runtime::probe_capabilities();
  if (!capabilities) return refuse(capabilities.error());
  auto kafka_socket = listen_when_free(config.kafka);
  if (!kafka_socket) return refuse(kafka_socket.error());
  auto http_socket = listen_when_free(config.http);
  if (!http_socket) return refuse(http_socket.error());

  runtime::PosixFiles files;
  std::unique_ptr<runtime::Runtime> runtime;  // outlives the brokers, which use its shards
  auto cluster = broker::Cluster::open(files, config.data_dir, broker_options(config));
  if (!cluster) return refuse(cluster.error());
  (*cluster)->on_failure = stop_at_once;
  auto direct = runtime::direct_supported(config.data_dir);
  if (!direct) return refuse(direct.error());
  capabilities->direct_io = *direct;
  capabilities->descriptors = *descriptors;
  runtime::log_info(capabilities->describe());
  log_recovery(**cluster);

  runtime::Settings settings = runtime_settings(config);
  settings.shards = runtime::shards_wanted(settings);
  (*cluster)->prepare(settings.shards);
  Doors doors(**cluster, config, settings.shards);
  auto started = runtime::Runtime::start(
      settings, {.start = [&](runtime::Shard& shard) { return doors.start(shard); },
                 .stop = [&](runtime::Shard& shard) { doors.stop(shard); }});
  if (!started) return refuse(started.error());
  runtime = std::move(*started);
  doors.open(*runtime, *kafka_socket, *http_socket);
  const HostPort kafka{config.kafka.host, kafka_socket->port};
  const HostPort http{config.http.host, http_socket->port};
  fmt::print("duolog is ready: kafka {} http {}\n", to_string(kafka), to_string(http));
  std::fflush(stdout);

  signalfd_siginfo signal{};
  while (read(*signals, &signal, sizeof signal) != sizeof signal) {
  }
  runtime::log_info(
      "stopping: answering what is under way, then writing everything to its segment");
  runtime->stop();
  runtime::log_info("stopped");
  runtime::flush_log();
  return kStopped;
}

}  // namespace duolog::server

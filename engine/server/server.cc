#include "engine/server/server.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/version.h"
#include "engine/broker/cluster.h"
#include "engine/runtime/capabilities.h"
#include "engine/runtime/listener.h"
#include "engine/runtime/log.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/server/broker_settings.h"
#include "engine/server/disk_watch.h"
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

// As listen_on, and patient with a port that is about to be free. `option` chooses another.
Result<runtime::ListeningSocket> listen_when_free(const HostPort& where, const char* option) {
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
  if (socket) return socket;
  const char* cause =
      socket.error().code == Errc::kBusy ? "stop the program that uses it, or " : "";
  return fail(socket.error().code, fmt::format("{}; {}choose another address with {} HOST:PORT",
                                               socket.error().message, cause, option));
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

// We make it for ourselves alone; one that was there is as whoever made it wants it.
void warn_of_readers(const std::string& directory) {
  struct stat about{};
  if (stat(directory.c_str(), &about) != 0 || (about.st_mode & 077) == 0) return;
  runtime::log_warn(
      fmt::format("{}: other users of this machine may read it (mode {:04o}); unless that is "
                  "meant, chmod 700 it",
                  directory, about.st_mode & 07777));
}

void log_recovery(const broker::Cluster& cluster) {
  const storage::RecoveryReport& report = cluster.report();
  runtime::log_info(
      fmt::format("recovered {} partitions, {} as a clean stop left them: {} journal groups, {} "
                  "bytes redone, {} walked, {} unacknowledged "
                  "bytes cut off; leader epoch {}",
                  report.logs.size(), report.settled, report.groups, report.redone_bytes,
                  report.walked_bytes, report.cut_bytes, cluster.leader_epoch().value));
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
  runtime::set_log_level(config.log_level);
  runtime::log_info(fmt::format("duolog {} ({})", version(), commit()));

  auto descriptors = runtime::raise_descriptor_limit();
  if (!descriptors) return refuse(descriptors.error());
  auto capabilities = runtime::probe_capabilities();
  if (!capabilities) return refuse(capabilities.error());
  auto kafka_socket = listen_when_free(config.kafka_address, "--kafka");
  if (!kafka_socket) return refuse(kafka_socket.error());
  auto http_socket = listen_when_free(config.http_address, "--http");
  if (!http_socket) return refuse(http_socket.error());

  runtime::PosixFiles files;
  std::unique_ptr<runtime::Runtime> runtime;  // outlives the brokers, which use its shards
  broker::Options options = config.broker;
  options.broker_settings = broker_settings(config);
  auto cluster = broker::Cluster::open(files, config.data_dir, std::move(options));
  if (!cluster) return refuse(cluster.error());
  if (config.advertise) {
    (*cluster)->set_advertised(config.advertise->host, config.advertise->port);
  }
  (*cluster)->on_failure = stop_at_once;
  DiskWatch disk_watch((*cluster)->writing(), config.data_dir);
  warn_of_readers(config.data_dir);
  auto direct = runtime::direct_supported(config.data_dir);
  if (!direct) return refuse(direct.error());
  capabilities->direct_io = *direct;
  capabilities->descriptors = *descriptors;
  runtime::log_info(capabilities->describe());
  log_recovery(**cluster);

  runtime::Settings settings = config.runtime;
  settings.shards = runtime::shards_wanted(settings);
  (*cluster)->prepare(settings.shards);
  Doors doors(**cluster, config, settings.shards);
  auto started = runtime::Runtime::start(
      settings, {.start = [&](runtime::Shard& shard) { return doors.start(shard); },
                 .stop = [&](runtime::Shard& shard) { doors.stop(shard); }});
  if (!started) return refuse(started.error());
  runtime = std::move(*started);
  doors.open(*runtime, *kafka_socket, *http_socket);
  const HostPort kafka{config.kafka_address.host, kafka_socket->port};
  const HostPort http{config.http_address.host, http_socket->port};
  fmt::print("duolog is ready: kafka {} http {}\n", to_string(kafka), to_string(http));
  std::fflush(stdout);

  signalfd_siginfo signal{};
  do {
    disk_watch.wait_for(*signals);
  } while (read(*signals, &signal, sizeof signal) != sizeof signal);
  runtime::log_info(
      "stopping: answering what is under way, then writing everything to its segment");
  runtime->stop();
  runtime::log_info("stopped");
  runtime::flush_log();
  return kStopped;
}

}  // namespace duolog::server

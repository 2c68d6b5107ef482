#include "tests/sim/server/machine.h"

#include <utility>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/broker/cluster.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/server/broker_settings.h"
#include "engine/server/doors.h"
#include "tests/sim/sim_server.h"

namespace duolog::sim {

namespace {

constexpr std::uint64_t kMaxFileBytes = 4 * storage::kGiB;

}  // namespace

server::Config small_config(std::size_t shards) {
  server::Config config;
  config.data_dir = "/data";
  config.runtime.shards = shards;
  config.runtime.ring = {.submission_entries = 16, .completion_entries = 32};
  config.runtime.buffers = {.count = 8, .size_bytes = 4096};
  config.runtime.mailbox_credits = 4;
  config.runtime.disk_operations = 4;
  config.broker.offsets_topic_partitions = 2;
  config.broker.store = small_options();
  config.broker.topic_defaults.log.segment_bytes = 64 * storage::kKiB;
  config.broker.retention_check_interval_ms = 1'000;
  config.groups.rewrite_bytes = 8 * storage::kKiB;
  config.groups.rewrite_ratio = 2;
  config.groups.members.initial_rebalance_delay_ms = 50;
  config.groups.members.min_session_timeout_ms = 100;
  config.kafka.read_timeout_ms = 5'000;
  config.kafka.write_timeout_ms = 5'000;
  config.kafka.max_idle_ms = 20'000;
  return config;
}

// In the order in which serve() makes them.
struct Machine::Server {
  runtime::PosixFiles files;
  std::unique_ptr<runtime::Runtime> runtime;
  std::unique_ptr<broker::Cluster> cluster;
  std::unique_ptr<server::Doors> doors;
};

Machine::Machine(std::uint64_t seed, const KernelSettings& settings)
    : kernel_(seed, settings), files_(std::make_unique<SimFiles>(kMaxFileBytes)) {
  kernel_.set_files(*files_);
}

Machine::~Machine() { CHECK(!up()); }

Result<void> Machine::start(const server::Config& config) {
  CHECK(!up());
  failure_.reset();
  idle_ = false;
  kernel_.note("the server starts");
  server_ = std::make_unique<Server>();
  Server& it = *server_;
  broker::Options options = config.broker;
  options.broker_settings = server::broker_settings(config);
  auto cluster = broker::Cluster::open(it.files, config.data_dir, std::move(options));
  if (!cluster) {
    server_.reset();
    return std::unexpected(cluster.error());
  }
  it.cluster = std::move(*cluster);
  it.cluster->on_failure = [this](const Error& error) {
    kernel_.log("the server gives up: " + error.message);
    failure_ = error;
    throw ServerEnded{};
  };
  const std::size_t shards = config.runtime.shards;
  it.cluster->prepare(shards);
  it.doors = std::make_unique<server::Doors>(*it.cluster, config, shards);
  auto runtime = runtime::Runtime::start(
      config.runtime, {.start = [&it](runtime::Shard& shard) { return it.doors->start(shard); },
                       .stop = [&it](runtime::Shard& shard) { it.doors->stop(shard); }});
  if (!runtime) return std::unexpected(runtime.error());
  it.runtime = std::move(*runtime);
  if (files_->stopped()) throw MachineStopped{};
  if (auto error = kernel_.take_start_error()) return std::unexpected(std::move(*error));
  it.doors->open(*it.runtime, {kernel_.listen(kKafkaPort), kKafkaPort},
                 {kernel_.listen(kHttpPort), kHttpPort});
  kernel_.note("the server is ready");
  return {};
}

bool Machine::step() {
  try {
    idle_ = !kernel_.step();
    return true;
  } catch (const MachineStopped&) {
    kernel_.note("the machine stops");
  } catch (const ServerEnded&) {
  }
  return false;
}

std::size_t Machine::offline() const { return server_->cluster->report().offline.size(); }

void Machine::tell_of_room() {
  if (up() && server_->cluster != nullptr) server_->cluster->writing().room();
}

void Machine::kill(CrashPolicy policy) {
  kernel_.note(fmt::format("the server is killed; policy {}", std::to_underlying(policy)));
  files_->stop();
  // What it had refers to itself and to the kernel's; a kill frees nothing in order.
  (void)server_.release();
  kernel_.power_off();
  auto after = files_->reboot(policy, kernel_.random());
  files_ = std::move(after);
  kernel_.set_files(*files_);
}

bool Machine::stop() {
  CHECK(up());
  kernel_.note("the server is to stop");
  try {
    server_->runtime->stop();
    // Brokers use shards, doors use brokers.
    server_->doors.reset();
    server_->cluster.reset();
    server_.reset();
  } catch (const MachineStopped&) {
    return false;
  } catch (const ServerEnded&) {
    return false;
  }
  kernel_.note("the server has stopped");
  return true;
}

}  // namespace duolog::sim

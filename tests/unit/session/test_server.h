// A server for tests: shards, brokers and the Kafka door on a data directory of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "engine/broker/cluster.h"
#include "engine/groups/group_coordinators.h"
#include "engine/runtime/listener.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "engine/server/broker_settings.h"
#include "engine/session/kafka/sessions.h"
#include "tests/unit/turn_time.h"

namespace duolog::session {

struct TestServerOptions {
  std::size_t shards = 1;
  std::uint32_t turn_us = tested_turn_us();
  broker::Options broker = small_broker();
  KafkaSettings kafka;
  groups::GroupSettings groups;

  // Small files and little memory, so that tests start fast and reach the limits.
  static broker::Options small_broker() {
    broker::Options options;
    options.store.tail_budget_bytes = 8 * storage::kMiB;
    options.store.journal_min_bytes = 2 * storage::kMiB;
    return options;
  }
};

inline TestServerOptions with_shards(std::size_t shards) {
  TestServerOptions options;
  options.shards = shards;
  return options;
}

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {}) : options_(std::move(options)) {
    char name[] = "/tmp/duolog-session-XXXXXX";
    directory_ = std::string(mkdtemp(name)) + "/data";
    start();
  }
  ~TestServer() {
    stop();
    std::filesystem::remove_all(std::filesystem::path(directory_).parent_path());
  }

  void restart() {
    stop();
    start();
  }
  void stop() {
    if (runtime_) runtime_->stop();
    sessions_.clear();
    coordinators_.reset();
    cluster_.reset();
    runtime_.reset();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }  // of its data
  [[nodiscard]] broker::Cluster& cluster() { return *cluster_; }
  [[nodiscard]] runtime::Runtime& runtime() { return *runtime_; }
  [[nodiscard]] groups::GroupCoordinators& coordinators() { return *coordinators_; }
  // Any thread may read the counters.
  [[nodiscard]] const KafkaCounters& counters(std::size_t shard = 0) const {
    return std::as_const(*sessions_[shard]).counters();
  }
  // A counter's sum over the shards.
  template <class Pick>
  [[nodiscard]] std::uint64_t sum(Pick pick) const {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < sessions_.size(); ++i) total += pick(counters(i)).get();
    return total;
  }
  // How many segment files all partitions of a topic have.
  [[nodiscard]] std::size_t segment_files(const std::string& topic) const {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_ + "/topics")) {
      const std::string of = entry.path().parent_path().filename().string();
      if (of.starts_with(topic + "-") && entry.path().extension() == ".log") ++count;
    }
    return count;
  }
  [[nodiscard]] std::uint64_t closed(KafkaClose why) const {
    return sum([why](const KafkaCounters& c) -> const runtime::Counter& {
      return c.closed[static_cast<std::size_t>(why)];
    });
  }

 private:
  void start() {
    server::Config config;
    config.broker = options_.broker;
    config.groups = options_.groups;
    config.kafka = options_.kafka;
    config.broker.broker_settings = server::broker_settings(config);
    auto cluster = broker::Cluster::open(files_, directory_, config.broker);
    ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
    cluster_ = std::move(*cluster);
    cluster_->prepare(options_.shards);
    coordinators_ = std::make_unique<groups::GroupCoordinators>(options_.groups, options_.shards);
    sessions_.resize(options_.shards);
    runtime::Settings settings;
    settings.shards = options_.shards;
    settings.pin = false;
    settings.turn_us = options_.turn_us;
    auto runtime = runtime::Runtime::start(
        settings, {.start = [this](runtime::Shard& shard) { return start_shard(shard); },
                   .stop = [this](runtime::Shard& shard) { stop_shard(shard); }});
    ASSERT_TRUE(runtime.has_value()) << runtime.error().message;
    runtime_ = std::move(*runtime);
    auto socket = runtime::listen_on("127.0.0.1", 0);
    ASSERT_TRUE(socket.has_value()) << socket.error().message;
    port_ = socket->port;
    runtime_->run_on_and_wait(ShardId(0), [&](runtime::Shard& shard) {
      listener_ = new runtime::Listener(
          shard, *socket,
          [](runtime::Shard& here, void* context, int descriptor) {
            static_cast<TestServer*>(context)->sessions_[here.id().value]->accept(descriptor);
          },
          this);
    });
  }
  Result<void> start_shard(runtime::Shard& shard) {
    auto broker = cluster_->start_broker(shard);
    if (!broker) return std::unexpected(broker.error());
    sessions_[shard.id().value] =
        std::make_unique<KafkaSessions>(**broker, coordinators_->start(**broker), options_.kafka);
    return {};
  }
  void stop_shard(runtime::Shard& shard) {
    if (shard.id() == ShardId(0)) {
      listener_->close([](runtime::Listener& listener, void*) { delete &listener; }, nullptr);
    }
    sessions_[shard.id().value]->stop();
    coordinators_->on(shard.id()).stop();
    shard.hold();
    cluster_->broker(shard.id()).stop([&shard] { shard.release(); });
  }

  TestServerOptions options_;
  std::string directory_;
  std::uint16_t port_ = 0;
  runtime::PosixFiles files_;
  std::unique_ptr<broker::Cluster> cluster_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<groups::GroupCoordinators> coordinators_;
  std::vector<std::unique_ptr<KafkaSessions>> sessions_;
  runtime::Listener* listener_ = nullptr;
};

}  // namespace duolog::session

// A cluster on a directory of its own, with real shards, for tests above the storage.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "engine/broker/cluster.h"
#include "engine/runtime/posix_files.h"
#include "engine/runtime/runtime.h"
#include "tests/unit/turn_time.h"

namespace duolog::broker {

class TestCluster {
 public:
  // `turn_us`: runtime::Settings'.
  explicit TestCluster(std::size_t shards, Options options = small_options(),
                       std::uint32_t turn_us = tested_turn_us())
      : shards_(shards), options_(std::move(options)), turn_us_(turn_us) {
    char name[] = "/tmp/duolog-test-XXXXXX";
    directory_ = std::string(mkdtemp(name)) + "/data";
    start();
  }
  ~TestCluster() {
    stop();
    std::filesystem::remove_all(std::filesystem::path(directory_).parent_path());
  }

  // Small files and little memory, so that tests start fast and reach the limits.
  static Options small_options() {
    Options options;
    options.store.tail_budget_bytes = 8 * storage::kMiB;
    options.store.journal_min_bytes = 2 * storage::kMiB;
    return options;
  }

  void start() {
    auto cluster = Cluster::open(files_, directory_, options_);
    ASSERT_TRUE(cluster.has_value()) << cluster.error().message;
    cluster_ = std::move(*cluster);
    cluster_->on_failure = [](Error error) { FAIL() << error.message; };
    cluster_->prepare(shards_);
    runtime::Settings settings;
    settings.shards = shards_;
    settings.pin = false;
    settings.turn_us = turn_us_;
    auto runtime = runtime::Runtime::start(
        settings, {.start = [this](runtime::Shard& shard) -> Result<void> {
                     auto broker = cluster_->start_broker(shard);
                     if (!broker) return std::unexpected(broker.error());
                     return {};
                   },
                   .stop =
                       [this](runtime::Shard& shard) {
                         shard.hold();
                         cluster_->broker(shard.id()).stop([&shard] { shard.release(); });
                       }});
    ASSERT_TRUE(runtime.has_value()) << runtime.error().message;
    runtime_ = std::move(*runtime);
  }
  void stop() {
    if (runtime_) runtime_->stop();
    // The brokers' stores hand memory back through the shards' epochs.
    cluster_.reset();
    runtime_.reset();
  }
  void restart() { restart(shards_); }
  void restart(std::size_t shards) {
    stop();
    shards_ = shards;
    start();
  }

  Cluster& cluster() { return *cluster_; }
  [[nodiscard]] std::size_t journals() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_ + "/journal"), {}));
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }
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
  runtime::Runtime& runtime() { return *runtime_; }
  Broker& broker(std::size_t shard) {
    return cluster_->broker(ShardId(static_cast<std::uint16_t>(shard)));
  }

  // Runs fn(Broker&) on a shard and returns what it returns.
  template <class Fn>
  auto on(std::size_t shard, Fn fn) {
    using Value = std::invoke_result_t<Fn, Broker&>;
    std::promise<Value> promise;
    auto future = promise.get_future();
    runtime_->run_on(ShardId(static_cast<std::uint16_t>(shard)),
                     [&, this](runtime::Shard&) { promise.set_value(fn(broker(shard))); });
    return future.get();
  }

  TopicOutcome create(NewTopic topic, std::size_t shard = 0) {
    std::promise<TopicOutcome> promise;
    auto future = promise.get_future();
    runtime_->run_on(ShardId(static_cast<std::uint16_t>(shard)), [&, this](runtime::Shard&) {
      broker(shard).create_topic(std::move(topic),
                                 [&](TopicOutcome outcome) { promise.set_value(outcome); });
    });
    return future.get();
  }
  TopicOutcome remove(const Uuid& id, std::size_t shard = 0) {
    std::promise<TopicOutcome> promise;
    auto future = promise.get_future();
    runtime_->run_on(ShardId(static_cast<std::uint16_t>(shard)), [&, this](runtime::Shard&) {
      broker(shard).delete_topic(id, [&](TopicOutcome outcome) { promise.set_value(outcome); });
    });
    return future.get();
  }
  TopicOutcome add_partitions(NewPartitions wanted, std::size_t shard = 0) {
    std::promise<TopicOutcome> promise;
    auto future = promise.get_future();
    runtime_->run_on(ShardId(static_cast<std::uint16_t>(shard)), [&, this](runtime::Shard&) {
      broker(shard).add_partitions(std::move(wanted),
                                   [&](TopicOutcome outcome) { promise.set_value(outcome); });
    });
    return future.get();
  }
  std::vector<LogStart> move_log_starts(std::vector<LogStart> starts, std::size_t shard = 0) {
    std::promise<std::vector<LogStart>> promise;
    auto future = promise.get_future();
    runtime_->run_on(ShardId(static_cast<std::uint16_t>(shard)), [&, this](runtime::Shard&) {
      broker(shard).move_log_starts(std::move(starts),
                                    [&](std::vector<LogStart> moved) { promise.set_value(moved); });
    });
    return future.get();
  }

 private:
  std::size_t shards_;
  Options options_;
  std::uint32_t turn_us_;
  std::string directory_;
  runtime::PosixFiles files_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<runtime::Runtime> runtime_;
};

}  // namespace duolog::broker

// Cluster: what the shards' brokers share, and the controller that changes topics.
//
// A change runs on shard 0, one at a time: it is made durable in the catalog (on a janitor), then
// carried to every shard, and answered when every shard has it.
//
//   create: catalog -> owners make their logs -> every shard learns the topic -> answer
//   delete: catalog -> every shard forgets it -> owners remove their logs -> barrier -> freed,
//   answer
//   more partitions: partition_growth.h; log starts: log_start_change.h
//   settings: config_change.h
//
// Owned by the server; made before the shards run. The brokers register on their own threads at
// start. Constant members may be read by any thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/broker/broker.h"
#include "engine/broker/broker_counters.h"
#include "engine/broker/change_log.h"
#include "engine/broker/colliding_names.h"
#include "engine/broker/config/stored_configs.h"
#include "engine/broker/options.h"
#include "engine/broker/published.h"
#include "engine/broker/topic.h"
#include "engine/broker/write_state.h"
#include "engine/runtime/runtime.h"
#include "storage/catalog.h"
#include "storage/data_directory.h"
#include "storage/recovery.h"

namespace duolog::broker {

inline constexpr ShardId kController{0};

class Cluster {
 public:
  // Opens the data directory, recovers every log, and takes the leader epoch of this run.
  // Blocking: the main thread, before shards run. `report` says what recovery did.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>> open(storage::Files& files,
                                                             const std::string& data_directory,
                                                             Options options);
  ~Cluster();

  [[nodiscard]] const Options& options() const { return options_; }
  // What was given while the server ran. Any shard; stays until the end of its turn.
  [[nodiscard]] const StoredConfigs& configs() const { return *configs_; }
  // Before the shards run: what clients are told instead of the address that they reached.
  void set_advertised(std::string host, std::uint16_t port);
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }  // 22 characters
  [[nodiscard]] LeaderEpoch leader_epoch() const { return epoch_; }
  [[nodiscard]] const storage::RecoveryReport& report() const { return report_; }
  // Any thread.
  [[nodiscard]] WriteState& writing() { return writing_; }
  // Called at most once, on any shard: the disk failed, and the process has to stop.
  std::function<void(Error)> on_failure;

  // On each shard's thread, at start: makes its broker, with the recovered logs that it owns.
  // `shards`: how many there are.
  [[nodiscard]] Result<Broker*> start_broker(runtime::Shard& shard);
  // The brokers, by shard; complete once every shard has started.
  [[nodiscard]] Broker& broker(ShardId shard) { return *brokers_[shard.value]; }
  [[nodiscard]] std::size_t shard_count() const { return brokers_.size(); }
  // Before the first start_broker: how many shards there will be.
  void prepare(std::size_t shards);

  // On shard 0, through the Broker's functions of these names.
  using TopicDone = Broker::TopicDone;
  void create(NewTopic topic, TopicDone done);
  void remove(const Uuid& id, std::string by, TopicDone done);
  void add_partitions(NewPartitions wanted, TopicDone done);
  void move_log_starts(std::vector<LogStart> starts, std::string by, Broker::LogStartsDone done);
  void alter_configs(NewConfigs wanted, TopicDone done);
  // The first of a block of storage::kProducerIdBlock producer ids.
  using ProducerIdsDone = std::move_only_function<void(Result<std::int64_t>)>;
  void take_producer_ids(ProducerIdsDone done);

  // What there is of the limits, and how often one of them was hit. Any thread.
  [[nodiscard]] const ClusterCounters& counters() const { return counters_; }

 private:
  friend class Broker;
  friend class TopicChange;
  friend class PartitionGrowth;
  friend class LogStartChange;
  friend class ConfigChange;
  Cluster(storage::Files& files, storage::DataDirectory directory, storage::Catalog catalog,
          Options options);
  [[nodiscard]] Result<void> recover();
  void tell_offline() const;
  [[nodiscard]] Result<void> count_kept();
  void release_kept(const Uuid& topic);
  // Those that the topic has not yet, up to `count` of them in all; they count as there from now
  // on.
  [[nodiscard]] std::vector<std::unique_ptr<Partition>> make_partitions(Topic& topic,
                                                                        std::int32_t count);
  void count_gone(std::size_t partitions) {
    counters_.partitions.set(counters_.partitions.get() - partitions);
  }
  void count_refusal() { counters_.refused_limit.add(); }
  [[nodiscard]] bool has_room_for(std::size_t partitions);
  [[nodiscard]] std::string no_room_message() const;
  [[nodiscard]] ShardId owner_of(const Uuid& topic, PartitionId partition) const;
  [[nodiscard]] storage::LogIdentity identity_of(const Topic& topic, PartitionId partition) const;
  [[nodiscard]] std::string graveyard_of(const Topic& topic, PartitionId partition) const;
  [[nodiscard]] std::string journal_directory(std::uint32_t shard) const;
  [[nodiscard]] Result<storage::JournalSetup> journal_for(ShardId shard);
  // On shard 0: runs `step` on every shard, then `then` on shard 0.
  void on_every_shard(std::function<void(Broker&)> step, std::move_only_function<void()> then);
  // The disk failed. Any shard.
  void fail(Error error);
  void enqueue(std::move_only_function<void()> change);
  void next_change();

  storage::Files& files_;
  storage::DataDirectory directory_;
  storage::Catalog catalog_;
  Options options_;
  Published<StoredConfigs> configs_;
  std::string cluster_id_;
  LeaderEpoch epoch_;
  storage::RecoveryReport report_;
  std::vector<std::unique_ptr<Topic>> topics_;  // shard 0's, once shards run
  CollidingNames names_;                        // of topics_
  std::vector<std::unique_ptr<Broker>> brokers_;
  std::deque<std::move_only_function<void()>> changes_;  // waiting for the one under way
  bool changing_ = false;                                // one is under way
  bool starting_changes_ = false;                        // next_change runs
  bool change_over_ = false;                             // and was called from within itself
  ClusterCounters counters_;
  WriteState writing_;
  ChangeLog change_log_;
};

}  // namespace duolog::broker

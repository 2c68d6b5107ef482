// LiveShard: what those who are pushed to from the log share on one shard: reading it, publishing
// to it, and being told when a topic grows or goes.
//
// One for each shard, made on its thread after its broker and used there alone; it outlives the
// endpoints. What it is given outlives it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/runtime/log.h"
#include "engine/runtime/shard.h"
#include "engine/session/live/counters.h"
#include "engine/session/live/endpoint.h"
#include "engine/session/live/publish_batch.h"
#include "engine/session/live/settings.h"
#include "engine/session/live/warm_ups.h"
#include "engine/session/websocket/shard.h"
#include "storage/time_search.h"

namespace duolog::session {

// What keeps something of logs, and lets go of it when they go.
class LogMemory {
 public:
  virtual void forget(const storage::Log& log) = 0;

  ListHook link;  // in the LiveShard's list

 protected:
  ~LogMemory() = default;
};

class LiveShard {
 public:
  LiveShard(broker::Broker& broker, WsShard& ws, const LiveSettings& settings);
  LiveShard(const LiveShard&) = delete;
  LiveShard& operator=(const LiveShard&) = delete;

  [[nodiscard]] broker::Broker& broker() { return broker_; }
  [[nodiscard]] runtime::Shard& shard() { return broker_.shard(); }
  [[nodiscard]] WsShard& ws() { return ws_; }
  [[nodiscard]] const LiveSettings& settings() const { return settings_; }
  [[nodiscard]] LiveCounters& counters() { return counters_; }
  [[nodiscard]] const LiveCounters& counters() const { return counters_; }  // any thread
  [[nodiscard]] WarmUps& warm_ups() { return warm_ups_; }
  [[nodiscard]] PublishBatches& batches() { return batches_; }
  // Scratch, for as long as nobody else runs.
  [[nodiscard]] storage::SearchScratch& search_scratch() { return search_scratch_; }
  // Partitions in turn, for publishers that do not name one.
  [[nodiscard]] std::int32_t next_partition(std::int32_t count);
  // Whether a batch that cannot be read has not been told of lately.
  [[nodiscard]] bool first_damage(const Uuid& topic, PartitionId partition, Offset offset);
  // Logs a line, if not too many came before it.
  void warn(std::string_view line) { log_limit_.warn(shard().now_ns(), line); }

  void add(LiveEndpoint& endpoint) { endpoints_.push_back(endpoint); }
  void add(LogMemory& memory) { memories_.push_back(memory); }

 private:
  struct Watcher : broker::TopicWatcher {
    LiveShard* live = nullptr;
  };
  void topic_grown(const broker::Topic& topic);
  void topic_gone(const broker::Topic& topic);

  broker::Broker& broker_;
  WsShard& ws_;
  const LiveSettings& settings_;
  LiveCounters counters_;
  WarmUps warm_ups_;
  PublishBatches batches_;
  storage::SearchScratch search_scratch_;
  runtime::LogLimit log_limit_;
  Watcher watcher_;
  IntrusiveList<LiveEndpoint, &LiveEndpoint::link> endpoints_;
  IntrusiveList<LogMemory, &LogMemory::link> memories_;
  std::uint32_t next_partition_;
  // The latest batches that were told of: whoever comes to one again tells nothing new.
  struct Damage {
    Uuid topic;
    PartitionId partition;
    Offset offset;
    bool operator==(const Damage&) const = default;
  };
  static constexpr std::size_t kDamagesKept = 64;
  std::array<Damage, kDamagesKept> damages_{};
  std::size_t next_damage_ = 0;
};

}  // namespace duolog::session

// Broker: one shard's view of the topics, and its way to the partitions.
//
// Owned by the server, one for each shard, used by that shard's thread alone. Reading a partition
// needs no Broker: any shard reads Partition::log with storage/log_reader.h. Appends go to the
// partition's owner; changes of topics go to the Controller on shard 0.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/append.h"
#include "engine/broker/broker_counters.h"
#include "engine/broker/config/config_key.h"
#include "engine/broker/inflated_batches.h"
#include "engine/broker/log_start_change.h"
#include "engine/broker/options.h"
#include "engine/broker/producer_ids.h"
#include "engine/broker/topic.h"
#include "engine/runtime/log.h"
#include "engine/runtime/shard.h"
#include "net/kafka/errors.h"

namespace duolog::storage {
struct JournalSetup;
class LogStore;
}  // namespace duolog::storage

namespace duolog::broker {

class Cluster;

// Somebody on this shard who keeps pointers to topics or partitions. `gone` is called when a
// topic is deleted, before the shard forgets it; afterwards nothing of it may be touched.
// AppendRequests under way are not its concern: they are answered. `grown`, which may be null, is
// called when it has more partitions.
struct TopicWatcher {
  ListHook hook;
  void (*gone)(TopicWatcher& watcher, Topic& topic) = nullptr;
  void (*grown)(TopicWatcher& watcher, Topic& topic) = nullptr;
};

// The answer to a change of topics.
struct TopicOutcome {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string message;
  Topic* topic = nullptr;  // the one created, or that was there already
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;  // -1: the server's default
  storage::TopicConfigs configs;
  bool validate_only = false;
  std::string by;  // who asked for it, for the log; empty: the server itself
};

struct NewPartitions {
  std::string topic;
  std::int32_t count = 0;                  // that there should be, with those there are
  std::optional<std::size_t> assignments;  // how many partitions the client places itself
  std::string assignment_error;            // what is wrong with where; empty: nothing
  bool validate_only = false;
  std::string by;  // as in NewTopic
};

// A change of one resource's settings.
struct NewConfigs {
  enum class Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  struct Setting {
    std::string name;
    Operation operation = Operation::kSet;
    std::string value;
  };
  ConfigResource resource = ConfigResource::kTopic;
  std::string name;
  std::vector<Setting> settings;
  bool replace = false;  // what is not named is set no more
  bool validate_only = false;
  std::string by;  // as in NewTopic
};

class Broker {
 public:
  // On the shard's thread. `journal`: its files, as recovery left them or new.
  Broker(Cluster& cluster, runtime::Shard& shard, storage::JournalSetup journal);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  [[nodiscard]] runtime::Shard& shard() { return shard_; }
  [[nodiscard]] Cluster& cluster() { return cluster_; }
  [[nodiscard]] const Options& options() const;
  [[nodiscard]] storage::LogStore& store() { return *store_; }
  [[nodiscard]] const BrokerCounters& counters() const { return counters_; }  // any thread
  // The largest batch to build for a topic: its max.message.bytes, which may be anything, as far as
  // the log takes it. Never less than an empty one.
  [[nodiscard]] std::size_t max_batch_bytes(const TopicConfig& config) const;

  // ---- Topics, as this shard knows them now. By name: in order, for listings.
  [[nodiscard]] Topic* find(std::string_view name) const;
  [[nodiscard]] Topic* find(const Uuid& id) const;
  [[nodiscard]] const std::map<std::string_view, Topic*>& topics() const { return by_name_; }
  void watch(TopicWatcher& watcher) { watchers_.push_back(watcher); }

  // ---- Changes of topics. `done` is called on this shard, never from within the call, once every
  // shard knows. Errors are Kafka's: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS (with `topic`
  // set), INVALID_PARTITIONS, INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR ...
  using TopicDone = std::move_only_function<void(TopicOutcome)>;
  void create_topic(NewTopic topic, TopicDone done);
  void delete_topic(const Uuid& id, TopicDone done, std::string by = {});
  void add_partitions(NewPartitions wanted, TopicDone done);
  // Moves the starts of logs forward, each to at most its high watermark; `done` is called once all
  // is durable and the owners have done it. What the server does of itself is not logged.
  using LogStartsDone = LogStartChange::Done;
  void move_log_starts(std::vector<LogStart> starts, LogStartsDone done, std::string by = {});

  // Also INVALID_REQUEST, for what cannot change while the server runs.
  void alter_configs(NewConfigs wanted, TopicDone done);
  // A producer id that nobody was ever given. `done` is called on this shard, perhaps within the
  // call; with kIo or kNoSpace when none can be recorded as taken.
  void take_producer_id(ProducerIds::Done done);

  // ---- Appending. Returns false when `request.batch` is still needed: then the caller moves those
  // bytes at once to memory that stays until `done`, and stores the new place in `request.batch`.
  // For a partition of another shard (Partition::owner) the bytes must be such before the call.
  // `done` may run within the call.
  [[nodiscard]] bool append(AppendRequest& request);

  // ---- Waiting: see Waiters.
  [[nodiscard]] bool wait(Waiter& waiter, Partition& partition, Position seen) {
    return partition.waiters.wait(shard_, waiter, *partition.log, seen);
  }

  // Records of compressed batches, from who has inflated them to who reads them.
  [[nodiscard]] InflatedBatches& inflated() { return inflated_; }

  // Producers should not be read for now: the journal is full.
  [[nodiscard]] bool congested() const;

  // ---- The Cluster's: topics come and go.
  void add_logs(Topic& topic);                                           // this shard's partitions
  void add_log(Partition& partition);                                    // if it is this shard's
  void add_offline(Partition& partition);                                // this shard's, at start
  void configure(Topic& topic);                                          // its config has changed
  void grown(Topic& topic);                                              // tells the watchers
  void learn(Topic& topic);                                              // visible from now on
  void forget(Topic& topic);                                             // gone from now on
  void remove_logs(Topic& topic, std::move_only_function<void()> done);  // this shard's partitions
  // Stops writing: everything goes to the segments; then `done`.
  void stop(std::move_only_function<void()> done);

 private:
  friend struct AppendRequest;
  template <class Outcome>
  using Done = std::move_only_function<void(Outcome)>;
  template <class Outcome>
  void carry(std::move_only_function<void(Cluster&, Done<Outcome>)> start, Done<Outcome> done);
  void change(std::move_only_function<void(Cluster&, TopicDone)> start, TopicDone done);
  [[nodiscard]] Timestamp steady_now() const;
  void send_expired();
  void ask_for_producer_ids();
  void send(AppendRequest& request);
  void refuse_waiting(const Topic& topic);
  bool append_here(AppendRequest& request);
  bool try_append(AppendRequest& request);
  [[nodiscard]] static bool is_answered(const storage::Log& log, Acks acks, Position end);
  void in_log(AppendRequest& request, storage::Log& log, Position end);
  void say_why(const storage::Log& log, const Error& error);
  void tell_appended(AppendRequest& request);
  void finish(AppendRequest& request, kafka::ErrorCode error);
  static void on_visible(void* context, storage::Log& log);
  static void on_failed(void* context, Error error);
  static void on_work(void* context);
  static void on_expired(void* context, storage::Log& log, Offset start);
  static void on_retention(runtime::Timer& timer, void* context);
  static void on_flush(runtime::TurnHook& hook, void* context);
  static void on_tick(runtime::Timer& timer, void* context);
  static void on_soon(runtime::Timer& timer, void* context);

  Cluster& cluster_;
  runtime::Shard& shard_;
  std::unique_ptr<storage::LogStore> store_;
  // Of the shard's start, by both clocks.
  const Timestamp started_;
  const std::uint64_t started_ns_;
  BrokerCounters counters_;  // as of the last tick
  std::map<std::string_view, Topic*> by_name_;
  std::unordered_map<Uuid, Topic*> by_id_;
  IntrusiveList<TopicWatcher, &TopicWatcher::hook> watchers_;
  runtime::TurnHook flush_;
  runtime::Timer tick_;  // once a second
  runtime::Timer soon_;  // for memory that other shards still read
  runtime::Timer retention_;
  ProducerIds producer_ids_;
  // Appends for other shards that wait for credit. Their topics are not to outlive them: whoever
  // forgets a topic answers them.
  IntrusiveList<AppendRequest, &AppendRequest::waiting> waiting_;
  std::vector<LogStart> expired_;  // by retention, in this turn
  InflatedBatches inflated_;
  runtime::LogLimit log_limit_;
};

}  // namespace duolog::broker

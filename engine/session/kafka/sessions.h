// KafkaSessions: the Kafka connections of one shard, and what they share.
//
// Made by the server on each shard when it starts, destroyed after the shard has ended; used by the
// shard's thread. Connections own themselves and leave when they are closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/runtime/log.h"
#include "engine/session/kafka/fetch_sessions.h"
#include "engine/session/kafka/requests/batch_records.h"
#include "engine/session/kafka/settings.h"
#include "engine/session/transport/request_budget.h"

namespace duolog::groups {
class GroupCoordinator;
}

namespace duolog::session {

class KafkaConnection;

class KafkaSessions {
 public:
  KafkaSessions(broker::Broker& broker, groups::GroupCoordinator& groups,
                const KafkaSettings& settings);
  // Every connection has gone: the shard has ended.
  ~KafkaSessions();
  KafkaSessions(const KafkaSessions&) = delete;
  KafkaSessions& operator=(const KafkaSessions&) = delete;

  // Serves a connected socket, which is its own from here on; on a stopping shard it is closed.
  void accept(int descriptor);

  // Stops reading everywhere, answers what is under way (waiting fetches with what there is), and
  // closes. The shard's sockets hold it until that is done.
  void stop();

  [[nodiscard]] broker::Broker& broker() { return broker_; }
  [[nodiscard]] runtime::Shard& shard() { return broker_.shard(); }
  [[nodiscard]] groups::GroupCoordinator& groups() { return groups_; }
  [[nodiscard]] const KafkaSettings& settings() const { return settings_; }
  [[nodiscard]] RequestBudget& budget() { return budget_; }
  // Of batches that wait for a worker.
  [[nodiscard]] RequestBudget& check_budget() { return check_budget_; }
  // What may be looked into of a compressed batch in this turn; and what has been.
  [[nodiscard]] const CheckLimits& check_limits() const {
    const bool spent =
        inflating_ns_ == broker_.shard().now_ns() && inflated_bytes_ >= kTurnInflatedBytes;
    return spent ? kNothing : kWithinTurn;
  }
  void inflated(std::size_t bytes) {
    if (inflating_ns_ != shard().now_ns()) inflated_bytes_ = 0;
    inflating_ns_ = shard().now_ns();
    inflated_bytes_ += bytes;
  }
  [[nodiscard]] FetchSessions& fetch_sessions() { return fetch_sessions_; }
  [[nodiscard]] KafkaCounters& counters() { return counters_; }              // the shard writes
  [[nodiscard]] const KafkaCounters& counters() const { return counters_; }  // any thread

  // A line for the operator, unless there are too many of them.
  void warn(std::string_view line) { log_limit_.warn(shard().now_ns(), line); }

  // A connection's, when it begins and when it ends.
  void add(KafkaConnection& connection);
  void closed(KafkaConnection& connection);

 private:
  struct Watcher : broker::TopicWatcher {
    KafkaSessions* owner = nullptr;
  };
  static void on_gone(broker::TopicWatcher& watcher, broker::Topic& topic);

  struct Connections;  // the list, whose elements are unknown here

  broker::Broker& broker_;
  groups::GroupCoordinator& groups_;
  const KafkaSettings settings_;
  KafkaCounters counters_;
  RequestBudget budget_;
  RequestBudget check_budget_;
  FetchSessions fetch_sessions_{settings_, counters_};
  runtime::LogLimit log_limit_;
  Watcher watcher_;
  std::unique_ptr<Connections> connections_;
  std::uint64_t inflating_ns_ = 0;  // the turn in which
  std::size_t inflated_bytes_ = 0;  // so much was
  bool stopping_ = false;
};

}  // namespace duolog::session

// TopicChange: one creation or deletion of a topic, from the catalog to every shard.
//
// The Cluster's, on shard 0; it owns itself until it has answered and started the next change.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/broker/broker.h"
#include "engine/broker/topic.h"

namespace duolog::broker {

class Cluster;

class TopicChange {
 public:
  using Done = std::move_only_function<void(TopicOutcome)>;
  static void create(Cluster& cluster, NewTopic wanted, Done done);
  static void remove(Cluster& cluster, const Uuid& id, std::string by, Done done);

 private:
  TopicChange(Cluster& cluster, std::string by, Done done);
  ~TopicChange() = default;

  [[nodiscard]] bool check(const NewTopic& wanted);
  void record_creation();
  void created(const Result<void>& recorded);
  void recorded_removal(const Result<void>& recorded);
  // Runs `step(broker, next)` on every shard; when each has called `next` (on its own shard), runs
  // `then` on shard 0.
  using Step = void (*)(TopicChange& change, Broker& broker, std::move_only_function<void()> next);
  void on_every_shard(Step step, void (TopicChange::*then)());
  void all_have_logs();
  void all_have_learnt();
  void all_have_forgotten();
  // Lets every shard run another message.
  void pass(void (TopicChange::*then)());
  void all_have_removed();
  void all_have_sent();
  void all_have_run();
  void all_have_passed();
  void removed();
  void finish(kafka::ErrorCode error, std::string message = {});

  Cluster& cluster_;
  std::string by_;  // as in NewTopic
  Done done_;
  std::unique_ptr<Topic> owned_;  // while it is not in the cluster's list
  Topic* topic_ = nullptr;
  std::size_t waiting_for_ = 0;
};

}  // namespace duolog::broker

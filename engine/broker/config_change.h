// ConfigChange: other settings of a topic, a broker, a group or a subscription to metrics, from the
// catalog to every shard.
//
//   catalog -> the new settings are published -> owners apply them to their logs -> answer
//
// The Cluster's, on shard 0; it owns itself until it has answered and started the next change.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/broker/broker.h"
#include "engine/broker/config/stored_configs.h"
#include "engine/broker/topic.h"

namespace duolog::broker {

class Cluster;

class ConfigChange {
 public:
  using Done = Broker::TopicDone;
  static void start(Cluster& cluster, NewConfigs wanted, Done done);

 private:
  ConfigChange(Cluster& cluster, NewConfigs wanted, Done done)
      : cluster_(cluster), wanted_(std::move(wanted)), done_(std::move(done)) {}

  // What is wrong; an empty message and kNone when nothing is.
  [[nodiscard]] TopicOutcome check();
  [[nodiscard]] TopicOutcome check_topic();
  [[nodiscard]] TopicOutcome check_resource();
  [[nodiscard]] TopicOutcome check_keys() const;
  [[nodiscard]] TopicOutcome check_room(const ConfigValues& before) const;
  [[nodiscard]] TopicOutcome apply(const ConfigValues& now);
  [[nodiscard]] std::string value_before(const NewConfigs::Setting& setting,
                                         const ConfigKey& key) const;
  void record();
  void recorded(const Result<void>& outcome);
  void publish_topic(Topic& topic, TopicConfig config);
  void publish_defaults();
  [[nodiscard]] StoredConfigs stored_after() const;
  void finish(TopicOutcome outcome);

  Cluster& cluster_;
  NewConfigs wanted_;
  Done done_;
  ConfigValues values_;  // what it is given from now on
  bool changed_ = false;
  Topic* topic_ = nullptr;
  std::optional<TopicConfig> topic_config_;
  std::vector<Topic*> published_;
};

}  // namespace duolog::broker

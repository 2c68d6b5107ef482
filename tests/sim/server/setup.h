// SimSetup: makes the topics of a run and learns their ids, before anything else happens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct NewSimTopic {
  std::string name;
  std::int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> configs;
};

class SimSetup final : public Client {
 public:
  SimSetup(World& world, std::vector<NewSimTopic> topics);

  [[nodiscard]] bool done() const override { return ids_.size() == topics_.size(); }
  // By name; base64.
  [[nodiscard]] const std::map<std::string, std::string>& ids() const { return ids_; }

 private:
  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;

  std::vector<NewSimTopic> topics_;
  std::map<std::string, std::string> ids_;
  KafkaPeer peer_;
};

}  // namespace duolog::sim

// SimConfigAdmin: an admin client that changes what topics are configured with, sets, unsets and
// replaces, one thing after the other, each until it is answered; in between and at last it asks
// what they are configured with. One without operations does only that.
//
// No other client changes these settings of these topics, which nobody deletes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/kafka/errors.h"
#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct ConfiguredTopic {
  std::string name;
  std::string id;
};

struct ConfigPlan {
  std::uint32_t operations = 0;
  std::vector<ConfiguredTopic> topics;  // one at least
};

class SimConfigAdmin final : public Client {
 public:
  SimConfigAdmin(World& world, std::string name, ConfigPlan plan);

  [[nodiscard]] bool done() const override { return done_; }
  [[nodiscard]] std::string describe() const override;

 private:
  enum class Kind : std::uint8_t { kSet, kUnset, kReplace, kAsk };

  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void choose();
  void send();
  void send_change();
  void send_replacement();
  void ask();
  void on_response(KafkaPeer::Response& response);
  void on_described(KafkaPeer::Response& response);
  void on_changed(kafka::ErrorCode error);
  void finish();

  ConfigPlan plan_;
  KafkaPeer peer_;
  Kind kind_ = Kind::kAsk;
  ConfiguredTopic topic_;  // of a change
  ConfigValues changes_;   // that are under way
  bool under_way_ = false;
  bool done_ = false;
  std::uint32_t made_ = 0;
  std::string last_error_;
};

}  // namespace duolog::sim

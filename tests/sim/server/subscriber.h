// SimSubscriber: a client of duolog.v1.json that reads a topic from its beginning, and comes back
// after each end of its connection with the positions that it has. It checks what the protocol
// promises: records of a partition come in order, none twice and none left out but those that a gap
// names; `recovered` is true.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/sim/server/client.h"
#include "tests/sim/server/ws_peer.h"

namespace duolog::sim {

struct SubscriberPlan {
  std::string topic;
  std::string topic_id;
  std::uint32_t credit = 0;  // records at once; 0: no limit
  std::uint32_t drops = 0;   // one in so many messages, it drops its connection; 0: never
  std::uint32_t pauses = 0;  // the same for a pause
};

class SimSubscriber final : public Client {
 public:
  SimSubscriber(World& world, std::string name, SubscriberPlan plan);

  // It has read all that anybody was told of.
  [[nodiscard]] bool done() const override;
  [[nodiscard]] std::string describe() const override;

 private:
  using Json = nlohmann::json;

  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void subscribe();
  void on_message(const Json& message);
  void on_subscribed(const Json& answer);
  void on_records(const Json& records);
  void on_gap(const Json& gap);
  void on_refused(const Json& error);
  void command(const char* what, Json arguments);
  [[nodiscard]] PartitionKey where(std::int32_t partition) const {
    return {plan_.topic_id, partition};
  }

  SubscriberPlan plan_;
  WsPeer peer_;
  std::map<std::int32_t, std::int64_t> next_;  // by partition
  std::int64_t epoch_ = -1;
  bool subscribed_ = false;
  bool asked_ = false;
  bool gone_ = false;
  bool paused_ = false;
  std::uint32_t credit_left_ = 0;
  int last_id_ = 0;
  std::string last_error_;
};

}  // namespace duolog::sim

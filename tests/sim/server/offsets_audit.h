// SimOffsetsAudit: asks for everything that some groups have committed, once, and has the oracle
// look at it; and counts the rewrites of `__consumer_offsets`.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

class SimOffsetsAudit final : public Client {
 public:
  SimOffsetsAudit(World& world, std::vector<std::string> groups);

  [[nodiscard]] bool done() const override { return groups_.empty() && knows_starts_; }
  [[nodiscard]] std::string describe() const override;
  // Partitions of `__consumer_offsets` that do not begin at 0, because their groups were written
  // anew.
  [[nodiscard]] std::uint64_t rewritten() const { return rewritten_; }

 private:
  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void ask_offsets();
  void on_offsets(KafkaPeer::Response& response);
  void ask_starts();
  void on_starts(KafkaPeer::Response& response);

  std::vector<std::string> groups_;  // not known yet
  GroupOracle::Moment asked_ = 0;
  bool knows_starts_ = false;
  std::uint64_t rewritten_ = 0;
  KafkaPeer peer_;
  std::string last_error_;
};

}  // namespace duolog::sim

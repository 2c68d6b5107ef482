// SimVandal: a client that does what no client should, on either port: it sends half of a request,
// garbage, or nothing, or never reads what it has asked for. When the server has had enough, it
// comes again.
//
// Nobody else may notice, and nothing of it may stay: the server ends each of its connections.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/sim/server/client.h"

namespace duolog::sim {

struct VandalPlan {
  enum class Kind : std::uint8_t { kSilent, kHalf, kGarbage, kDeaf };
  static constexpr std::uint64_t kKinds = 4;
  Kind kind = Kind::kSilent;
  bool http = false;      // or else Kafka
  std::string topic;      // that a deaf one reads
  bool hangs_up = false;  // when it has said what it says; or else it waits
  std::uint32_t visits = 3;
};

class SimVandal final : public Client {
 public:
  SimVandal(World& world, std::string name, VandalPlan plan);
  ~SimVandal() override;

  [[nodiscard]] bool done() const override { return true; }

 private:
  [[nodiscard]] bool has_news() override {
    return connection_ != nullptr && (connection_->reset || connection_->server_ended);
  }
  void on_turn() override;
  [[nodiscard]] std::string words();

  VandalPlan plan_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace duolog::sim

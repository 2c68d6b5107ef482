// SimPublisher: a client of duolog.v1.json that publishes records, several at once and several
// commands in flight. Whatever has no answer when its connection ends is published again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/sim/server/client.h"
#include "tests/sim/server/ws_peer.h"

namespace duolog::sim {

struct PublisherPlan {
  std::string topic;
  std::string topic_id;
  std::int32_t partitions = 1;  // it names one of them for each record
  bool appended = false;        // it asks for the notice ahead of the ack
  std::uint32_t commands = 20;  // in all
  std::uint32_t most_in_flight = 8;
  std::size_t most_value_bytes = 1'000;
};

class SimPublisher final : public Client {
 public:
  SimPublisher(World& world, std::string name, PublisherPlan plan);

  [[nodiscard]] bool done() const override {
    return in_flight_.empty() && (world_.quiet || made_ == plan_.commands);
  }
  [[nodiscard]] std::string describe() const override;

 private:
  using Json = nlohmann::json;
  struct Record {
    std::string name;
    std::string value;
    std::int32_t partition = 0;
  };
  struct Command {
    std::vector<Record> records;
    std::vector<std::int64_t> noticed;  // the offsets that the notice named
  };

  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void make_command();
  void send(int id, const Command& command);
  void on_published(int id, const Json& published);
  void on_refused(int id, const Json& error);
  void start_over();

  PublisherPlan plan_;
  WsPeer peer_;
  std::map<int, Command> in_flight_;  // by id
  bool sent_all_ = false;             // those in flight, on this connection
  std::uint32_t made_ = 0;
  std::uint32_t records_ = 0;
  std::uint64_t asked_ns_ = 0;
  int last_id_ = 0;
  std::string last_error_;
};

}  // namespace duolog::sim

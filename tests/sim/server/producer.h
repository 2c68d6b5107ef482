// SimProducer: a Kafka producer that retries like librdkafka: several requests in flight on one
// connection, and after any doubt a new connection on which everything unanswered is sent again, in
// order. An idempotent one sends each batch under its sequence number; a plain one may write twice.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct ProducerPlan {
  std::string topic;
  std::int32_t partition = 0;
  std::string topic_id;  // for the oracle
  bool by_id = false;    // the topic may be deleted, and another come under its name
  bool idempotent = true;
  std::int16_t acks = -1;
  std::uint32_t batches = 20;  // in all
  std::uint32_t most_in_flight = 5;
  std::size_t most_value_bytes = 2'000;
};

class SimProducer final : public Client {
 public:
  SimProducer(World& world, std::string name, ProducerPlan plan);

  [[nodiscard]] bool done() const override { return unanswered_.empty() && nothing_to_begin(); }
  [[nodiscard]] std::string describe() const override;

 private:
  struct Batch {
    std::vector<std::string> names;
    std::vector<std::uint8_t> bytes;
    std::int32_t sequence = 0;
    bool in_flight = false;
  };

  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  [[nodiscard]] bool nothing_to_begin() const { return world_.quiet || made_ == plan_.batches; }
  void take_responses();
  void on_produced(KafkaPeer::Response& response);
  void on_producer_id(KafkaPeer::Response& response);
  void make_batch();
  void stamp(Batch& batch) const;
  // After a loss that the topic allows: what is unanswered is sent as another producer.
  void renew_producer_id();
  // The topic is gone.
  void give_up();
  void send(Batch& batch);
  // Everything unanswered is sent again, on another connection.
  void start_over();

  ProducerPlan plan_;
  KafkaPeer peer_;
  std::deque<Batch> unanswered_;  // in order of sending; those in flight come first
  std::uint32_t made_ = 0;
  std::uint32_t records_ = 0;
  std::int64_t producer_id_ = -1;
  bool asked_id_ = false;
  std::int32_t next_sequence_ = 0;
  bool first_was_refused_ = false;
  std::string last_error_;
};

}  // namespace duolog::sim

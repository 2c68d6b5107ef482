// SimFetcher: a Kafka consumer without a group: it reads one partition from its start, with or
// without fetch sessions, over and over, and tells the oracle what it sees.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct FetcherPlan {
  std::string topic;
  std::int32_t partition = 0;
  std::string topic_id;
  bool by_id = false;  // the topic may be deleted, and another come under its name
  bool session = false;
  bool audit = false;  // reads once to the end, and says so
  std::int32_t max_bytes = 16 * 1024;
};

class SimFetcher final : public Client {
 public:
  SimFetcher(World& world, std::string name, FetcherPlan plan);

  // An auditor has read everything; any other is never in the middle of something that matters.
  [[nodiscard]] bool done() const override { return !plan_.audit || audited_; }
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] Offset position() const { return position_; }

 private:
  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void ask_start();
  void fetch();
  void end_with_topic();
  void on_start(KafkaPeer::Response& response);
  void on_fetched(KafkaPeer::Response& response);

  FetcherPlan plan_;
  PartitionKey where_;
  KafkaPeer peer_;
  bool knows_start_ = false;
  bool audited_ = false;
  Offset start_;
  Offset position_;
  Offset promised_start_;
  Offset promised_end_;  // what the high watermark of the fetch under way must have reached
  std::int32_t session_id_ = 0;
  std::int32_t session_epoch_ = 0;
  std::string last_error_;
};

}  // namespace duolog::sim

// SimFeedClient: a client of the plain feed: it reads one partition from its beginning, comes back
// after each end of its connection with the offset that it has reached, and publishes; or it reads
// a whole topic, each time from its beginning.
//
// A feed names no offsets. One of a partition that began at an offset has them by counting, since
// nothing may be left out; where the log begins behind what it asks for, it is closed with 4442.
// One of a whole topic is held to the order of each partition, as far as others have learned it,
// and to that it gets all that anybody was told of.
//
// What it publishes is acked to nobody, and sent once: it is there once at the most, and in order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"
#include "tests/sim/server/ws_peer.h"

namespace duolog::sim {

struct FeedPlan {
  std::string topic;
  std::string topic_id;
  std::optional<std::int32_t> partition;  // none: the whole topic, which it only reads
  bool binary = false;
  std::uint32_t drops = 0;  // one in so many messages, it drops its connection; 0: never
  std::uint32_t most_drops = 20;
  std::uint32_t publishes = 0;
  std::size_t most_value_bytes = 1'000;
};

class SimFeedClient final : public Client {
 public:
  SimFeedClient(World& world, std::string name, FeedPlan plan);

  // It has read all that anybody was told of.
  [[nodiscard]] bool done() const override;
  [[nodiscard]] std::string describe() const override;

 private:
  // How far the messages of this connection are known to be what a partition holds.
  struct Progress {
    std::int64_t next = 0;        // the next offset to be found among them
    std::uint64_t last_came = 0;  // the number of the message that was found last
  };

  [[nodiscard]] bool has_news() override { return feed_.has_news() || starts_.has_news(); }
  void on_turn() override;
  void take_messages();
  void on_message(const std::string& value);
  void on_ended();
  void open();
  void publish();
  void ask_start();
  void on_start(KafkaPeer::Response& response);
  [[nodiscard]] bool has_all(std::int32_t partition) const;
  [[nodiscard]] PartitionKey where() const { return {plan_.topic_id, plan_.partition.value_or(0)}; }

  FeedPlan plan_;
  WsPeer feed_;
  KafkaPeer starts_;              // tells where the log begins
  std::optional<Offset> next_{};  // of a partition; nothing: it has to ask
  std::uint32_t published_ = 0;
  std::uint32_t drops_ = 0;
  // By connection: the first of its own records that were sent on it, and the last of these that
  // has been read.
  std::vector<std::int64_t> connected_at_;
  std::vector<std::int64_t> last_own_;
  std::uint16_t last_code_ = 0;
  std::string last_error_;
  // Of a whole topic, on this connection.
  std::map<std::string, std::uint64_t> came_;  // names of records; the number of the message
  std::uint64_t messages_ = 0;
  mutable std::map<std::int32_t, Progress> progress_;  // by partition
};

}  // namespace duolog::sim

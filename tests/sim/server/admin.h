// SimAdmin: an admin client: it creates topics, with producers and fetchers on them, deletes and
// re-creates them, gives topics more partitions and fewer records, and changes what they are
// configured with; one thing after the other, each until it is answered.
//
// At last, and in between, it lists all topics. One without operations does only that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/kafka/errors.h"
#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct AdminPlan {
  std::uint32_t operations = 0;
  std::vector<std::string> others;  // ids of topics that are not its own: it does not delete them
};

class SimAdmin final : public Client {
 public:
  SimAdmin(World& world, std::string name, AdminPlan plan);

  [[nodiscard]] bool done() const override { return done_; }
  [[nodiscard]] std::string describe() const override;

 private:
  enum class Kind : std::uint8_t { kCreate, kLookUp, kDelete, kGrow, kTrim, kAlter, kList };
  struct Operation {
    Kind kind = Kind::kList;
    std::string name;  // of a topic
    std::string id;
    std::int32_t number = 0;  // of partitions, or the partition
    Offset offset;
    std::uint32_t sent = 0;
    [[nodiscard]] bool retried() const { return sent > 1; }  // it may have been done before
  };

  [[nodiscard]] bool has_news() override { return peer_.has_news(); }
  void on_turn() override;
  void choose();
  void choose_own();
  void choose_any();
  void send();
  void send_create();
  void send_delete();
  void send_grow();
  void send_trim();
  void send_alter();
  void send_list();
  void on_response(KafkaPeer::Response& response);
  void on_created(KafkaPeer::Response& response);
  void on_listed(KafkaPeer::Response& response);
  void on_trimmed(KafkaPeer::Response& response);
  // Of Delete, Grow and Alter: whether it is done, by this error or before.
  void on_error_code(kafka::ErrorCode error);
  void has_created(const std::string& id, std::int32_t partitions);
  void finish();

  AdminPlan plan_;
  KafkaPeer peer_;
  std::map<std::string, std::string> own_;  // ids of its topics, by name
  Operation now_;
  bool under_way_ = false;
  bool done_ = false;
  std::uint32_t made_ = 0;
  std::uint32_t topics_made_ = 0;
  TopicOracle::Expected expected_;  // of the list that was asked for
  std::string last_error_;
};

}  // namespace duolog::sim

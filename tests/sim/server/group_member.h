// SimMember: a member of a classic consumer group, as Java's consumer is one: it finds its
// coordinator, joins, syncs, fetches from what its group has committed, commits as it goes and
// heartbeats; and at last it leaves, or is never heard of again.
//
// Two connections, as Java's has: one to the coordinator, one for what it fetches.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/kafka/errors.h"
#include "net/kafka/groups.h"
#include "tests/sim/server/client.h"
#include "tests/sim/server/kafka_peer.h"

namespace duolog::sim {

struct MemberPlan {
  std::string group;
  std::string topic;
  std::string topic_id;
  std::int32_t partitions = 1;
  std::string instance;  // of a static member; empty: it is none
  std::uint64_t starts_after_us = 0;
  std::uint32_t beats = 30;      // acked commits and heartbeats, and then it ends:
  bool dies = false;             // without a word, or else with a LeaveGroup
  std::uint32_t comes_back = 0;  // how often, after it has left
  std::int32_t session_timeout_ms = 1'000;
  std::uint64_t commit_every_us = 20'000;
  std::size_t most_commits = 2;  // in flight
};

class SimMember final : public Client {
 public:
  SimMember(World& world, std::string name, MemberPlan plan);

  [[nodiscard]] bool done() const override { return phase_ == Phase::kEnded; }
  [[nodiscard]] std::string describe() const override;

 private:
  enum class Phase : std::uint8_t {
    kSeeking,
    kJoining,
    kSyncing,
    kStarting,
    kStable,
    kLeaving,
    kEnded
  };
  struct Owned {
    Offset position{-1};  // -1: not known
    bool lost = false;    // out of range
    Offset promised_end;  // of the fetch under way
  };
  struct Commit {
    std::int32_t generation = 0;
    std::int32_t least = 0;                         // that an ack may be of
    std::map<std::int32_t, std::uint64_t> numbers;  // the oracle's, by partition
  };

  [[nodiscard]] bool has_news() override { return coordinator_.has_news() || data_.has_news(); }
  void on_turn() override;
  [[nodiscard]] GroupPartition at(std::int32_t partition) const {
    return {plan_.group, plan_.topic, partition};
  }
  [[nodiscard]] kafka::NullableString instance() const {
    return plan_.instance.empty() ? kafka::NullableString() : plan_.instance;
  }
  void go(Phase phase);
  void end();
  void retry_later(kafka::ErrorCode error);

  // The membership (group_member.cc).
  void on_response(KafkaPeer::Response& response);
  void on_coordinator(KafkaPeer::Response& response);
  void on_joined(KafkaPeer::Response& response);
  void on_synced(KafkaPeer::Response& response);
  void on_heartbeat(KafkaPeer::Response& response);
  void on_left(KafkaPeer::Response& response);
  // What an error means for the membership, whatever was asked.
  void on_error(kafka::ErrorCode error);
  void ask();
  void ask_join();
  void ask_sync();
  void ask_leave();
  void be_member();
  void rejoin();

  // What is read and committed (group_member_data.cc).
  void take_data();
  void ask_offsets();
  void on_offsets(KafkaPeer::Response& response);
  void commit(std::int32_t generation, const std::map<std::int32_t, Owned>& owned);
  void on_committed(KafkaPeer::Response& response);
  void fetch();
  void on_fetched(KafkaPeer::Response& response);
  void ask_starts();
  void on_starts(KafkaPeer::Response& response);

  MemberPlan plan_;
  KafkaPeer coordinator_;
  KafkaPeer data_;
  Phase phase_ = Phase::kSeeking;
  Phase after_seeking_ = Phase::kJoining;
  bool asked_ = false;  // what the phase asks for
  std::uint64_t born_ns_ = 0;
  std::uint64_t not_before_ns_ = 0;
  std::uint64_t next_commit_ns_ = 0;
  std::uint64_t next_heartbeat_ns_ = 0;
  std::string member_id_;
  std::int32_t generation_ = -1;
  std::int32_t least_ = 0;                          // the generation that an answer must have
  std::map<std::string, std::string> assignments_;  // the leader's, by member id
  std::map<std::int32_t, Owned> owned_;
  std::int32_t former_generation_ = -1;  // before the last rebalance, and what it owned then
  std::map<std::int32_t, Owned> former_;
  std::uint64_t assignment_ = 0;  // which one it is
  GroupOracle::Moment asked_offsets_ = 0;
  std::map<std::uint64_t, Commit> commits_;  // under way, by tag
  std::uint64_t next_tag_ = 1;
  std::uint32_t beats_ = 0;
  std::string last_error_;
};

}  // namespace duolog::sim

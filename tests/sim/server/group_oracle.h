// GroupOracle: what consumer groups have been promised: who owns what, and what is committed.
//
// A committed offset is a register. Whoever writes or reads it does so between two moments, of its
// request and of its answer; a read must have found what a write has left that no other write,
// begun later and acked before, has replaced.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "tests/sim/server/oracle.h"

namespace duolog::sim {

// A partition of a topic, by name, as a group reads it.
struct GroupPartition {
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  auto operator<=>(const GroupPartition&) const = default;
};

class GroupOracle {
 public:
  explicit GroupOracle(Oracle& oracle) : oracle_(oracle) {}

  // A later one is greater.
  using Moment = std::uint64_t;
  [[nodiscard]] Moment now() { return ++moment_; }
  // Commits that were not answered have been done by now, or never will be.
  void server_went_down();

  // The least generation that an answer may be of to what is asked now; 0: any.
  [[nodiscard]] std::int32_t generation_of(const std::string& group) const;
  // A member has its assignment; `least` is what generation_of said before it asked. A static
  // member is its instance.
  void owns(const std::string& group, std::int32_t generation, std::int32_t least,
            const std::string& member, const std::vector<GroupPartition>& partitions);

  // A commit is about to be sent; its number.
  [[nodiscard]] std::uint64_t committing(const GroupPartition& where, Offset offset);
  enum class Outcome : std::uint8_t { kAcked, kRefused, kUnknown };
  void committed(const GroupPartition& where, std::uint64_t commit, Outcome outcome);
  // What an OffsetFetch that was sent at that moment says; -1: nothing is committed.
  void found(const GroupPartition& where, Offset offset, Moment asked);

  // Where something may be committed.
  [[nodiscard]] std::vector<GroupPartition> partitions() const;
  [[nodiscard]] std::uint64_t acks() const { return acks_; }

 private:
  static constexpr Moment kOpen = UINT64_MAX;
  struct Commit {
    std::int64_t offset = -1;
    Moment began = 0;
    Moment ended = kOpen;
    bool acked = false;  // or found, which says the same
    bool refused = false;
  };
  [[nodiscard]] bool may_be_found(const std::vector<Commit>& all, const Commit& one,
                                  Moment asked) const;

  Oracle& oracle_;
  Moment moment_ = 0;
  std::map<GroupPartition, std::vector<Commit>> commits_;  // by their numbers
  std::set<std::string> lasting_;                          // groups that have committed something
  std::map<std::string, std::int32_t> generations_;        // the last that was seen
  std::map<std::pair<GroupPartition, std::int32_t>, std::string> owners_;  // by generation
  std::uint64_t acks_ = 0;
};

}  // namespace duolog::sim

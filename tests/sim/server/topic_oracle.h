// TopicOracle: which topics there are, as far as anybody has been told, and of how many partitions.
//
// What was acked lasts: a topic that was created is there under its id, one that was deleted never
// is again, and partitions never become fewer. What was asked for and is not answered may be, or
// not.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/server/oracle.h"

namespace duolog::sim {

struct KnownTopic {
  std::string name;
  std::string id;
  std::int32_t partitions = 0;       // at least
  std::int32_t most_partitions = 0;  // that were asked for
  bool deleting = false;
};

class TopicOracle {
 public:
  explicit TopicOracle(Oracle& oracle) : oracle_(oracle) {}

  void creating(const std::string& name) { creating_.insert(name); }
  void created(const std::string& name, const std::string& id, std::int32_t partitions);
  void growing(const std::string& id, std::int32_t partitions);
  void grown(const std::string& id, std::int32_t partitions);
  void deleting(const std::string& id);
  void deleted(const std::string& id);

  // What an answer to Metadata that is asked for now must say.
  struct Expected {
    std::vector<KnownTopic> topics;
    std::set<std::string> gone;
  };
  [[nodiscard]] Expected expected() const;
  // It says this, by id.
  void listed(const Expected& expected, const std::vector<KnownTopic>& topics);

  // Creations, deletions and growths that were acked.
  [[nodiscard]] std::uint64_t acks() const { return acks_; }
  [[nodiscard]] const KnownTopic* find(const std::string& id) const;
  // All that are there for certain.
  [[nodiscard]] std::vector<KnownTopic> topics() const { return expected().topics; }

 private:
  Oracle& oracle_;
  std::map<std::string, KnownTopic> topics_;  // by id
  std::set<std::string> gone_;                // ids
  std::set<std::string> creating_;            // names
  std::uint64_t acks_ = 0;
};

}  // namespace duolog::sim

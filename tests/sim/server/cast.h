// Cast: who takes part in a run beside the server: how many clients of which kind, on which topics,
// and how each behaves, as the seed decides.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/server/client.h"
#include "tests/sim/server/setup.h"
#include "tests/sim/server/vandal.h"

namespace duolog::sim {

class Cast {
 public:
  // `topics`, of which there is one at least, have been made; `ids` are theirs, by name. `wave`
  // makes the producers' records others than those of an earlier cast.
  Cast(World& world, std::mt19937_64& random, const std::vector<NewSimTopic>& topics,
       const std::map<std::string, std::string>& ids, std::string wave = {})
      : world_(world), random_(random), topics_(topics), ids_(ids), wave_(std::move(wave)) {}

  // All but the vandals.
  [[nodiscard]] std::vector<std::unique_ptr<Client>> clients();
  [[nodiscard]] std::vector<std::unique_ptr<Client>> producers_and_fetchers();
  [[nodiscard]] std::vector<std::unique_ptr<SimVandal>> vandals();
  // The groups that the clients are members of.
  [[nodiscard]] const std::vector<std::string>& groups() const { return groups_; }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] const NewSimTopic& any_topic() { return topics_[below(topics_.size())]; }
  [[nodiscard]] std::int32_t any_partition(const NewSimTopic& topic) {
    return static_cast<std::int32_t>(below(static_cast<std::uint64_t>(topic.partitions)));
  }
  [[nodiscard]] const std::string& id_of(const NewSimTopic& topic) { return ids_.at(topic.name); }
  void add_producers();
  void add_fetchers();
  void add_subscribers();
  void add_publishers();
  void add_feeds();
  void add_members();
  void add_members_of(std::uint64_t group);
  void add_admin();
  void add_config_admin();

  World& world_;
  std::mt19937_64& random_;
  const std::vector<NewSimTopic>& topics_;
  const std::map<std::string, std::string>& ids_;
  const std::string wave_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> groups_;
};

}  // namespace duolog::sim

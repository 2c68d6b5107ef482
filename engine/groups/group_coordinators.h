// GroupCoordinators: what the shards' group coordinators share: their settings, and each other.
//
// Owned by the server; made before the shards run, and outlives them. Each shard starts and stops
// its own coordinator; after the start every shard may find all of them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/groups/group_coordinator.h"
#include "engine/groups/group_settings.h"

namespace duolog::groups {

class GroupCoordinators {
 public:
  GroupCoordinators(const GroupSettings& settings, std::size_t shards);
  ~GroupCoordinators();
  GroupCoordinators(const GroupCoordinators&) = delete;
  GroupCoordinators& operator=(const GroupCoordinators&) = delete;

  // On the broker's shard, when it starts.
  GroupCoordinator& start(broker::Broker& broker);

  [[nodiscard]] GroupCoordinator& on(ShardId shard) { return *coordinators_[shard.value]; }
  [[nodiscard]] std::size_t shard_count() const { return coordinators_.size(); }
  [[nodiscard]] const GroupSettings& settings() const { return settings_; }

 private:
  const GroupSettings settings_;
  std::vector<std::unique_ptr<GroupCoordinator>> coordinators_;
};

}  // namespace duolog::groups

#include "engine/groups/group_coordinators.h"

namespace duolog::groups {

GroupCoordinators::GroupCoordinators(const GroupSettings& settings, std::size_t shards)
    : settings_(settings), coordinators_(shards) {}

GroupCoordinators::~GroupCoordinators() = default;

GroupCoordinator& GroupCoordinators::start(broker::Broker& broker) {
  auto& coordinator = coordinators_[broker.shard().id().value];
  coordinator = std::make_unique<GroupCoordinator>(*this, broker);
  return *coordinator;
}

}  // namespace duolog::groups

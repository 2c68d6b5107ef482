#include "engine/broker/partition_list.h"

#include <utility>

#include "engine/broker/topic.h"

namespace duolog::broker {

PartitionList::~PartitionList() { delete table_.load(std::memory_order_relaxed); }

std::unique_ptr<const PartitionList::Table> PartitionList::grow(
    std::vector<std::unique_ptr<Partition>> more) {
  auto longer = std::make_unique<Table>(table());
  for (auto& partition : more) {
    longer->push_back(partition.get());
    owned_.push_back(std::move(partition));
  }
  return std::unique_ptr<const Table>(table_.exchange(longer.release(), std::memory_order_acq_rel));
}

}  // namespace duolog::broker

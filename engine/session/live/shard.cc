#include "engine/session/live/shard.h"

#include <algorithm>

namespace duolog::session {

LiveEndpoint::LiveEndpoint(LiveShard& live) { live.add(*this); }

LiveShard::LiveShard(broker::Broker& broker, WsShard& ws, const LiveSettings& settings)
    : broker_(broker),
      ws_(ws),
      settings_(settings),
      warm_ups_(broker.shard(), counters_),
      next_partition_(broker.shard().id().value) {
  watcher_.live = this;
  watcher_.gone = [](broker::TopicWatcher& watcher, broker::Topic& topic) {
    static_cast<Watcher&>(watcher).live->topic_gone(topic);
  };
  watcher_.grown = [](broker::TopicWatcher& watcher, broker::Topic& topic) {
    static_cast<Watcher&>(watcher).live->topic_grown(topic);
  };
  broker_.watch(watcher_);
}

void LiveShard::topic_grown(const broker::Topic& topic) {
  for (LiveEndpoint* endpoint = endpoints_.front(); endpoint != nullptr;
       endpoint = endpoints_.next(*endpoint)) {
    endpoint->topic_grown(topic);
  }
}

void LiveShard::topic_gone(const broker::Topic& topic) {
  for (LiveEndpoint* endpoint = endpoints_.front(); endpoint != nullptr;
       endpoint = endpoints_.next(*endpoint)) {
    endpoint->topic_gone(topic);
  }
  for (LogMemory* memory = memories_.front(); memory != nullptr; memory = memories_.next(*memory)) {
    for (const broker::Partition* partition : topic.partitions) memory->forget(*partition->log);
  }
}

bool LiveShard::first_damage(const Uuid& topic, PartitionId partition, Offset offset) {
  const Damage damage{topic, partition, offset};
  if (std::ranges::find(damages_, damage) != damages_.end()) return false;
  damages_[next_damage_++ % kDamagesKept] = damage;
  return true;
}

std::int32_t LiveShard::next_partition(std::int32_t count) {
  return static_cast<std::int32_t>(next_partition_++ % static_cast<std::uint32_t>(count));
}

}  // namespace duolog::session

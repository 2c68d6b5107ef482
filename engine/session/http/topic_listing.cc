#include "engine/session/http/topic_listing.h"

#include "engine/broker/authorize.h"
#include "engine/broker/cluster.h"

namespace duolog::session {
namespace {

ListedPartition describe(const broker::Topic& topic, const broker::Partition& partition) {
  const storage::Log& log = *partition.log;
  ListedPartition listed{.topic = &topic,
                         .partition = partition.id,
                         .offline = log.offline,
                         .start = log.start_offset(),
                         .end = log.high_watermark(),
                         .size_bytes = 0};
  listed.size_bytes = storage::size_bytes(log.segments(), listed.end);
  return listed;
}

}  // namespace

TopicListing list_topics(broker::Broker& broker, std::size_t max_partitions) {
  TopicListing listing;
  const std::uint64_t all = broker.cluster().counters().partitions.get();
  listing.partitions.reserve(std::min<std::size_t>(max_partitions, all));
  for (const auto& [name, topic] : broker.topics()) {
    if (!broker::authorize({}, broker::Operation::kDescribe, {.name = name})) continue;
    for (const broker::Partition* partition : topic->partitions) {
      if (listing.partitions.size() == max_partitions) {
        listing.left_out = all > max_partitions ? all - max_partitions : 0;
        return listing;
      }
      listing.partitions.push_back(describe(*topic, *partition));
    }
  }
  return listing;
}

}  // namespace duolog::session

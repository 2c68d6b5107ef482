#include <utility>
#include <vector>

#include "engine/groups/consumer_protocol.h"
#include "engine/groups/offset_requests.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;
using kafka::OffsetDeleteRequest;
using kafka::OffsetDeleteResponse;
using DeletedOffset = OffsetDeleteResponse::Topic::Partition;

struct Deletion {
  std::string topic;
  PartitionId partition;
  DeletedOffset* response;  // in the call's arena
  bool stored = false;      // that it is gone
};

// The response, with an error for each partition that is not there; the others are `candidates`.
OffsetDeleteResponse plan(const broker::Broker& broker, const OffsetDeleteRequest& request,
                          kafka::Arena& arena, std::vector<Deletion>& candidates) {
  OffsetDeleteResponse response;
  auto topics = arena.make<OffsetDeleteResponse::Topic>(request.topics.size());
  response.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    const broker::Topic* topic = broker.find(asked.name);
    topics[t].name = asked.name;
    auto partitions = arena.make<DeletedOffset>(asked.partitions.size());
    topics[t].partitions = partitions;
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      const PartitionId index = asked.partitions[p].partition_index;
      partitions[p].partition_index = index;
      if (topic == nullptr || topic->partition(index) == nullptr) {
        partitions[p].error_code = ErrorCode::kUnknownTopicOrPartition;
      } else {
        candidates.push_back({topic->name, index, &partitions[p]});
      }
    }
  }
  return response;
}

// What forbids it as a whole.
ErrorCode check(const Group* group, ErrorCode storable) {
  if (group == nullptr) return ErrorCode::kGroupIdNotFound;
  if (group->in_use() && group->protocol_type() != kConsumerProtocolType)
    return ErrorCode::kNonEmptyGroup;
  return storable;
}

}  // namespace

void delete_offsets(GroupCoordinator& coordinator, const OffsetDeleteRequest& request,
                    Reply<OffsetDeleteResponse> reply) {
  if (request.group_id.empty()) return reply.refuse(ErrorCode::kInvalidGroupId);
  std::vector<Deletion> deletions;
  OffsetDeleteResponse response = plan(coordinator.broker(), request, reply.arena(), deletions);
  if (deletions.empty()) return reply(response);
  Group* group = coordinator.find(request.group_id);
  const ErrorCode error =
      check(group, group == nullptr ? ErrorCode::kNone : coordinator.check_store(*group));
  if (error != ErrorCode::kNone) return reply.refuse(error);
  auto batch = coordinator.new_batch(*group);
  for (Deletion& deletion : deletions) {
    if (group->is_subscribed_to(deletion.topic)) {
      deletion.response->error_code = ErrorCode::kGroupSubscribedToTopic;
    } else if (group->offsets.find(deletion.topic, deletion.partition) != nullptr) {
      deletion.stored = batch->remove_offset(group->id, deletion.topic, deletion.partition);
      if (deletion.stored) continue;
      coordinator.give_back(std::move(batch));
      return reply.refuse(ErrorCode::kInvalidRequest);
    }
  }
  if (batch->empty()) {
    coordinator.give_back(std::move(batch));
    return reply(response);
  }
  reply.only_waits_for_log();
  coordinator.store(*group, std::move(batch),
                    [&coordinator, &request, response, deletions = std::move(deletions),
                     reply = std::move(reply)](ErrorCode stored) mutable {
                      if (stored != ErrorCode::kNone) return reply.refuse(store_error(stored));
                      Group* now = coordinator.find(request.group_id);
                      for (const Deletion& deletion : deletions) {
                        if (now == nullptr) break;
                        // What was committed meanwhile is behind this in the log, and stays.
                        if (!deletion.stored) continue;
                        coordinator.remove_offset(*now, deletion.topic, deletion.partition);
                      }
                      reply(response);
                    });
}

}  // namespace duolog::groups

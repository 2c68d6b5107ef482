#include <limits>
#include <utility>
#include <vector>

#include "engine/groups/group_routes.h"
#include "engine/groups/offset_requests.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;
using kafka::OffsetCommitRequest;
using kafka::OffsetCommitResponse;

constexpr std::int16_t kFirstVersionWithGroupErrors = 9;  // GROUP_ID_NOT_FOUND
constexpr std::int64_t kDefaultRetention = -1;

// One partition's offset on its way.
struct Commit {
  std::string_view topic;  // in the call's arena
  PartitionId partition;
  CommittedOffset committed;
};

// So many milliseconds later, or at the end of time.
Timestamp after(Timestamp now, std::int64_t ms) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  return Timestamp(ms > kLast - now.value ? kLast : now.value + ms);
}

// Whether this member may commit for this group.
ErrorCode check_member(Group* group, const Client& client, const OffsetCommitRequest& request) {
  if (group != nullptr) return group->check_commit(request);
  if (request.generation_id_or_member_epoch < 0) return ErrorCode::kNone;
  return client.version >= kFirstVersionWithGroupErrors ? ErrorCode::kGroupIdNotFound
                                                        : ErrorCode::kIllegalGeneration;
}

// An OffsetCommit request, up to what is to be stored.
class CommitPlan {
 public:
  CommitPlan(GroupCoordinator& coordinator, const Client& client,
             const OffsetCommitRequest& request, kafka::Arena& arena)
      : coordinator_(coordinator), client_(client), request_(request), arena_(arena) {
    take();
  }

  [[nodiscard]] OffsetCommitResponse& response() { return response_; }
  // Partitions that there are; whether they are committed is for the group to say.
  [[nodiscard]] bool has_candidates() const { return !candidates_.empty(); }
  // Sets the error of each candidate.
  void refuse(ErrorCode error) {
    for (const Candidate& candidate : candidates_) candidate.response->error_code = error;
  }
  // The candidates to be stored; the others get their errors. Once.
  [[nodiscard]] std::vector<Commit> commits();

 private:
  using PartitionRequest = OffsetCommitRequest::Topic::Partition;
  using PartitionResponse = OffsetCommitResponse::Topic::Partition;
  struct Candidate {
    std::string_view topic;
    Uuid topic_id;
    const PartitionRequest* asked;
    PartitionResponse* response;
  };
  void take();
  void take_topic(const OffsetCommitRequest::Topic& asked, OffsetCommitResponse::Topic& response);

  GroupCoordinator& coordinator_;
  const Client& client_;
  const OffsetCommitRequest& request_;
  kafka::Arena& arena_;
  OffsetCommitResponse response_;
  std::vector<Candidate> candidates_;
};

void CommitPlan::take() {
  auto topics = arena_.make<OffsetCommitResponse::Topic>(request_.topics.size());
  response_.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) take_topic(request_.topics[t], topics[t]);
}

void CommitPlan::take_topic(const OffsetCommitRequest::Topic& asked,
                            OffsetCommitResponse::Topic& response) {
  const bool by_id = client_.version >= kFirstOffsetsVersionWithIds;
  const broker::Broker& broker = coordinator_.broker();
  const broker::Topic* topic = by_id ? broker.find(asked.topic_id) : broker.find(asked.name);
  response.name = asked.name;
  response.topic_id = asked.topic_id;
  auto partitions = arena_.make<PartitionResponse>(asked.partitions.size());
  response.partitions = partitions;
  const bool allowed =
      topic == nullptr ||
      broker::authorize(client_.principal, broker::Operation::kRead, {.name = topic->name});
  const std::string_view name = topic == nullptr ? asked.name : arena_.copy(topic->name);
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    partitions[p].partition_index = asked.partitions[p].partition_index;
    if (topic == nullptr && by_id) {
      partitions[p].error_code = ErrorCode::kUnknownTopicId;
    } else if (!allowed) {
      partitions[p].error_code = ErrorCode::kTopicAuthorizationFailed;
    } else if (topic == nullptr ||
               topic->partition(asked.partitions[p].partition_index) == nullptr) {
      partitions[p].error_code = ErrorCode::kUnknownTopicOrPartition;
    } else {
      candidates_.push_back({name, topic->id, &asked.partitions[p], &partitions[p]});
    }
  }
}

std::vector<Commit> CommitPlan::commits() {
  const Timestamp now = coordinator_.shard().wall_now();
  const bool expires = request_.retention_time_ms != kDefaultRetention;
  std::vector<Commit> commits;
  commits.reserve(candidates_.size());
  for (const Candidate& candidate : candidates_) {
    const std::string_view metadata = candidate.asked->committed_metadata.value_or("");
    if (utf16_length(metadata) > coordinator_.settings().offset_metadata_max_bytes) {
      candidate.response->error_code = ErrorCode::kOffsetMetadataTooLarge;
      continue;
    }
    commits.push_back({candidate.topic,
                       candidate.asked->partition_index,
                       {.offset = candidate.asked->committed_offset,
                        .leader_epoch = candidate.asked->committed_leader_epoch,
                        .metadata = std::string(metadata),
                        .commit_time = now,
                        .expiry = expires ? after(now, request_.retention_time_ms) : kNoExpiry,
                        .topic_id = candidate.topic_id}});
  }
  return commits;
}

// Null: a commit does not fit.
std::unique_ptr<GroupBatch> batch_of(GroupCoordinator& coordinator, const Group& group,
                                     const std::vector<Commit>& commits) {
  auto batch = coordinator.new_batch(group);
  for (const Commit& commit : commits) {
    if (!batch->add_offset(group.id, commit.topic, commit.partition, commit.committed)) {
      return nullptr;
    }
  }
  return batch;
}

std::size_t count_new(const Group& group, const std::vector<Commit>& commits) {
  std::size_t count = 0;
  for (const Commit& commit : commits) {
    if (group.offsets.find(commit.topic, commit.partition) == nullptr) ++count;
  }
  return count;
}

}  // namespace

OffsetCommitResponse failed_commit(const OffsetCommitRequest& request, ErrorCode error,
                                   kafka::Arena& arena) {
  OffsetCommitResponse response;
  auto topics = arena.make<OffsetCommitResponse::Topic>(request.topics.size());
  response.topics = topics;
  for (std::size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    topics[t].name = asked.name;
    topics[t].topic_id = asked.topic_id;
    auto partitions = arena.make<OffsetCommitResponse::Topic::Partition>(asked.partitions.size());
    topics[t].partitions = partitions;
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      partitions[p] = {asked.partitions[p].partition_index, error};
    }
  }
  return response;
}

void commit_offsets(GroupCoordinator& coordinator, const Client& client,
                    const OffsetCommitRequest& request, Reply<OffsetCommitResponse> reply) {
  CommitPlan plan(coordinator, client, request, reply.arena());
  if (!plan.has_candidates()) return reply(plan.response());
  const auto refuse = [&](ErrorCode error) {
    plan.refuse(error);
    reply(plan.response());
  };
  if (const ErrorCode error = check_member(coordinator.find(request.group_id), client, request);
      error != ErrorCode::kNone) {
    return refuse(error);
  }
  std::vector<Commit> commits = plan.commits();
  if (commits.empty()) return reply(plan.response());
  Group* group = coordinator.find_or_make(request.group_id);
  if (group == nullptr || !coordinator.has_room_for(count_new(*group, commits))) {
    return refuse(ErrorCode::kPolicyViolation);
  }
  if (const ErrorCode error = coordinator.check_store(*group); error != ErrorCode::kNone) {
    return refuse(error);
  }
  auto batch = batch_of(coordinator, *group, commits);
  if (batch == nullptr) return refuse(ErrorCode::kInvalidCommitOffsetSize);
  reply.only_waits_for_log();
  coordinator.store(*group, std::move(batch),
                    [&coordinator, &request, plan = std::move(plan), commits = std::move(commits),
                     reply = std::move(reply)](ErrorCode error) mutable {
                      Group* durable =
                          error == ErrorCode::kNone ? coordinator.find(request.group_id) : nullptr;
                      if (error == ErrorCode::kNone && durable == nullptr)
                        error = ErrorCode::kNotCoordinator;
                      if (error != ErrorCode::kNone) plan.refuse(store_error(error));
                      for (Commit& commit : commits) {
                        if (durable == nullptr) break;
                        coordinator.put_offset(*durable, commit.topic, commit.partition,
                                               std::move(commit.committed));
                      }
                      reply(plan.response());
                    });
}

}  // namespace duolog::groups

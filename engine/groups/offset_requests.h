// What a coordinator answers to OffsetCommit, OffsetFetch and OffsetDelete.
//
// On the coordinator's shard, for a group of which ready_for says that it may be asked for. What is
// stored is durable before it is answered, and what is not durable yet is not fetched.
#pragma once

#include <cstdint>

#include "engine/groups/group_call.h"
#include "engine/groups/group_coordinator.h"
#include "net/kafka/group_offsets.h"

namespace duolog::groups {

// The first version with topic ids in place of names, of OffsetCommit and OffsetFetch.
inline constexpr std::int16_t kFirstOffsetsVersionWithIds = 10;

void commit_offsets(GroupCoordinator& coordinator, const Client& client,
                    const kafka::OffsetCommitRequest& request,
                    Reply<kafka::OffsetCommitResponse> reply);
// The answer to a commit that failed as a whole.
[[nodiscard]] kafka::OffsetCommitResponse failed_commit(const kafka::OffsetCommitRequest& request,
                                                        kafka::ErrorCode error,
                                                        kafka::Arena& arena);

// One group of an OffsetFetch request; null topics are all.
struct FetchedGroup {
  kafka::OffsetFetchRequest::Group group;
  std::int16_t version = 0;
};
void fetch_offsets(GroupCoordinator& coordinator, const FetchedGroup& asked,
                   Reply<kafka::OffsetFetchResponse::Group> reply);
[[nodiscard]] kafka::OffsetFetchResponse::Group failed_fetch(const FetchedGroup& asked,
                                                             kafka::ErrorCode error,
                                                             kafka::Arena& arena);

void delete_offsets(GroupCoordinator& coordinator, const kafka::OffsetDeleteRequest& request,
                    Reply<kafka::OffsetDeleteResponse> reply);

}  // namespace duolog::groups

// The dispatch's table: one row an API. An API is advertised by kafka::kApis exactly if it has a
// row here; else this does not compile. What clients must be allowed is as in Kafka.
//
// Constants; any thread. Only the dispatch and its tests include it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "engine/session/kafka/requests/handlers.h"
#include "engine/session/kafka/served_api.h"
#include "net/kafka/api.h"

namespace duolog::session {
namespace detail {

using broker::Operation;
using kafka::ApiKey;
using enum broker::ResourceType;
using enum Asks;

inline constexpr ServedApi kRows[] = {
    {ApiKey::kProduce, produce, kEach, Operation::kWrite, kTopic},
    {ApiKey::kFetch, fetch, kEach, Operation::kRead, kTopic},
    {ApiKey::kListOffsets, list_offsets, kEach, Operation::kDescribe, kTopic},
    // Those that it creates: kCreate as well.
    {ApiKey::kMetadata, metadata, kEach, Operation::kDescribe, kTopic},
    // The topics of which a group keeps offsets: its coordinator asks.
    {ApiKey::kOffsetCommit, offset_commit, kEach, Operation::kRead, kGroup},
    {ApiKey::kOffsetFetch, offset_fetch, kEach, Operation::kDescribe, kGroup},
    {ApiKey::kFindCoordinator, find_coordinator, kEach, Operation::kDescribe, kGroup},
    {ApiKey::kJoinGroup, join_group, kEach, Operation::kRead, kGroup},
    {ApiKey::kHeartbeat, group_heartbeat, kEach, Operation::kRead, kGroup},
    {ApiKey::kLeaveGroup, leave_group, kEach, Operation::kRead, kGroup},
    {ApiKey::kSyncGroup, sync_group, kEach, Operation::kRead, kGroup},
    {ApiKey::kDescribeGroups, describe_groups, kEach, Operation::kDescribe, kGroup},
    {ApiKey::kListGroups, list_groups, kEach, Operation::kDescribe, kGroup},
    {ApiKey::kApiVersions, api_versions, kNobody},
    {ApiKey::kCreateTopics, create_topics, kClusterFirst, Operation::kCreate, kTopic},
    {ApiKey::kDeleteTopics, delete_topics, kEach, Operation::kDelete, kTopic},
    {ApiKey::kDeleteRecords, delete_records, kEach, Operation::kDelete, kTopic},
    // Without a transactional id.
    {ApiKey::kInitProducerId, init_producer_id, kClusterFirst, Operation::kIdempotentWrite,
     kCluster},
    {ApiKey::kOffsetForLeaderEpoch, offset_for_leader_epoch, kEach, Operation::kDescribe, kTopic},
    {ApiKey::kDescribeAcls, describe_acls, kClusterFirst, Operation::kDescribe, kCluster},
    // Settings are a topic's, a group's or the cluster's: config_access.h.
    {ApiKey::kDescribeConfigs, describe_configs, kEach, Operation::kDescribeConfigs},
    {ApiKey::kAlterConfigs, alter_configs, kEach, Operation::kAlterConfigs},
    {ApiKey::kCreatePartitions, create_partitions, kEach, Operation::kAlter, kTopic},
    {ApiKey::kDeleteGroups, delete_groups, kEach, Operation::kDelete, kGroup},
    {ApiKey::kIncrementalAlterConfigs, incremental_alter_configs, kEach, Operation::kAlterConfigs},
    {ApiKey::kOffsetDelete, offset_delete, kEach, Operation::kDelete, kGroup},
    {ApiKey::kDescribeCluster, describe_cluster, kNobody},
    {ApiKey::kDescribeTopicPartitions, describe_topic_partitions, kEach, Operation::kDescribe,
     kTopic},
};

// What follows compares places, not addresses: those are no constants for a compiler that checks
// for null pointers (-fsanitize=undefined).
inline constexpr std::size_t kNoRow = std::size(kRows);

// By the place of an API in kafka::kApis: the place of its row; kNoRow: it is not served.
inline constexpr auto kByIndex = [] {
  std::array<std::size_t, kafka::kApis.size()> rows{};
  rows.fill(kNoRow);
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    const std::size_t index = kafka::api_index(static_cast<std::int16_t>(kRows[i].key));
    if (index < rows.size()) rows[index] = i;
  }
  return rows;
}();

inline constexpr ApiKey kNone{-1};

// The first API that is advertised and has no row.
inline constexpr ApiKey kNotServed = [] {
  for (std::size_t i = 0; i < kByIndex.size(); ++i) {
    if (kafka::kApis[i].advertised && kByIndex[i] == kNoRow) return kafka::kApis[i].key;
  }
  return kNone;
}();
// The first that has a row and is not advertised.
inline constexpr ApiKey kNotAdvertised = [] {
  for (const ServedApi& row : kRows) {
    const std::size_t index = kafka::api_index(static_cast<std::int16_t>(row.key));
    if (index == kafka::kApis.size() || !kafka::kApis[index].advertised) return row.key;
  }
  return kNone;
}();
// The first that does not come after the one before it.
inline constexpr ApiKey kOutOfOrder = [] {
  for (std::size_t i = 1; i < std::size(kRows); ++i) {
    if (kRows[i].key <= kRows[i - 1].key) return kRows[i].key;
  }
  return kNone;
}();

static_assert(kNotServed == kNone, "an API that kafka::kApis advertises has no row above");
static_assert(kNotAdvertised == kNone, "a row above is of an API that kafka::kApis does not have");
static_assert(kOutOfOrder == kNone, "the rows above are in the order of their keys, one each");

}  // namespace detail

inline constexpr std::span<const ServedApi> kServedApis = detail::kRows;

// Of an API of kafka::kApis, by its place there; null: it is not served.
[[nodiscard]] constexpr const ServedApi* served_api(std::size_t index) {
  const std::size_t row = detail::kByIndex[index];
  return row == detail::kNoRow ? nullptr : &detail::kRows[row];
}

}  // namespace duolog::session

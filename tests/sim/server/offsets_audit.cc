#include "tests/sim/server/offsets_audit.h"

#include <fmt/format.h>

#include "net/kafka/group_offsets.h"
#include "net/kafka/offsets.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kOffsetsAuditVersion = 9;
constexpr std::int16_t kListStartsVersion = 7;
constexpr std::int32_t kOffsetsPartitions = 2;  // small_config's

}  // namespace

SimOffsetsAudit::SimOffsetsAudit(World& world, std::vector<std::string> groups)
    : Client(world, "audit-groups"),
      groups_(std::move(groups)),
      knows_starts_(groups_.empty()),
      peer_(world.kernel, world.oracle, "audit-groups") {}

std::string SimOffsetsAudit::describe() const {
  return fmt::format("{}: {} groups to go; last error: {}", name(), groups_.size(), last_error_);
}

void SimOffsetsAudit::on_turn() {
  while (auto response = peer_.take()) {
    if (response->api == kafka::ApiKey::kOffsetFetch) {
      on_offsets(*response);
    } else {
      on_starts(*response);
    }
  }
  if (done()) return peer_.drop();
  act_in_us(kRetryUs);
  if (peer_.ended() && !peer_.connect()) return;
  if (peer_.unanswered() > 0) return;
  groups_.empty() ? ask_starts() : ask_offsets();
}

void SimOffsetsAudit::ask_offsets() {
  kafka::OffsetFetchRequest::Group group{
      .group_id = groups_.back(),
      .topics = kafka::Array<kafka::OffsetFetchRequest::Group::Topic>::null()};
  asked_ = world_.groups.now();
  peer_.send(kOffsetsAuditVersion,
             kafka::OffsetFetchRequest{.groups = std::span(&group, 1), .require_stable = true}, 0);
}

void SimOffsetsAudit::on_offsets(KafkaPeer::Response& response) {
  kafka::OffsetFetchResponse message;
  if (!response.read(oracle(), message)) return;
  if (message.groups.size() != 1 || message.groups[0].group_id != groups_.back()) {
    return oracle().wrong(name() + ": offsets of another group");
  }
  const auto& group = message.groups[0];
  if (group.error_code != ErrorCode::kNone) {
    last_error_ = std::string(kafka::name(group.error_code));
    return;
  }
  std::set<GroupPartition> seen;
  for (const auto& topic : group.topics) {
    for (const auto& partition : topic.partitions) {
      const GroupPartition where{groups_.back(), std::string(topic.name),
                                 partition.partition_index.value};
      world_.groups.found(where, partition.committed_offset, asked_);
      seen.insert(where);
    }
  }
  for (const GroupPartition& where : world_.groups.partitions()) {
    if (where.group != groups_.back() || seen.contains(where)) continue;
    world_.groups.found(where, Offset(-1), asked_);
  }
  groups_.pop_back();
}

void SimOffsetsAudit::ask_starts() {
  std::vector<kafka::ListOffsetsRequest::Topic::Partition> partitions;
  for (std::int32_t i = 0; i < kOffsetsPartitions; ++i) {
    partitions.push_back({.partition_index = PartitionId(i), .timestamp = kafka::kEarliestOffset});
  }
  kafka::ListOffsetsRequest::Topic topic{.name = "__consumer_offsets",
                                         .partitions = std::span(partitions)};
  peer_.send(kListStartsVersion,
             kafka::ListOffsetsRequest{.replica_id = -1, .topics = std::span(&topic, 1)}, 0);
}

void SimOffsetsAudit::on_starts(KafkaPeer::Response& response) {
  kafka::ListOffsetsResponse message;
  if (!response.read(oracle(), message)) return;
  rewritten_ = 0;
  for (const auto& partition : message.topics[0].partitions) {
    if (partition.error_code != ErrorCode::kNone) {
      last_error_ = std::string(kafka::name(partition.error_code));
      return;
    }
    if (partition.offset.value > 0) ++rewritten_;
  }
  knows_starts_ = true;
}

}  // namespace duolog::sim

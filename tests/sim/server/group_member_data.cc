// What a SimMember reads and commits.
#include <fmt/format.h>

#include "net/kafka/fetch.h"
#include "net/kafka/group_offsets.h"
#include "net/kafka/offsets.h"
#include "tests/sim/server/group_member.h"
#include "tests/sim/server/records.h"

namespace duolog::sim {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kCommitVersion = 9;
constexpr std::int16_t kOffsetsVersion = 9;
constexpr std::int16_t kMemberFetchVersion = 12;
constexpr std::int16_t kStartsVersion = 7;

}  // namespace

void SimMember::ask_offsets() {
  std::vector<PartitionId> partitions;
  for (const auto& [partition, owned] : owned_) partitions.emplace_back(partition);
  kafka::OffsetFetchRequest::Group::Topic topic{.name = plan_.topic,
                                                .partition_indexes = std::span(partitions)};
  kafka::OffsetFetchRequest::Group group{.group_id = plan_.group, .topics = std::span(&topic, 1)};
  asked_offsets_ = world_.groups.now();
  coordinator_.send(
      kOffsetsVersion,
      kafka::OffsetFetchRequest{.groups = std::span(&group, 1), .require_stable = true},
      assignment_);
}

void SimMember::on_offsets(KafkaPeer::Response& response) {
  kafka::OffsetFetchResponse message;
  if (!response.read(oracle(), message)) return;
  if (phase_ != Phase::kStarting || response.tag != assignment_) return;
  if (message.groups.size() != 1) return oracle().wrong(name() + ": offsets of no group");
  const auto& group = message.groups[0];
  if (group.error_code != ErrorCode::kNone) return on_error(group.error_code);
  for (const auto& topic : group.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::kNone) return on_error(partition.error_code);
      const std::int32_t index = partition.partition_index.value;
      world_.groups.found(at(index), partition.committed_offset, asked_offsets_);
      const auto owned = owned_.find(index);
      if (owned == owned_.end()) return oracle().wrong(name() + ": an offset not asked for");
      owned->second.position = partition.committed_offset;
      owned->second.lost = partition.committed_offset.value < 0;
    }
  }
  go(Phase::kStable);
}

void SimMember::commit(std::int32_t generation, const std::map<std::int32_t, Owned>& of) {
  Commit commit{
      .generation = generation, .least = world_.groups.generation_of(plan_.group), .numbers = {}};
  std::vector<kafka::OffsetCommitRequest::Topic::Partition> partitions;
  for (const auto& [partition, owned] : of) {
    if (owned.position.value < 0 || owned.lost) continue;
    commit.numbers[partition] = world_.groups.committing(at(partition), owned.position);
    partitions.push_back(
        {.partition_index = PartitionId(partition), .committed_offset = owned.position});
  }
  if (partitions.empty()) return;
  kafka::OffsetCommitRequest::Topic topic{.name = plan_.topic, .partitions = std::span(partitions)};
  coordinator_.send(kCommitVersion,
                    kafka::OffsetCommitRequest{.group_id = plan_.group,
                                               .generation_id_or_member_epoch = generation,
                                               .member_id = member_id_,
                                               .group_instance_id = instance(),
                                               .topics = std::span(&topic, 1)},
                    next_tag_);
  commits_[next_tag_++] = std::move(commit);
}

void SimMember::on_committed(KafkaPeer::Response& response) {
  kafka::OffsetCommitResponse message;
  if (!response.read(oracle(), message)) return;
  const auto found = commits_.find(response.tag);
  if (found == commits_.end()) return oracle().wrong(name() + ": a commit is answered twice");
  const Commit commit = std::move(found->second);
  commits_.erase(found);
  ErrorCode error = ErrorCode::kNone;
  std::size_t answered = 0;
  for (const auto& topic : message.topics) {
    for (const auto& partition : topic.partitions) {
      const auto number = commit.numbers.find(partition.partition_index.value);
      if (number == commit.numbers.end()) return oracle().wrong(name() + ": not committed by it");
      ++answered;
      using Outcome = GroupOracle::Outcome;
      Outcome outcome = Outcome::kUnknown;
      switch (partition.error_code) {
        case ErrorCode::kNone:
          outcome = Outcome::kAcked;
          break;
        case ErrorCode::kUnknownMemberId:
        case ErrorCode::kIllegalGeneration:
        case ErrorCode::kFencedInstanceId:
        case ErrorCode::kRebalanceInProgress:
        case ErrorCode::kCoordinatorLoadInProgress:
          outcome = Outcome::kRefused;
          break;
        default:
          break;
      }
      world_.groups.committed(at(number->first), number->second, outcome);
      if (outcome != Outcome::kAcked) error = partition.error_code;
    }
  }
  if (answered != commit.numbers.size()) oracle().wrong(name() + ": a commit is half answered");
  if (error == ErrorCode::kNone) {
    if (commit.generation < commit.least) {
      oracle().wrong(fmt::format("{}: a commit of generation {} is acked, and {} had begun", name(),
                                 commit.generation, commit.least));
    }
    ++beats_;
    return act_in_us(0);
  }
  last_error_ = std::string(kafka::name(error));
  if (phase_ != Phase::kStable || commit.generation != generation_) return;
  // It is tried again with the next commit.
  if (error == ErrorCode::kCoordinatorLoadInProgress || error == ErrorCode::kKafkaStorageError) {
    return;
  }
  on_error(error);
}

void SimMember::take_data() {
  while (auto response = data_.take()) {
    if (response->api == kafka::ApiKey::kFetch) {
      on_fetched(*response);
    } else {
      on_starts(*response);
    }
  }
}

void SimMember::ask_starts() {
  std::vector<kafka::ListOffsetsRequest::Topic::Partition> partitions;
  for (const auto& [partition, owned] : owned_) {
    if (!owned.lost) continue;
    partitions.push_back(
        {.partition_index = PartitionId(partition), .timestamp = kafka::kEarliestOffset});
  }
  kafka::ListOffsetsRequest::Topic topic{.name = plan_.topic, .partitions = std::span(partitions)};
  data_.send(kStartsVersion,
             kafka::ListOffsetsRequest{.replica_id = -1, .topics = std::span(&topic, 1)},
             assignment_);
}

void SimMember::on_starts(KafkaPeer::Response& response) {
  kafka::ListOffsetsResponse message;
  if (!response.read(oracle(), message) || response.tag != assignment_) return;
  for (const auto& partition : message.topics[0].partitions) {
    const auto owned = owned_.find(partition.partition_index.value);
    if (partition.error_code != ErrorCode::kNone || owned == owned_.end()) return data_.drop();
    owned->second.position = partition.offset;
    owned->second.lost = false;
  }
}

void SimMember::fetch() {
  const bool late = kernel().now_ns() - data_.waits_since_ns() > kAnswerWithinUs * 1'000;
  if ((data_.ended() || late) && !data_.connect()) return;
  if (data_.unanswered() > 0) return;
  std::vector<kafka::FetchRequest::Topic::Partition> partitions;
  for (auto& [partition, owned] : owned_) {
    if (owned.lost) return ask_starts();
    owned.promised_end = oracle().end_of({plan_.topic_id, partition});
    partitions.push_back({.partition = PartitionId(partition),
                          .fetch_offset = owned.position,
                          .partition_max_bytes = 16 * 1024});
  }
  kafka::FetchRequest::Topic topic{.topic = plan_.topic, .partitions = std::span(partitions)};
  data_.send(kMemberFetchVersion,
             kafka::FetchRequest{.max_wait_ms = 100,
                                 .min_bytes = 1,
                                 .max_bytes = 1 << 16,
                                 .session_epoch = -1,
                                 .topics = std::span(&topic, 1)},
             assignment_);
}

void SimMember::on_fetched(KafkaPeer::Response& response) {
  kafka::FetchResponse message;
  if (!response.read(oracle(), message) || response.tag != assignment_) return;
  if (message.error_code != ErrorCode::kNone || message.responses.empty()) return data_.drop();
  for (const auto& answer : message.responses[0].partitions) {
    const std::int32_t index = answer.partition_index.value;
    const auto found = owned_.find(index);
    if (found == owned_.end()) return oracle().wrong(name() + ": a partition not asked for");
    Owned& owned = found->second;
    const PartitionKey where{plan_.topic_id, index};
    if (answer.error_code == ErrorCode::kOffsetOutOfRange) {
      if (owned.position <= owned.promised_end && !oracle().may_be_trimmed(where, owned.position)) {
        oracle().wrong(
            fmt::format("{}: {} is out of range, and was not", name(), owned.position.value));
      }
      owned.lost = true;
      continue;
    }
    if (answer.error_code != ErrorCode::kNone) return data_.drop();
    if (answer.high_watermark < owned.promised_end) {
      oracle().wrong(fmt::format("{}: the high watermark is {}, and {} was acked or seen before",
                                 name(), answer.high_watermark.value,
                                 owned.promised_end.value - 1));
    }
    if (!read_records(oracle(), name(), where, answer.records.bytes(), owned.position)) return;
  }
}

}  // namespace duolog::sim

// The growth of a GroupLog: its groups are written anew, and what is older goes.
//
// A group is copied when nothing of it is under way, so that no older record comes behind a newer
// one; until it has been, what it wants to store beside something that is under way is refused for
// that moment.
#include <algorithm>
#include <vector>

#include "engine/groups/group_coordinator.h"
#include "engine/groups/group_log.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;

// What a record takes besides its texts, about: its length, times, numbers, versions.
constexpr std::uint64_t kRecordBytes = 48;
constexpr std::size_t kGroupsCopiedPerTurn = 256;
constexpr std::size_t kBytesPerTurn = 256U << 10;

std::uint64_t size_of(const Group& group) {
  std::uint64_t bytes = 0;
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    bytes += partitions.size() * (kRecordBytes + group.id.size() + topic.size());
    for (const auto& [partition, committed] : partitions) bytes += committed.metadata.size();
  }
  if (!group.stored) return bytes;
  bytes += kRecordBytes + group.id.size();
  for (const MemberMetadata& member : group.stored->members) {
    bytes += 2 * kRecordBytes + member.subscription.size() + member.assignment.size();
  }
  return bytes;
}

}  // namespace

std::uint64_t GroupLog::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [id, group] : coordinator_.groups()) {
    if (group->partition == id_) bytes += size_of(*group);
  }
  return bytes;
}

void GroupLog::check_growth() {
  if (state_ != State::kReady || rewriting_) return;
  const GroupSettings& settings = coordinator_.settings();
  const storage::LogEnd end = partition_->log->appended();
  const std::uint64_t size = end.position - start_;
  // Not with every append: the groups are counted.
  if (size < settings.rewrite_bytes || end.position - checked_ < settings.rewrite_bytes / 2) return;
  checked_ = end.position;
  if (size / settings.rewrite_ratio < live_bytes()) return;
  rewriting_ = true;
  rewrite_failed_ = false;
  copy_start_ = end.offset;
  copy_position_ = end.position;
  for (const auto& [id, group] : coordinator_.groups()) {
    if (group->partition != id_) continue;
    group->to_copy = true;
    to_copy_.push_back(id);
  }
  later(&GroupLog::rewrite_some);
}

// Copies groups as they are now. What is collected is appended before the turn goes on, so that
// nothing else of these groups comes before it.
void GroupLog::rewrite_some() {
  if (state_ != State::kReady) return end_rewrite();
  std::size_t bytes = 0;
  const std::size_t most = std::min(kGroupsCopiedPerTurn, to_copy_.size());
  for (std::size_t i = 0; i < most && bytes < kBytesPerTurn && !rewrite_failed_; ++i) {
    std::string id = std::move(to_copy_.front());
    to_copy_.pop_front();
    Group* group = coordinator_.find(id);
    if (group == nullptr) continue;
    if (group->stores > 0) {
      to_copy_.push_back(std::move(id));
      continue;
    }
    group->to_copy = false;
    bytes += size_of(*group);
    if (!copy(*group)) rewrite_failed_ = true;
  }
  flush_copy();
  if (rewrite_failed_) return end_rewrite();
  if (!to_copy_.empty()) return later(&GroupLog::rewrite_some);
  if (copies_ == 0) copied(ErrorCode::kNone);
}

// False: a record does not fit into a batch.
bool GroupLog::copy(Group& group) {
  const auto add = [&](auto add_to) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (copy_ == nullptr) copy_ = coordinator_.take_batch(max_batch_bytes());
      if (add_to(*copy_)) return true;
      flush_copy();
    }
    return false;
  };
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    for (const auto& [partition, committed] : partitions) {
      const bool added = add([&](GroupBatch& batch) {
        return batch.add_offset(group.id, topic, partition, committed);
      });
      if (!added) return false;
    }
  }
  return !group.stored ||
         add([&](GroupBatch& batch) { return batch.add_group(group.id, *group.stored); });
}

void GroupLog::flush_copy() {
  if (copy_ == nullptr) return;
  if (copy_->empty()) return coordinator_.give_back(std::move(copy_));
  ++copies_;
  append({}, std::move(copy_), broker::Acks::kFlushed, [this](ErrorCode error) {
    --copies_;
    copied(error);
  });
}

// A batch of the copy is flushed, or never will be. With the last one the old part goes: what a
// topic says of its durability is said of what is committed, not of what had been flushed before.
void GroupLog::copied(ErrorCode error) {
  if (error != ErrorCode::kNone) rewrite_failed_ = true;
  if (!rewriting_ || copies_ > 0 || !to_copy_.empty() || state_ != State::kReady) return;
  if (rewrite_failed_) return end_rewrite();
  ++under_way_;
  std::vector<broker::LogStart> starts{
      {.topic = partition_->topic.id, .partition = id_, .start = copy_start_}};
  coordinator_.broker().move_log_starts(std::move(starts),
                                        [this](const std::vector<broker::LogStart>& moved) {
                                          GroupCoordinator& coordinator = coordinator_;
                                          --under_way_;
                                          if (moved[0].error == ErrorCode::kNone) {
                                            start_ = copy_position_;
                                            coordinator.counters().rewrites.add();
                                          }
                                          end_rewrite();
                                          coordinator.collect_gone();
                                        });
}

void GroupLog::end_rewrite() {
  for (const std::string& id : to_copy_) {
    if (Group* group = coordinator_.find(id)) group->to_copy = false;
  }
  to_copy_.clear();
  rewriting_ = false;
  checked_ = state_ == State::kReady ? partition_->log->appended().position : checked_;
}

}  // namespace duolog::groups

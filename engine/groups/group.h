// Group: one consumer group at its coordinator: what it has committed, and what is stored of it.
//
// The coordinator's, on its shard.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/ids.h"
#include "engine/groups/group_metadata.h"
#include "engine/groups/group_records.h"
#include "net/kafka/errors.h"
#include "net/kafka/group_offsets.h"

namespace duolog::groups {

class ClassicGroup;

inline constexpr Timestamp kNever{-1};

// By topic and partition. Only what is durable is here.
class GroupOffsets {
 public:
  using Partitions = std::map<PartitionId, CommittedOffset>;
  using Topics = std::map<std::string, Partitions, std::less<>>;

  [[nodiscard]] const Topics& topics() const { return topics_; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }

  [[nodiscard]] const CommittedOffset* find(std::string_view topic, PartitionId partition) const {
    const auto by_name = topics_.find(topic);
    if (by_name == topics_.end()) return nullptr;
    const auto found = by_name->second.find(partition);
    return found == by_name->second.end() ? nullptr : &found->second;
  }
  void put(std::string_view topic, PartitionId partition, CommittedOffset committed) {
    auto by_name = topics_.find(topic);
    if (by_name == topics_.end()) by_name = topics_.try_emplace(std::string(topic)).first;
    if (by_name->second.insert_or_assign(partition, std::move(committed)).second) ++count_;
  }
  void remove(std::string_view topic, PartitionId partition) {
    const auto by_name = topics_.find(topic);
    if (by_name == topics_.end()) return;
    count_ -= by_name->second.erase(partition);
    if (by_name->second.empty()) topics_.erase(by_name);
  }

 private:
  Topics topics_;
  std::size_t count_ = 0;
};

struct Group {
  Group(std::string its_id, PartitionId its_partition);
  ~Group();

  const std::string id;
  const PartitionId partition;  // of `__consumer_offsets`
  GroupOffsets offsets;
  std::optional<GroupMetadata> stored;    // null: nothing but offsets
  std::unique_ptr<ClassicGroup> classic;  // null: nobody has joined it or asked for its members
  std::size_t stores = 0;                 // batches of it that are not durable yet
  bool to_copy = false;                   // a rewrite of its log has not come to it
  bool to_sweep = false;                  // a sweep found something under way

  // Somebody is a member of it, or about to be.
  [[nodiscard]] bool in_use() const;
  // Its members are consumers, have their assignments, and none of them reads this topic.
  [[nodiscard]] bool leaves_out(std::string_view topic) const;
  // Since when it is as it is, of a group that somebody has joined; kNever of others.
  [[nodiscard]] Timestamp state_since() const;
  // Its last member has gone, and that could not be stored.
  [[nodiscard]] bool is_stored_with_former_members() const;
  // Empty before anybody has joined.
  [[nodiscard]] std::string_view protocol_type() const;
  // Whether a member reads this topic, or may do so.
  [[nodiscard]] bool is_subscribed_to(std::string_view topic) const;
  // Whether who asks may commit. Counts as a member's heartbeat.
  [[nodiscard]] kafka::ErrorCode check_commit(const kafka::OffsetCommitRequest& request);
  // There is nothing that would be missed.
  [[nodiscard]] bool is_nothing() const {
    return offsets.empty() && !stored && stores == 0 && !in_use();
  }
};

}  // namespace duolog::groups

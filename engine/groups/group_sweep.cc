// Sweeping: what a coordinator's groups have committed and nobody wants any more is removed
// (KIP-211), so many groups a turn.
#include "engine/base/clock.h"
#include "engine/groups/group_coordinator.h"
#include "engine/runtime/runtime.h"

namespace duolog::groups {
namespace {

using kafka::ErrorCode;

constexpr std::size_t kGroupsSweptPerTurn = 256;
constexpr std::size_t kMostStores = 512;  // under way

}  // namespace

void GroupCoordinator::on_sweep_time(runtime::Timer& timer, void* context) {
  auto& self = *static_cast<GroupCoordinator*>(context);
  self.sweep();
  self.shard().timers().arm(
      timer,
      self.shard().now_ns() + self.settings().offsets_retention_check_interval_ms * kNsPerMs);
}

void GroupCoordinator::sweep() {
  if (sweeping_) {
    sweep_again_ = true;
    return;
  }
  sweeping_ = true;
  swept_.clear();
  sweep_later();
}

void GroupCoordinator::sweep_later() {
  shard().hold();
  shard().runtime().run_on(shard().id(), [this](runtime::Shard& here) {
    here.release();
    sweep_some();
  });
}

void GroupCoordinator::sweep_some() {
  auto next = groups_.lower_bound(swept_);
  for (std::size_t i = 0; i < kGroupsSweptPerTurn && next != groups_.end() && !stopping_; ++i) {
    if (sweep_stores_ >= kMostStores) break;
    Group& group = *next->second;
    ++next;
    swept_ = group.id + '\0';  // what comes after it
    sweep(group);              // it may be gone now
  }
  if (next != groups_.end() && !stopping_) {
    // With too many stores under way, the first of them that is done goes on.
    if (sweep_stores_ < kMostStores) sweep_later();
    return;
  }
  sweeping_ = false;
  if (std::exchange(sweep_again_, false) && !stopping_) sweep();
}

// A group that had something under way when a sweep came to it, and has nothing now.
void GroupCoordinator::sweep_skipped(std::string_view group_id) {
  Group* group = find(group_id);
  if (group == nullptr || !group->to_sweep || group->stores > 0 || stopping_) return;
  if (sweep_stores_ + 1 >= kMostStores) return;  // the next sweep comes to it
  sweep(*group);
}

bool GroupCoordinator::is_over(const Group& group, std::string_view topic,
                               const CommittedOffset& committed) const {
  const broker::Topic* known = broker_.find(topic);
  if (known == nullptr) return true;
  if (!committed.topic_id.is_zero() && committed.topic_id != known->id) return true;
  // Of a group whose members all read other topics, what nobody commits any more is over (KIP-211).
  const bool left_behind = group.leaves_out(topic);
  if (group.in_use() && !left_behind) return false;
  const std::int64_t now = broker_.shard().wall_now().value;
  if (committed.expiry != kNoExpiry) return now >= committed.expiry.value;
  // Of a group that had members: since it has none.
  const Timestamp empty_since = left_behind ? kNever : group.state_since();
  const Timestamp since = empty_since == kNever ? committed.commit_time : empty_since;
  return now - since.value >= static_cast<std::int64_t>(settings().offsets_retention_ms);
}

void GroupCoordinator::sweep(Group& group) {
  // What is under way may be newer than what is known here.
  group.to_sweep = group.stores > 0;
  if (group.to_sweep || check_store(group) != ErrorCode::kNone) return;
  if (group.is_nothing()) return settled(std::string(group.id));
  if (group.is_stored_with_former_members()) {
    return store_metadata(group, group.classic->metadata(),
                          [](ErrorCode /*the next one tries*/) {});
  }
  auto batch = new_batch(group);
  std::vector<std::pair<std::string, PartitionId>> removed;
  bool fits = true;
  for (const auto& [topic, partitions] : group.offsets.topics()) {
    for (const auto& [partition, committed] : partitions) {
      if (!fits || !is_over(group, topic, committed)) continue;
      fits = batch->remove_offset(group.id, topic, partition);
      if (fits) removed.emplace_back(topic, partition);
    }
  }
  const bool empty = removed.size() == group.offsets.count() && !group.in_use();
  const bool whole = empty && (!group.stored || batch->remove_group(group.id));
  if (batch->empty()) return give_back(std::move(batch));
  ++sweep_stores_;
  store(group, std::move(batch),
        [this, id = group.id, removed = std::move(removed), whole](ErrorCode error) {
          if (sweep_stores_-- == kMostStores && sweeping_) sweep_later();
          Group* now = error == ErrorCode::kNone ? find(id) : nullptr;
          if (now == nullptr) return;
          for (const auto& [topic, partition] : removed) remove_offset(*now, topic, partition);
          counters_.expired_offsets.add(removed.size());
          if (whole) now->stored.reset();
        });
}

}  // namespace duolog::groups

// ClassicGroup: the phases of a rebalance.
#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/check.h"
#include "engine/groups/classic_group.h"
#include "engine/groups/consumer_protocol.h"

namespace duolog::groups {
namespace {

// However short the members' own time-out is: the thread has others to serve.
constexpr std::int32_t kLeastWaitForStaticsMs = 1'000;

}  // namespace

void ClassicGroup::transition(GroupState state) {
  state_ = state;
  state_since_ = host_.wall_now();
}

bool ClassicGroup::all_joined() const {
  return pending_.empty() && std::ranges::all_of(members_, [](const auto& entry) {
           return static_cast<bool>(entry.second->join);
         });
}

void ClassicGroup::rebalance_or_complete() {
  if (state_ == GroupState::kPreparingRebalance) return complete_if_all_joined();
  prepare_rebalance();
}

// Everybody has to join again. The first rebalance waits a while, since members of a new group
// mostly start together, and each that came later would cost a rebalance of its own.
void ClassicGroup::prepare_rebalance() {
  host_.counters().rebalances.add();
  if (state_ == GroupState::kCompletingRebalance) fail_syncs(ErrorCode::kRebalanceInProgress);
  for (auto& [id, member] : members_) member->pending_sync = false;
  host_.timers().cancel(sync_timer_);
  first_rebalance_ = state_ == GroupState::kEmpty;
  transition(GroupState::kPreparingRebalance);
  if (first_rebalance_) {
    member_added_ = false;
    delay_ms_ = static_cast<std::int64_t>(host_.settings().initial_rebalance_delay_ms);
    delay_left_ms_ = std::max<std::int64_t>(rebalance_timeout_ms() - delay_ms_, 0);
    return arm(rebalance_timer_, delay_ms_);
  }
  if (all_joined()) return complete_join();
  arm(rebalance_timer_, rebalance_timeout_ms());
}

void ClassicGroup::complete_if_all_joined() {
  if (!first_rebalance_ && all_joined()) complete_join();
}

void ClassicGroup::on_rebalance_end(runtime::Timer& /*timer*/, void* context) {
  auto& group = *static_cast<ClassicGroup*>(context);
  if (group.first_rebalance_) return group.continue_first_rebalance();
  group.complete_join();
}

// Each delay in which somebody came is followed by another, up to the rebalance timeout in all.
void ClassicGroup::continue_first_rebalance() {
  if (!member_added_ || delay_left_ms_ == 0) return complete_join();
  member_added_ = false;
  const std::int64_t next_ms = std::min(
      static_cast<std::int64_t>(host_.settings().initial_rebalance_delay_ms), delay_left_ms_);
  delay_left_ms_ = std::max<std::int64_t>(delay_left_ms_ - delay_ms_, 0);
  delay_ms_ = next_ms;
  arm(rebalance_timer_, next_ms);
}

void ClassicGroup::complete_join() {
  host_.timers().cancel(rebalance_timer_);
  for (auto at = members_.begin(); at != members_.end();) {
    const Member& member = *at->second;
    ++at;
    if (member.join || member.is_static()) continue;
    host_.counters().members_expired.add();
    remove(std::string(member.id));
  }
  if (!members_.empty() && !elect_leader()) {
    // Nobody is back, and static members have until their sessions end.
    first_rebalance_ = false;
    return arm(rebalance_timer_, std::max(rebalance_timeout_ms(), kLeastWaitForStaticsMs));
  }
  next_generation();
  if (state_ == GroupState::kEmpty) {
    // An older generation would come back after a start; its members' sessions would end then.
    return host_.store(*this, metadata(), [](ErrorCode /*there is nobody to be told*/) {});
  }
  for (auto& [id, member] : members_) {
    if (member->join) {
      answer_join(member->join, *member, leader_.value_or(""), leader_ == id, false);
    }
    hear_of(*member);
    member->is_new = false;
    member->pending_sync = true;
  }
  arm(sync_timer_, rebalance_timeout_ms());
}

// The leader is the one that makes the assignment, so that it must be there.
bool ClassicGroup::elect_leader() {
  const Member* leader = leader_ ? find(*leader_) : nullptr;
  if (leader != nullptr && leader->join) return true;
  const auto waiting = std::ranges::find_if(
      members_, [](const auto& entry) { return static_cast<bool>(entry.second->join); });
  if (waiting == members_.end()) return false;
  leader_ = waiting->first;
  return true;
}

void ClassicGroup::next_generation() {
  constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
  generation_ = generation_ == kLast ? 0 : generation_ + 1;
  first_rebalance_ = false;
  if (members_.empty()) {
    protocol_.reset();
    transition(GroupState::kEmpty);
  } else {
    protocol_ = select_protocol();
    transition(GroupState::kCompletingRebalance);
  }
  recompute_subscriptions();
}

// Of the protocols that all members know, the one that most members like best.
std::string ClassicGroup::select_protocol() const {
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, member] : members_) {
    for (const MemberProtocol& protocol : member->protocols) {
      const auto known = protocol_counts_.find(protocol.name);
      if (known == protocol_counts_.end() || known->second != members_.size()) continue;
      ++votes[known->first];
      break;
    }
  }
  CHECK(!votes.empty());
  return std::string(
      std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first);
}

void ClassicGroup::recompute_subscriptions() {
  subscribed_.reset();
  if (protocol_type_ != kConsumerProtocolType) return;
  std::set<std::string, std::less<>> all;
  for (const auto& [id, member] : members_) {
    const auto topics = subscribed_topics(as_bytes(member->metadata(protocol_.value_or(""))));
    if (!topics) return;
    all.insert(topics->begin(), topics->end());
  }
  subscribed_ = std::move(all);
}

}  // namespace duolog::groups

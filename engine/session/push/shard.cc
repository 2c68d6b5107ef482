#include "engine/session/push/shard.h"

#include <utility>

namespace duolog::session {

PushShard::PushShard(LiveShard& live, const PushSettings& settings)
    : live_(live), settings_(settings), cache_(live) {
  plans_.reserve(kKeptPlans);
}

std::unique_ptr<PushPlan> PushShard::take_plan() {
  if (plans_.empty()) return std::make_unique<PushPlan>();
  std::unique_ptr<PushPlan> plan = std::move(plans_.back());
  plans_.pop_back();
  return plan;
}

void PushShard::give_back(std::unique_ptr<PushPlan> plan) {
  if (plans_.size() == kKeptPlans) return;
  plan->clear();
  plans_.push_back(std::move(plan));
}

std::string& PushShard::text() {
  text_.clear();
  if (text_.capacity() > kKeptTextBytes) text_.shrink_to_fit();
  return text_;
}

std::vector<push::PositionText>& PushShard::positions() {
  positions_.clear();
  return positions_;
}

}  // namespace duolog::session

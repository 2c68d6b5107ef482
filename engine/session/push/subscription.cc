#include "engine/session/push/subscription.h"

#include <algorithm>

#include "engine/broker/cluster.h"
#include "engine/session/push/sender.h"

namespace duolog::session {

bool PushCredit::add(const push::Credit& more) {
  if (more.records && records_ == kUnlimited) return false;
  if (more.bytes && bytes_ == kUnlimited) return false;
  if (more.records) records_ = std::min(records_ + clamp(*more.records), kMost);
  if (more.bytes) bytes_ = std::min(bytes_ + clamp(*more.bytes), kMost);
  return true;
}

PushSubscription::Cursor& PushSubscription::add(broker::Partition& partition) {
  auto cursor = std::make_unique<Cursor>();
  cursor->subscription = this;
  cursor->partition = &partition;
  cursor->broker::Waiter::ready = [](broker::Waiter& waiter, broker::Partition&) {
    auto& visible = static_cast<Cursor&>(waiter);
    visible.subscription->sender.woken(visible);
  };
  cursor->WarmWaiter::ready = [](WarmWaiter& waiter, const Result<void>& outcome) {
    auto& warm = static_cast<Cursor&>(waiter);
    warm.fetched(outcome);
    warm.subscription->sender.woken(warm);
  };
  cursors.push_back(std::move(cursor));
  return *cursors.back();
}

void PushSubscription::positions(std::vector<push::PositionText>& out, bool with_start) const {
  for (const auto& cursor : cursors) {
    push::PositionText position{.partition = cursor->partition->id,
                                .next = cursor->place.next,
                                .end = cursor->log().high_watermark().offset};
    if (with_start) {
      position.start = cursor->log().start_offset();
      position.epoch = sender.leader_epoch();
    }
    out.push_back(position);
  }
}

}  // namespace duolog::session

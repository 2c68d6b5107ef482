// PushEndpoint's commands about subscriptions.
#include <algorithm>

#include <fmt/format.h>

#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "engine/session/push/endpoint.h"

namespace duolog::session {

PushEndpoint::Subscriptions::iterator PushEndpoint::find(std::uint32_t sid) {
  return std::ranges::find(subscriptions_, sid,
                           [](const auto& subscription) { return subscription->sid; });
}

PushSubscription* PushEndpoint::find_or_refuse(std::uint64_t id, std::uint32_t sid) {
  const auto found = find(sid);
  if (found != subscriptions_.end()) return found->get();
  refuse(id, push::ErrorCode::kBadRequest, fmt::format("no subscription {}", sid));
  return nullptr;
}

void PushEndpoint::remove(Subscriptions::iterator subscription) {
  auto& open = pushes_.counters().subscriptions_open;
  open.set(open.get() - 1);
  sender_.let_go(**subscription);
  partitions_ -= static_cast<std::uint32_t>((*subscription)->cursors.size());
  if ((*subscription)->searching) --searching_;
  subscriptions_.erase(subscription);
}

void PushEndpoint::remove_doomed() {
  for (auto at = subscriptions_.end(); at != subscriptions_.begin();) {
    --at;
    if (!(*at)->doomed) continue;
    std::string& text = pushes_.text();
    push::append_unsub(text, (*at)->sid, push::ErrorCode::kInternal,
                       "a stored batch cannot be read");
    reply(text);
    remove(at);
  }
}

// ---- subscribe ---------------------------------------------------------------------------------

void PushEndpoint::run(std::uint64_t id, const push::Subscribe& subscribe) {
  if (find(subscribe.sid) != subscriptions_.end()) {
    return refuse(id, push::ErrorCode::kDuplicateSubscription,
                  fmt::format("there is a subscription {} already", subscribe.sid));
  }
  if (subscriptions_.size() >= pushes_.settings().max_subscriptions) {
    pushes_.counters().refused_subscriptions.add();
    return refuse(id, push::ErrorCode::kLimit, "too many subscriptions on this connection");
  }
  // Whoever comes back to a topic does not want a new one.
  broker::Topic* topic = find_topic(id, subscribe.topic, !subscribe.topic_id);
  if (topic == nullptr) return;
  const broker::Resource resource{.type = broker::ResourceType::kTopic, .name = topic->name};
  if (!broker::authorize({}, broker::Operation::kRead, resource)) {
    return refuse(id, push::ErrorCode::kPermission, "not allowed to read this topic");
  }
  const auto starts = find_start(subscribe, *topic, sender_.leader_epoch());
  if (!starts) return refuse_start(id, *topic, starts.error(), subscribe.topic_id.has_value());
  if (partitions_ + starts->size() > pushes_.settings().max_subscribed_partitions) {
    pushes_.counters().refused_subscriptions.add();
    return refuse(id, push::ErrorCode::kLimit, "too many partitions are read on this connection");
  }
  auto owned = std::make_unique<PushSubscription>(sender_, subscribe.sid, *topic);
  PushSubscription& subscription = *owned;
  subscription.credit = PushCredit(subscribe.credit);
  if (reads_whole_topic(subscribe)) {
    subscription.partitions = static_cast<std::uint32_t>(starts->size());
  }
  PushSubscription::Beginning beginning{.id = id, .recovered = {}, .gaps = {}};
  std::vector<std::pair<PushSubscription::Cursor*, storage::TimeSearch>> searches;
  subscription.cursors.reserve(starts->size());
  for (const PushStart& start : *starts) {
    PushSubscription::Cursor& cursor = subscription.add(*start.partition);
    cursor.place.next = start.next;
    if (start.asked < start.next) {
      beginning.gaps.push_back({start.partition->id, start.asked, start.next});
    }
    if (start.search)
      searches.emplace_back(&cursor, storage::TimeSearch::at_or_after(*start.search));
  }
  if (subscribe.topic_id && !subscribe.positions.empty())
    beginning.recovered = beginning.gaps.empty();
  partitions_ += static_cast<std::uint32_t>(starts->size());
  pushes_.counters().subscriptions_open.add();
  subscriptions_.push_back(std::move(owned));
  if (searches.empty()) return started(subscription, beginning);
  subscription.searching = std::make_unique<PushSubscription::Searching>(
      PushSubscription::Searching{std::move(beginning), std::move(searches)});
  ++searching_;
  search_on();
}

void PushEndpoint::refuse_start(std::uint64_t id, const broker::Topic& topic,
                                const StartRefusal& refusal, bool resume) {
  pushes_.counters().commands_refused.add();
  const push::ErrorText error{.code = refusal.code,
                              .message = refusal.message,
                              .temporary = refusal.code == push::ErrorCode::kNotAvailable};
  push::ResumeRefusal now{.reason = refusal.reason, .topic_id = topic.id, .positions = {}};
  std::vector<push::PositionText>& positions = pushes_.positions();
  if (resume && !refusal.reason.empty()) {
    for (const broker::Partition* partition : topic.partitions) {
      if (partition->offline()) continue;
      positions.push_back({.partition = partition->id,
                           .next = {},
                           .start = partition->log->start_offset(),
                           .end = partition->log->high_watermark().offset,
                           .epoch = sender_.leader_epoch()});
    }
    now.positions = positions;
  }
  std::string& text = pushes_.text();
  push::append_error(text, id, error, resume && !refusal.reason.empty() ? &now : nullptr);
  reply(text);
}

void PushEndpoint::started(PushSubscription& subscription,
                           const PushSubscription::Beginning& beginning) {
  std::vector<push::PositionText>& positions = pushes_.positions();
  subscription.positions(positions, true);
  std::string& text = pushes_.text();
  push::append_subscribed(text, beginning.id, subscription.sid, subscription.topic->id,
                          beginning.recovered, positions);
  reply(text);
  for (const PushSubscription::Gap& gap : beginning.gaps) {
    std::string& told = pushes_.text();
    push::append_gap(told, subscription.sid, gap.partition, gap.from, gap.to, "retention");
    pushes_.counters().gaps.add();
    reply(told);
  }
  sender_.read(subscription);
}

// ---- A timestamp -------------------------------------------------------------------------------

void PushEndpoint::search_on() {
  bool stepped = false;
  for (auto at = subscriptions_.end(); at != subscriptions_.begin();) {
    --at;
    PushSubscription& subscription = **at;
    if (!subscription.searching) continue;
    if (!search(subscription, stepped)) {
      refuse(subscription.searching->beginning.id, push::ErrorCode::kInternal,
             "the log cannot be read");
      remove(at);
    } else if (subscription.searching->searches.empty()) {
      const auto searching = std::move(subscription.searching);
      --searching_;
      started(subscription, searching->beginning);
    }
  }
}

// Takes each search as far as memory and the turn go. False: one cannot be ended. `stepped`: one of
// them has gone on since the task began; the first always may.
bool PushEndpoint::search(PushSubscription& subscription, bool& stepped) {
  auto& searches = subscription.searching->searches;
  for (std::size_t at = 0; at < searches.size();) {
    auto& [cursor, search] = searches[at];
    if (cursor->waits()) {
      ++at;
      continue;
    }
    if (check_fetches(*cursor, cursor->place.next).found != Found::kOk) return false;
    if (stepped && !pushes_.shard().share().allows()) {
      pushes_.live().warm_ups().wait_a_turn(*cursor);
      return true;
    }
    const storage::TimeSearch::Found found =
        search.step(cursor->log(), pushes_.live().search_scratch());
    switch (found.status) {
      case storage::ReadStatus::kCold:
        pushes_.live().warm_ups().fetch(found.cold, *cursor);
        ++at;
        break;
      case storage::ReadStatus::kCorrupt:
        return false;
      case storage::ReadStatus::kOk:
      case storage::ReadStatus::kOutOfRange:
        // Nothing is that late: it begins at the end.
        cursor->place.next = found.found ? found.offset : cursor->log().high_watermark().offset;
        searches[at] = searches.back();
        searches.pop_back();
        break;
    }
    stepped = true;
  }
  return true;
}

// ---- The others --------------------------------------------------------------------------------

void PushEndpoint::run(std::uint64_t id, const push::Unsubscribe& unsubscribe) {
  if (find_or_refuse(id, unsubscribe.sid) == nullptr) return;
  remove(find(unsubscribe.sid));
  done(id, "unsubscribed", unsubscribe.sid);
}

void PushEndpoint::run(std::uint64_t id, const push::Pause& pause) {
  PushSubscription* subscription = find_or_refuse(id, pause.sid);
  if (subscription == nullptr) return;
  subscription->paused = true;
  done(id, "paused", pause.sid);
}

void PushEndpoint::run(std::uint64_t id, const push::Resume& resume) {
  PushSubscription* subscription = find_or_refuse(id, resume.sid);
  if (subscription == nullptr) return;
  subscription->paused = false;
  done(id, "resumed", resume.sid);
  sender_.read(*subscription);
}

void PushEndpoint::run(std::uint64_t id, const push::AddCredit& credit) {
  PushSubscription* subscription = find_or_refuse(id, credit.sid);
  if (subscription == nullptr) return;
  if (!subscription->credit.add(credit.credit)) {
    return refuse(id, push::ErrorCode::kBadRequest,
                  fmt::format("subscription {} has no such limit", credit.sid));
  }
  done(id, "credited", credit.sid);
  sender_.read(*subscription);
}

}  // namespace duolog::session

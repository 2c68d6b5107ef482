#include "engine/session/push/endpoint.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/base/clock.h"
#include "engine/base/uuid.h"
#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "net/push/reply.h"

namespace duolog::session {
namespace {

namespace code = ws::close_code;

}  // namespace

PushEndpoint::PushEndpoint(PushShard& pushes, WsConnection& connection)
    : LiveEndpoint(pushes.live()),
      pushes_(pushes),
      connection_(connection),
      sender_(pushes, replies_, connection.deflates(), on_ready, this),
      publisher_(pushes, replies_, on_acked, this) {
  const std::uint64_t now_ns = pushes_.shard().now_ns();
  heartbeat_due_ns_ = now_ns + pushes_.settings().heartbeat_ms * kNsPerMs;
  give_up_ns_ = now_ns + pushes_.settings().hello_timeout_ms * kNsPerMs;
  connection_.call_at(std::min(heartbeat_due_ns_, give_up_ns_));
}

PushEndpoint::~PushEndpoint() {
  while (!subscriptions_.empty()) remove(std::prev(subscriptions_.end()));
}

// ---- Receiving ---------------------------------------------------------------------------------

void PushEndpoint::on_message(ws::Opcode /*opcode*/, Bytes payload) {
  std::string_view text = as_text(payload);
  run_all(text);
  if (!text.empty()) rest_ = std::make_unique<Rest>(Rest{.text = std::string(text)});
  update_reading();
}

void PushEndpoint::run_all(std::string_view& text) {
  bool ran = false;  // one of them: who has been let begin gets on by that
  while (!text.empty() && ending_code_ == 0 && connection_.answers()) {
    if (must_wait() || (ran && !pushes_.shard().share().allows())) return;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view object = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (object.find_first_not_of(" \t\r") != std::string_view::npos) run(object, true);
    ran = true;
    if (replies_.size_bytes() > kMostReplyBytes) {
      connection_.close(code::kTooManyRequests, "too many replies are unread");
    }
  }
  text = {};
}

void PushEndpoint::turn_ended() {
  // Running commands may close the connection, which must not move what is being sent.
  if (taking() && !connection_.sending()) {
    std::unique_ptr<Rest> rest = std::move(rest_);
    std::string_view text = std::string_view(rest->text).substr(rest->done);
    run_all(text);
    rest->done = rest->text.size() - text.size();
    if (!text.empty()) rest_ = std::move(rest);
  }
  update_reading();
  publisher_.submit();
}

void PushEndpoint::run(std::string_view object, bool may_create) {
  running_ = object;
  may_create_ = may_create;
  push::CommandParser& parser = pushes_.commands();
  const push::Command* command = parser.parse(object);
  if (command == nullptr) {
    const push::Refusal& refusal = parser.refusal();
    return refuse(refusal.id, refusal.code, refusal.message);
  }
  pushes_.counters().commands.add();
  if (!commanded_) give_up_ns_ = kNever;
  commanded_ = true;
  std::visit([&](const auto& what) { run(command->id, what); }, command->what);
}

void PushEndpoint::run(std::uint64_t id, const push::Hello& /*hello*/) {
  std::string& text = pushes_.text();
  push::append_hello(text, id, pushes_.settings().server, to_text(random_uuid()),
                     connection_.ws().settings().max_message_bytes,
                     pushes_.settings().heartbeat_ms);
  reply(text);
}

void PushEndpoint::run(std::uint64_t id, const push::Ping& /*ping*/) {
  std::string& text = pushes_.text();
  push::append_pong(text, id, pushes_.shard().wall_now());
  reply(text);
}

void PushEndpoint::run(std::uint64_t id, const push::Publish& publish) {
  broker::Topic* topic = find_topic(id, publish.topic, true);
  if (topic == nullptr) return;
  const broker::Resource resource{.type = broker::ResourceType::kTopic, .name = topic->name};
  if (broker::is_internal_topic(topic->name) ||
      !broker::authorize({}, broker::Operation::kWrite, resource)) {
    return refuse(id, push::ErrorCode::kPermission, "not allowed to write to this topic");
  }
  publisher_.publish(id, publish, *topic);
  connection_.flush_soon();
}

void PushEndpoint::run(std::uint64_t id, const push::Offsets& offsets) {
  const broker::Topic* topic = find_topic(id, offsets.topic, false);
  if (topic == nullptr) return;
  std::vector<push::PositionText>& positions = pushes_.positions();
  const auto add = [&](const broker::Partition& partition) {
    if (partition.offline()) {
      refuse(id, push::ErrorCode::kNotAvailable, broker::offline_text(partition), true);
      return false;
    }
    positions.push_back({.partition = partition.id,
                         .next = {},
                         .start = partition.log->start_offset(),
                         .end = partition.log->high_watermark().offset,
                         .epoch = sender_.leader_epoch()});
    return true;
  };
  for (const PartitionId which : offsets.partitions) {
    const broker::Partition* partition = topic->partition(which);
    if (partition == nullptr) {
      return refuse(id, push::ErrorCode::kBadRequest,
                    fmt::format("topic '{}' has no partition {}", topic->name, which.value));
    }
    if (!add(*partition)) return;
  }
  if (offsets.partitions.empty()) {
    for (const broker::Partition* partition : topic->partitions) {
      if (!add(*partition)) return;
    }
  }
  std::string& text = pushes_.text();
  push::append_offsets(text, id, topic->name, topic->id, positions);
  reply(text);
}

// ---- Topics ------------------------------------------------------------------------------------

broker::Topic* PushEndpoint::find_topic(std::uint64_t id, std::string_view name, bool create) {
  broker::Broker& broker = pushes_.live().broker();
  if (broker::Topic* topic = broker.find(name)) return topic;
  if (create && may_create_ && broker.options().auto_create_topics &&
      broker::is_valid_topic_name(name) && !broker::is_internal_topic(name) &&
      broker::authorize({}, broker::Operation::kCreate, broker::kClusterResource)) {
    create_topic(name);
  } else {
    refuse(id, push::ErrorCode::kUnknownTopic, fmt::format("unknown topic '{}'", name));
  }
  return nullptr;
}

// The command is run again when the topic is there, or when it is clear that it will not be.
void PushEndpoint::create_topic(std::string_view name) {
  creating_ = true;
  pushes_.live().broker().create_topic(
      {.name = std::string(name), .by = "WebSocket client " + connection_.peer_name()},
      [this, command = std::string(running_)](const broker::TopicOutcome& /*outcome*/) {
        creating_ = false;
        if (connection_.answers()) run(command, false);
        update_reading();
        connection_.ended();  // this object may be gone now
      });
}

void PushEndpoint::topic_grown(const broker::Topic& topic) {
  for (const auto& subscription : subscriptions_) {
    if (subscription->topic != &topic || subscription->partitions == 0) continue;
    for (; subscription->partitions < topic.partitions.size(); ++subscription->partitions) {
      broker::Partition& added = *topic.partitions[subscription->partitions];
      PushSubscription::Cursor& cursor = subscription->add(added);
      cursor.place.next = added.log->start_offset();
      ++partitions_;
      sender_.read(cursor);
    }
    connection_.flush_soon();
  }
}

void PushEndpoint::topic_gone(const broker::Topic& topic) {
  publisher_.topic_gone(topic);
  const bool mid_frame = sender_.mid_frame();
  const std::optional<std::string> rest = sender_.forget(topic, connection_.sending());
  for (auto at = subscriptions_.end(); at != subscriptions_.begin();) {
    --at;
    const PushSubscription& subscription = **at;
    if (subscription.topic != &topic) continue;
    if (subscription.searching) {
      refuse(subscription.searching->beginning.id, push::ErrorCode::kUnknownTopic, "topic deleted");
    } else {
      std::string& text = pushes_.text();
      push::append_unsub(text, subscription.sid, push::ErrorCode::kUnknownTopic, "topic deleted");
      reply(text);
    }
    remove(at);
  }
  if (!rest) return connection_.abort();
  if (!rest->empty()) connection_.send_rest(*rest, mid_frame);
}

// ---- Answering ---------------------------------------------------------------------------------

void PushEndpoint::reply(std::string& text) {
  replies_.add(text);
  connection_.flush_soon();
}

void PushEndpoint::refuse(std::optional<std::uint64_t> id, push::ErrorCode error,
                          std::string_view message, bool temporary) {
  pushes_.counters().commands_refused.add();
  std::string& text = pushes_.text();
  push::append_error(text, id, {.code = error, .message = message, .temporary = temporary});
  reply(text);
}

void PushEndpoint::done(std::uint64_t id, std::string_view what, std::uint32_t sid) {
  std::string& text = pushes_.text();
  push::append_done(text, id, what, sid);
  reply(text);
}

void PushEndpoint::update_reading() {
  if (taking() && !must_wait()) connection_.flush_soon(runtime::Urgency::kBehind);
  const bool full = replies_.size_bytes() > kMaxReplyBytes || must_wait();
  if (!full && !taking()) return connection_.resume_reading();
  if (!connection_.reading()) return;
  pushes_.live().counters().publish_pauses.add();
  connection_.pause_reading();
}

bool PushEndpoint::must_wait() const {
  return creating_ || publisher_.unacked_bytes() > pushes_.live().settings().max_unacked_bytes;
}

void PushEndpoint::on_ready(void* context) {
  static_cast<PushEndpoint*>(context)->connection_.flush_soon(runtime::Urgency::kFanOut);
}

void PushEndpoint::on_acked(void* context) {
  auto& self = *static_cast<PushEndpoint*>(context);
  self.update_reading();
  self.close_if_ended();
  self.connection_.flush_soon();
  self.connection_.ended();  // this object may be gone now
}

// ---- Sending -----------------------------------------------------------------------------------

WsEndpoint::Plan PushEndpoint::begin(SendList& list) {
  if (!replies_.cut(list)) return {.status = Plan::Status::kBlocked};
  return sender_.begin(list);
}

WsEndpoint::Plan PushEndpoint::collect(SendList& list) {
  if (!sender_.continue_cut(list) || !replies_.whole(list)) return {};
  // Records go out behind what was said before them.
  if (ending_code_ == 0 && !replies_.waiting()) sender_.collect(list);
  if (searching_ > 0) search_on();
  if (sender_.take_doomed()) remove_doomed();
  return {};
}

std::size_t PushEndpoint::begun_bytes() const {
  return replies_.cut_bytes() + sender_.begun_bytes();
}

void PushEndpoint::sent(std::size_t of_begin, std::size_t of_collect) {
  const std::size_t cut = std::min(of_begin, replies_.cut_bytes());
  const std::size_t continued = std::min<std::size_t>(of_collect, sender_.continued_bytes());
  of_collect -= continued;
  const std::size_t said = std::min(of_collect, replies_.whole_bytes());
  replies_.sent(cut, said);
  sender_.sent(of_begin - cut + continued, of_collect - said);
  update_reading();
  close_if_ended();
}

// ---- Ending, and time --------------------------------------------------------------------------

void PushEndpoint::end(std::uint16_t the_code, std::string_view reason) {
  if (ending_code_ != 0) return;
  ending_code_ = the_code;
  ending_reason_ = reason;
  const std::uint64_t now_ns = pushes_.shard().now_ns();
  give_up_ns_ = now_ns + connection_.ws().settings().close_timeout_ms * kNsPerMs;
  connection_.call_at(give_up_ns_);
  close_if_ended();
}

void PushEndpoint::drain() { end(code::kUnavailable, "draining"); }

void PushEndpoint::close_if_ended() {
  if (ending_code_ == 0 || busy()) return;
  if (!bye_said_) {
    bye_said_ = true;
    // Spread, so that not all of them come back at once.
    constexpr std::uint64_t kSoonestMs = 500;
    constexpr std::uint64_t kSpreadMs = 2'000;
    const auto number = static_cast<std::uint64_t>(
        pushes_.live().next_partition(std::numeric_limits<std::int32_t>::max()));
    std::string& text = pushes_.text();
    push::append_bye(text, ending_code_, ending_reason_, true,
                     kSoonestMs + number * 997 % kSpreadMs);
    reply(text);
  }
  if (replies_.empty() && !sender_.mid_message()) connection_.close(ending_code_, ending_reason_);
}

std::uint64_t PushEndpoint::on_time(std::uint64_t now_ns) {
  if (now_ns >= give_up_ns_) {
    if (ending_code_ != 0) {
      connection_.close(ending_code_, ending_reason_);
    } else {
      connection_.close(code::kTooLate, "no command has come");
    }
    return kNever;
  }
  if (now_ns >= heartbeat_due_ns_) {
    heartbeat_due_ns_ = now_ns + pushes_.settings().heartbeat_ms * kNsPerMs;
    // Whoever has not read the last ones needs no more.
    if (commanded_ && ending_code_ == 0 && replies_.empty()) heartbeat();
  }
  return std::min(heartbeat_due_ns_, give_up_ns_);
}

void PushEndpoint::heartbeat() {
  pushes_.counters().heartbeats.add();
  std::string& text = pushes_.text();
  push::begin_heartbeat(text);
  bool first = true;
  for (const auto& subscription : subscriptions_) {
    if (subscription->searching) continue;
    std::vector<push::PositionText>& positions = pushes_.positions();
    subscription->positions(positions, false);
    push::append_heartbeat(text, first, subscription->sid, positions);
    first = false;
  }
  push::end_heartbeat(text);
  reply(text);
}

}  // namespace duolog::session

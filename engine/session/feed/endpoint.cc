#include "engine/session/feed/endpoint.h"

#include <string>
#include <vector>

#include "net/ws/frame.h"

namespace duolog::session {
namespace {

namespace code = ws::close_code;

WsEndpoint::Plan plan_of(FeedSubscription::Status status) {
  using Status = WsEndpoint::Plan::Status;
  switch (status) {
    case FeedSubscription::Status::kOk:
      return {};
    case FeedSubscription::Status::kBlocked:
      return {.status = Status::kBlocked};
    case FeedSubscription::Status::kPositionLost:
      return {Status::kFailed, code::kPositionLost, "offset out of range"};
    case FeedSubscription::Status::kDamaged:
      return {Status::kFailed, code::kInternalError, "a stored batch cannot be read"};
  }
  return {};
}

}  // namespace

FeedEndpoint::FeedEndpoint(FeedShard& feeds, WsConnection& connection, const FeedSource& source,
                           const ws::FeedTarget& target)
    : LiveEndpoint(feeds.live()),
      feeds_(feeds),
      connection_(connection),
      topic_(source.topic),
      subscription_(feeds, source.read, target, connection.deflates(), on_ready, this),
      publisher_(feeds.live(), *source.write, target.key, on_acked, this),
      partitions_(source.whole_topic ? source.read.size() : 0) {
  feeds_.counters().feeds_open.add();
}

FeedEndpoint::~FeedEndpoint() {
  auto& open = feeds_.counters().feeds_open;
  open.set(open.get() - 1);
}

// ---- Publishing --------------------------------------------------------------------------------

void FeedEndpoint::on_message(ws::Opcode /*opcode*/, Bytes payload) {
  if (broker::is_internal_topic(topic_->name)) {
    return connection_.close(code::kPolicyViolation, "an internal topic is only read");
  }
  if (topic_->config->log.cleanup_compact && !publisher_.has_key()) {
    return connection_.close(code::kPolicyViolation, "a compacted topic needs a key");
  }
  if (!publisher_.add(payload)) {
    return connection_.close(code::kTooLarge, "larger than max.message.bytes");
  }
  connection_.flush_soon();
  if (publisher_.unacked_bytes() > feeds_.live().settings().max_unacked_bytes &&
      connection_.reading()) {
    feeds_.live().counters().publish_pauses.add();
    connection_.pause_reading();
  }
}

void FeedEndpoint::on_acked(void* context, kafka::ErrorCode error) {
  auto& self = *static_cast<FeedEndpoint*>(context);
  WsConnection& connection = self.connection_;
  switch (error) {
    case kafka::ErrorCode::kNone:
      break;
    case kafka::ErrorCode::kMessageTooLarge:
    case kafka::ErrorCode::kRecordListTooLarge:
      connection.close(code::kTooLarge, "larger than max.message.bytes");
      break;
    case kafka::ErrorCode::kUnknownTopicOrPartition:
      connection.close(code::kTopicGone, "topic deleted");
      break;
    default:
      connection.close(code::kUnavailable, "cannot write now");
      break;
  }
  if (self.publisher_.unacked_bytes() <= self.feeds_.live().settings().max_unacked_bytes / 2) {
    connection.resume_reading();
  }
  connection.ended();  // this object may be gone now
}

// ---- Sending -----------------------------------------------------------------------------------

void FeedEndpoint::on_ready(void* context) {
  static_cast<FeedEndpoint*>(context)->connection_.flush_soon(runtime::Urgency::kFanOut);
}

WsEndpoint::Plan FeedEndpoint::begin(SendList& list) {
  return topic_ != nullptr ? plan_of(subscription_.begin(list)) : Plan{};
}

WsEndpoint::Plan FeedEndpoint::collect(SendList& list) {
  return topic_ != nullptr ? plan_of(subscription_.collect(list)) : Plan{};
}

std::size_t FeedEndpoint::begun_bytes() const {
  return topic_ != nullptr ? subscription_.begun_bytes() : 0;
}

void FeedEndpoint::sent(std::size_t of_begin, std::size_t of_collect) {
  if (topic_ != nullptr) subscription_.sent(of_begin, of_collect);
}

// ---- The topic ---------------------------------------------------------------------------------

void FeedEndpoint::topic_grown(const broker::Topic& topic) {
  if (topic_ != &topic || partitions_ == 0) return;
  std::vector<broker::Partition*> added;
  for (; partitions_ < topic.partitions.size(); ++partitions_) {
    added.push_back(topic.partitions[partitions_]);
  }
  if (added.empty()) return;
  subscription_.read_too(added);
  connection_.flush_soon();
}

void FeedEndpoint::topic_gone(const broker::Topic& topic) {
  if (topic_ != &topic) return;
  topic_ = nullptr;
  publisher_.topic_gone();
  if (connection_.sending()) {
    // How much of which frame the peer has is not known, and will not be.
    subscription_.stop();
    return connection_.abort();
  }
  // A frame that the peer has half of is completed from here.
  SendList& list = connection_.ws().send_list();
  list.begin(connection_.ws().settings().max_unsent_bytes);
  const bool whole = subscription_.begin(list) == FeedSubscription::Status::kOk;
  std::string rest;
  for (const iovec& slice : list.slices()) {
    rest.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  }
  subscription_.stop();
  if (!whole) return connection_.abort();
  connection_.send_rest(rest, true);
  connection_.close(code::kTopicGone, "topic deleted");
}

}  // namespace duolog::session

#include "engine/session/kafka/requests/fetch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/session/kafka/connection.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using storage::ReadStatus;

// A place that is warmed up this often and still cold is given away faster than it is read.
constexpr std::uint16_t kMostTimesCold = 64;
// Enough memory pieces (of 64 KiB) for one batch as large as a request may be.
constexpr std::size_t kIovecs = 2048;

}  // namespace

FetchJob::~FetchJob() = default;

// The partition is done with: all that is said of it is the error, as Kafka does.
void FetchJob::set_error(Part& part, ErrorCode error) {
  part.response->error_code = error;
  part.hook.unlink();
  part.partition = nullptr;
  part.to = part.at;
  any_error_ = true;
  slot_.connection.count_error(error);
}

// ---- Looking ------------------------------------------------------------------------------------

bool FetchJob::locate(Part& part) {
  const storage::Sought sought = storage::seek(*part.partition->log, part.offset);
  switch (sought.status) {
    case ReadStatus::kOk:
      part.at = part.to = part.seen = sought.position;
      part.located = true;
      return true;
    case ReadStatus::kCold:
      warm_up(part, sought.cold);
      return false;
    case ReadStatus::kCorrupt:
      set_error(part, ErrorCode::kCorruptMessage);
      return false;
    case ReadStatus::kOutOfRange:
      break;
  }
  set_error(part, ErrorCode::kOffsetOutOfRange);
  return false;
}

void FetchJob::look_at(Part& part, std::uint64_t limit_bytes, bool first_whole) {
  part.changed = false;
  if (!part.located && !locate(part)) return;
  const storage::Log& log = *part.partition->log;
  if (part.offset < log.start_offset()) return set_error(part, ErrorCode::kOffsetOutOfRange);
  part.seen = log.high_watermark().position;
  part.to = part.at;
  part.more = false;
  std::array<iovec, kIovecs> memory;
  storage::Slices slices =
      storage::read(log, part.at, std::min(limit_bytes, part.max_bytes), first_whole, memory);
  if (slices.status == ReadStatus::kCold) return warm_up(part, slices.cold);
  if (slices.status == ReadStatus::kOutOfRange) {
    // Cleaned since it was found: the offset is in another segment now.
    part.located = false;
    if (!locate(part)) return;
    slices =
        storage::read(log, part.at, std::min(limit_bytes, part.max_bytes), first_whole, memory);
    if (slices.status == ReadStatus::kCold) return warm_up(part, slices.cold);
    if (slices.status == ReadStatus::kOutOfRange) {
      return set_error(part, ErrorCode::kOffsetOutOfRange);
    }
  }
  if (slices.status != ReadStatus::kOk) return set_error(part, ErrorCode::kCorruptMessage);
  part.at = slices.from;
  part.to = slices.next;
  part.more = part.to < part.seen;
  if (slices.cold.segment != nullptr) slot_.connection.warm_up_ahead(slices.cold);
}

bool FetchJob::look() {
  total_bytes_ = 0;
  bool enough = any_error_ || expired_ || count_ == 0;
  bool warming = false;
  std::uint64_t left_bytes = max_bytes_;
  for (std::size_t i = 0; i < count_; ++i) {
    Part& part = parts_[i];
    if (part.partition == nullptr) continue;
    const bool too_much = total_bytes_ > 0 && part.size_bytes() > left_bytes;
    if ((part.changed && !part.warming) || too_much) {
      look_at(part, left_bytes, total_bytes_ == 0);
    }
    total_bytes_ += part.size_bytes();
    left_bytes -= std::min(left_bytes, part.size_bytes());
    enough = enough || part.more || part.partition == nullptr;
    warming = warming || part.warming;
  }
  // A reader of cold data is not sent away with nothing.
  if (warming && total_bytes_ == 0 && !any_error_) return false;
  return enough || total_bytes_ >= min_bytes_;
}

void FetchJob::warm_up(Part& part, const storage::Cold& cold) {
  if (++part.times_cold > kMostTimesCold) return set_error(part, ErrorCode::kKafkaStorageError);
  part.warming = true;
  KafkaConnection& connection = slot_.connection;
  connection.warm_up(slot_, cold, [this, &part](Result<void> outcome) {
    part.warming = false;
    if (slot_.job != this || part.partition == nullptr) return;
    if (!outcome) {
      slot_.connection.sessions().warn(outcome.error().message);
      set_error(part, ErrorCode::kKafkaStorageError);
    }
    part.changed = true;
    wake();
  });
}

// ---- Waiting ------------------------------------------------------------------------------------

void FetchJob::run() {
  woken_ = false;
  if (slot_.job == this) advance();
}

void FetchJob::advance() {
  for (;;) {
    if (look()) return answer();
    if (wait()) return;
  }
}

bool FetchJob::wait() {
  broker::Broker& broker = slot_.connection.broker();
  for (std::size_t i = 0; i < count_; ++i) {
    Part& part = parts_[i];
    if (part.partition == nullptr || part.warming || part.waiting()) continue;
    if (broker.wait(part, *part.partition, part.seen)) continue;
    part.changed = true;
    return false;
  }
  if (!parked_) {
    parked_ = true;
    slot_.connection.sessions().counters().parked_fetches.add();
  }
  return true;
}

void FetchJob::stop_waiting() {
  for (std::size_t i = 0; i < count_; ++i) parts_[i].hook.unlink();
  slot_.connection.shard().timers().cancel(timer_);
  if (!parked_) return;
  parked_ = false;
  auto& parked = slot_.connection.sessions().counters().parked_fetches;
  parked.set(parked.get() - 1);
}

void FetchJob::wake() {
  if (woken_) return;
  woken_ = true;
  slot_.connection.wake(*this);
}

void FetchJob::on_ready(broker::Waiter& waiter, broker::Partition& /*partition*/) {
  auto& part = static_cast<Part&>(waiter);
  part.changed = true;
  part.job->wake();
}

void FetchJob::on_expired(runtime::Timer& /*timer*/, void* context) {
  static_cast<FetchJob*>(context)->hurry();
}

void FetchJob::hurry() {
  expired_ = true;
  wake();
}

void FetchJob::abandon() {
  stop_waiting();
  slot_.job = nullptr;
  woken_ = false;
}

void FetchJob::topic_gone(broker::Topic& topic) {
  for (std::size_t i = 0; i < count_; ++i) {
    Part& part = parts_[i];
    if (part.topic != &topic || part.partition == nullptr) continue;
    const bool by_id = slot_.version >= kFirstFetchWithTopicIds;
    set_error(part, by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition);
    part.topic = nullptr;
    wake();
  }
}

// ---- Answering ----------------------------------------------------------------------------------

void FetchJob::fill_responses() {
  for (std::size_t i = 0; i < count_; ++i) {
    Part& part = parts_[i];
    if (part.partition == nullptr) continue;
    const storage::Log& log = *part.partition->log;
    const Offset end = log.high_watermark().offset;
    part.response->high_watermark = end;
    part.response->last_stable_offset = end;  // without transactions everything is stable
    part.response->log_start_offset = log.start_offset();
    if (part.size_bytes() == 0) continue;
    storage::SegmentPin pin = storage::pin(log, part.at);
    // The log's start has passed it by since it was found.
    if (part.offset < log.start_offset()) {
      set_error(part, ErrorCode::kOffsetOutOfRange);
      continue;
    }
    if (!pin.holds()) {  // it has been cleaned: the client asks once more
      part.to = part.at;
      continue;
    }
    slot_.pins.push_back(std::move(pin));
    part.response->records = kafka::Records::external(static_cast<std::uint32_t>(part.size_bytes()),
                                                      slot_.ranges.size());
    slot_.ranges.push_back({.topic = part.topic, .log = &log, .from = part.at, .to = part.to});
  }
}

// Whether a client has not been told of a partition what its response says. A session that has
// ended or moved on meanwhile cannot tell, but what was said when the request came.
bool FetchJob::says_something(FetchSession* session, std::size_t i) {
  if (session == nullptr) return names_[i].said.worth_saying(responses_[i]);
  FetchSession::Partition& partition = *session->partitions()[i];
  partition.had_records = responses_[i].records.size_bytes() > 0;
  return partition.said.worth_saying(responses_[i]);
}

// KIP-227: of an incremental request, only partitions with something new are mentioned: a client
// takes any other answer for a mistake, even if it has ended its session meanwhile.
void FetchJob::leave_out_what_is_known() {
  FetchSession* session =
      slot_.connection.sessions().fetch_sessions().find(response_.session_id, session_epoch_);
  const bool incremental = !names_.empty();
  auto topics = incremental ? slot_.arena.make<kafka::FetchResponse::Topic>(responses_.size())
                            : std::span<kafka::FetchResponse::Topic>();
  std::size_t topic_count = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < responses_.size(); ++i) {
    if (session == nullptr && !incremental) break;
    if (!says_something(session, i) || !incremental) continue;
    const Named& name = names_[i];
    const bool same_topic = topic_count > 0 && topics[topic_count - 1].topic == name.topic &&
                            topics[topic_count - 1].topic_id == name.topic_id;
    responses_[kept] = responses_[i];
    if (same_topic) {
      auto& topic = topics[topic_count - 1];
      topic.partitions =
          responses_.subspan(kept - topic.partitions.size(), topic.partitions.size() + 1);
    } else {
      topics[topic_count++] = {.topic = name.topic,
                               .topic_id = name.topic_id,
                               .partitions = responses_.subspan(kept, 1)};
    }
    ++kept;
  }
  if (incremental) response_.responses = topics.first(topic_count);
  if (session != nullptr) session->rotate();
}

void FetchJob::answer() {
  stop_waiting();
  fill_responses();
  if (response_.session_id != 0) leave_out_what_is_known();
  slot_.connection.answer(slot_, response_);
}

}  // namespace duolog::session

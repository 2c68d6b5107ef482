#include "engine/session/kafka/fetch_sessions.h"

#include <algorithm>
#include <limits>

#include "engine/base/bytes.h"
#include "engine/base/clock.h"
#include "engine/base/uuid.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int32_t kFirstEpoch = 0;   // begins a session
constexpr std::int32_t kFinalEpoch = -1;  // ends it

std::uint64_t count_partitions(const kafka::FetchRequest& request) {
  std::uint64_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  return count;
}

// Positive, and not to be guessed by another client.
std::int32_t random_id() {
  const Uuid random = random_uuid();
  const auto id = static_cast<std::int32_t>(load_be<std::uint32_t>(random.bytes.data()) >> 1);
  return std::max(id, 1);
}

}  // namespace

// ---- FetchSession -------------------------------------------------------------------------------

bool FetchSession::Said::worth_saying(const kafka::FetchResponse::Topic::Partition& response) {
  const bool has_records = response.records.size_bytes() > 0;
  const bool failed = response.error_code != ErrorCode::kNone;
  const bool diverges = response.diverging_epoch.epoch.value >= 0;
  const bool moved =
      response.high_watermark != high_watermark || response.log_start_offset != log_start;
  // What was said with an error is said again once the error has gone.
  high_watermark = failed || diverges ? Offset(-1) : response.high_watermark;
  log_start = response.log_start_offset;
  return has_records || failed || diverges || moved;
}

const std::string& FetchSession::key_of(std::string_view topic, const Uuid& id,
                                        PartitionId partition) {
  if (by_ids_) {
    key_.assign(id.bytes.begin(), id.bytes.end());
  } else {
    key_.assign(topic);
  }
  std::uint8_t number[sizeof(std::int32_t)];
  store_be<std::int32_t>(number, partition.value);
  key_.append(reinterpret_cast<const char*>(number), sizeof number);
  return key_;
}

void FetchSession::add(const kafka::FetchRequest& request) {
  for (const auto& topic : request.topics) {
    for (const auto& asked : topic.partitions) {
      auto& partition = by_key_[key_of(topic.topic, topic.topic_id, asked.partition)];
      if (partition == nullptr) {
        partition = std::make_unique<Partition>();
        partition->topic = topic.topic;
        partition->topic_id = topic.topic_id;
        order_.push_back(partition.get());
      }
      partition->asked = asked;
    }
  }
}

void FetchSession::forget(const kafka::FetchRequest& request) {
  bool any = false;
  for (const auto& topic : request.forgotten_topics_data) {
    for (const PartitionId partition : topic.partitions) {
      const auto found = by_key_.find(key_of(topic.topic, topic.topic_id, partition));
      if (found == by_key_.end()) continue;
      found->second->forgotten = any = true;
    }
  }
  if (!any) return;
  std::erase_if(order_, [](const Partition* partition) { return partition->forgotten; });
  std::erase_if(by_key_, [](const auto& entry) { return entry.second->forgotten; });
}

void FetchSession::rotate() {
  std::ranges::stable_partition(order_, [](const Partition* p) { return !p->had_records; });
}

// ---- FetchSessions ------------------------------------------------------------------------------

FetchSessions::Begun FetchSessions::begin(const KafkaConnection& owner,
                                          const kafka::FetchRequest& request, bool by_ids,
                                          std::uint64_t now_ns) {
  const auto found = by_id_.find(request.session_id);
  FetchSession* session = found == by_id_.end() ? nullptr : found->second.get();
  if (request.session_epoch == kFirstEpoch || request.session_epoch == kFinalEpoch) {
    if (session != nullptr) remove(*session);
    if (request.session_epoch == kFinalEpoch) return {};
    return {.session = create(owner, request, by_ids, now_ns)};
  }
  if (session == nullptr) return {.error = ErrorCode::kFetchSessionIdNotFound};
  if (session->epoch_ != request.session_epoch) {
    return {.error = ErrorCode::kInvalidFetchSessionEpoch};
  }
  if (session->by_ids_ != by_ids) return {.error = ErrorCode::kFetchSessionTopicIdError};
  partitions_ -= session->order_.size();
  session->forget(request);
  session->add(request);
  partitions_ += session->order_.size();
  if (partitions_ > settings_.max_fetch_session_partitions) {
    counters_.fetch_sessions_refused.add();
    remove(*session);
    return {.error = ErrorCode::kFetchSessionIdNotFound};
  }
  if (session->order_.empty()) {
    remove(*session);
    return {.incremental = true};
  }
  session->next_epoch();
  use(*session, now_ns);
  return {.session = session, .incremental = true};
}

FetchSession* FetchSessions::create(const KafkaConnection& owner,
                                    const kafka::FetchRequest& request, bool by_ids,
                                    std::uint64_t now_ns) {
  const std::uint64_t count = count_partitions(request);
  if (count == 0) return nullptr;
  if (!make_room(count, now_ns)) {
    counters_.fetch_sessions_refused.add();
    return nullptr;
  }
  std::int32_t id = random_id();
  while (by_id_.contains(id)) id = random_id();
  auto& session = by_id_[id];
  session = std::make_unique<FetchSession>(owner, id, by_ids);
  session->add(request);
  partitions_ += session->order_.size();
  use(*session, now_ns);
  recount();
  return session.get();
}

bool FetchSessions::make_room(std::uint64_t partitions, std::uint64_t now_ns) {
  if (partitions > settings_.max_fetch_session_partitions) return false;
  while (by_id_.size() >= settings_.max_fetch_sessions ||
         partitions_ + partitions > settings_.max_fetch_session_partitions) {
    FetchSession* oldest = by_use_.front();
    if (oldest == nullptr ||
        now_ns - oldest->used_ns_ < settings_.fetch_session_eviction_ms * kNsPerMs) {
      return false;
    }
    counters_.fetch_sessions_evicted.add();
    remove(*oldest);
  }
  return true;
}

FetchSession* FetchSessions::find(std::int32_t id, std::int32_t epoch) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() || found->second->epoch_ != epoch ? nullptr : found->second.get();
}

void FetchSessions::drop(const KafkaConnection& owner) {
  for (FetchSession *session = by_use_.front(), *next = nullptr; session != nullptr;
       session = next) {
    next = by_use_.next(*session);
    if (&session->owner_ == &owner) remove(*session);
  }
}

void FetchSessions::use(FetchSession& session, std::uint64_t now_ns) {
  session.used_ns_ = now_ns;
  session.hook.unlink();
  by_use_.push_back(session);
}

void FetchSessions::remove(FetchSession& session) {
  partitions_ -= session.order_.size();
  by_id_.erase(session.id_);
  recount();
}

void FetchSessions::recount() { counters_.fetch_sessions.set(by_id_.size()); }

}  // namespace duolog::session

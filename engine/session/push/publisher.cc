#include "engine/session/push/publisher.h"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/base/check.h"
#include "engine/broker/authorize.h"
#include "engine/broker/broker.h"
#include "engine/broker/partitioner.h"
#include "engine/session/push/replies.h"
#include "engine/session/push/shard.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

// Batches that are open at once; a turn with more appends those that are there first.
constexpr std::size_t kMaxOpen = 64;

push::ErrorText text_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kRecordListTooLarge:
      return {push::ErrorCode::kLimit, "larger than max.message.bytes", false};
    case ErrorCode::kUnknownTopicOrPartition:
      return {push::ErrorCode::kUnknownTopic, "topic deleted", false};
    default:
      return {push::ErrorCode::kNotAvailable, "cannot write now", true};
  }
}

}  // namespace

PushPublisher::PushPublisher(PushShard& pushes, PushReplies& replies, void (*acked)(void*),
                             void* context)
    : pushes_(pushes),
      live_(pushes.live()),
      replies_(replies),
      acked_(acked),
      context_(context),
      sticky_(live_.next_partition(std::numeric_limits<std::int32_t>::max())) {}

PushPublisher::~PushPublisher() { CHECK(in_flight_ == 0); }

// ---- Taking records ----------------------------------------------------------------------------

void PushPublisher::publish(std::uint64_t id, const push::Publish& publish, broker::Topic& topic) {
  auto publication = std::make_unique<Publication>();
  publication->id = id;
  publication->ack = publish.ack;
  publication->items.resize(publish.records.size());
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  std::uint32_t item = 0;
  for (const push::PublishRecord& record : publish.records) {
    push::PublishedItem& answer = publication->items[item];
    answer.offset = Offset(-1);
    answer.partition = broker::online_partition(topic, sticky_ % count);
    if (record.key) answer.partition = broker::partition_for_key(as_bytes(*record.key), count);
    if (record.partition) answer.partition = *record.partition;
    broker::Partition* partition = topic.partition(answer.partition);
    const char* refusal =
        partition != nullptr ? refuse(record, topic) : "the topic has no such partition";
    if (refusal != nullptr) {
      answer.error = push::ErrorText{push::ErrorCode::kBadRequest, refusal, false};
    } else if (!add(*publication, item, record, *partition)) {
      answer.error = text_of(ErrorCode::kMessageTooLarge);
    }
    if (answer.error) live_.counters().publish_failures.add();
    ++item;
  }
  Publication& taken = *publication.release();
  taken.taken = true;
  settle(taken);
}

const char* PushPublisher::refuse(const push::PublishRecord& record, const broker::Topic& topic) {
  if (!record.key && topic.config->log.cleanup_compact) return "a compacted topic needs a key";
  if (!record.timestamp) return nullptr;
  const std::int64_t ago = live_.shard().wall_now() - *record.timestamp;
  if (record.timestamp->value < 0 || ago > topic.config->timestamp_before_max_ms ||
      -ago > topic.config->timestamp_after_max_ms) {
    return "the timestamp is too far from the server's clock";
  }
  return nullptr;
}

bool PushPublisher::add(Publication& publication, std::uint32_t item,
                        const push::PublishRecord& record, broker::Partition& partition) {
  std::vector<storage::RecordHeader>& headers = pushes_.headers();
  headers.clear();
  for (const push::PublishHeader& header : record.headers) {
    headers.push_back({.key = header.key, .value = {}});
    if (header.value) headers.back().value = as_bytes(*header.value);
  }
  storage::NewRecord made{.timestamp = record.timestamp.value_or(live_.shard().wall_now()),
                          .headers = headers};
  if (record.key) made.key = as_bytes(*record.key);
  if (record.value) made.value = as_bytes(*record.value);
  for (int attempt = 0; attempt < 2; ++attempt) {
    Batch& batch = batch_of(partition);
    const std::size_t before = batch.bytes->builder.size_bytes();
    if (batch.bytes->builder.add(made)) {
      const std::size_t added = batch.bytes->builder.size_bytes() - before;
      unacked_bytes_ += added;
      batch.counted_bytes += added;
      batch.max_timestamp = std::max(batch.max_timestamp, made.timestamp);
      count_in(batch, publication, item);
      live_.counters().records_published.add();
      live_.counters().bytes_published.add(record.value ? record.value->size() : 0);
      return true;
    }
    const bool empty = batch.bytes->builder.record_count() == 0;
    const auto its = std::ranges::find(open_, &batch, &std::unique_ptr<Batch>::get);
    std::unique_ptr<Batch> full = std::move(*its);
    open_.erase(its);
    if (empty) {
      release(std::move(full));
      return false;
    }
    append(std::move(full));  // the next one takes the record
  }
  return false;
}

PushPublisher::Batch& PushPublisher::batch_of(broker::Partition& partition) {
  for (auto open = open_.rbegin(); open != open_.rend(); ++open) {
    if ((*open)->partition == &partition) return **open;
  }
  if (open_.size() == kMaxOpen) submit();
  auto batch = std::make_unique<Batch>();
  batch->owner = this;
  batch->partition = &partition;
  batch->bytes = live_.batches().take(live_.broker().max_batch_bytes(*partition.topic.config));
  open_.push_back(std::move(batch));
  return *open_.back();
}

void PushPublisher::count_in(Batch& batch, Publication& publication, std::uint32_t item) {
  const std::int32_t record = batch.bytes->builder.record_count() - 1;
  if (!batch.parts.empty()) {
    Part& last = batch.parts.back();
    if (last.publication == &publication && last.first_item + last.item_count == item) {
      ++last.item_count;
      return;
    }
  }
  ++publication.not_appended;
  ++publication.not_done;
  batch.parts.push_back({&publication, item, 1, record});
}

// ---- Appending ---------------------------------------------------------------------------------

void PushPublisher::submit() {
  while (!open_.empty()) {
    std::unique_ptr<Batch> batch = std::move(open_.back());
    open_.pop_back();
    append(std::move(batch));
  }
}

void PushPublisher::append(std::unique_ptr<Batch> owned) {
  Batch& batch = *owned.release();
  broker::AppendRequest& request = batch.bytes->request;
  request.partition = batch.partition;
  const MutableBytes bytes = batch.bytes->builder.finish();
  request.batch = bytes;
  request.records = batch.bytes->builder.record_count();
  request.max_timestamp = batch.max_timestamp;
  if (batch.partition->topic.config->timestamp_type == storage::TimestampType::kLogAppendTime) {
    request.max_timestamp = live_.shard().wall_now();
    storage::patch_max_timestamp(bytes, storage::TimestampType::kLogAppendTime,
                                 request.max_timestamp);
  }
  request.acks = broker::Acks::kDurable;
  request.error = ErrorCode::kNone;
  request.context = &batch;
  request.appended = [](broker::AppendRequest& told) {
    auto& its_batch = *static_cast<Batch*>(told.context);
    PushPublisher& owner = *its_batch.owner;
    owner.in_log(its_batch);
    owner.acked_(owner.context_);
  };
  request.done = [](broker::AppendRequest& answered) {
    auto& its_batch = *static_cast<Batch*>(answered.context);
    its_batch.owner->done(its_batch);
  };
  ++in_flight_;
  live_.counters().batches_published.add();
  // The builder's memory stays until `done`, so that it does not matter whether it is needed.
  (void)live_.broker().append(request);
}

void PushPublisher::topic_gone(const broker::Topic& topic) {
  for (auto open = open_.begin(); open != open_.end();) {
    if (&(*open)->partition->topic != &topic) {
      ++open;
      continue;
    }
    std::unique_ptr<Batch> batch = std::move(*open);
    open = open_.erase(open);
    parts_done(*batch, ErrorCode::kUnknownTopicOrPartition);
    release(std::move(batch));
  }
}

// ---- Answering ---------------------------------------------------------------------------------

void PushPublisher::in_log(Batch& batch) {
  batch.appended = true;
  const Offset base = batch.bytes->request.base_offset;
  for (const Part& part : batch.parts) {
    for (std::uint32_t i = 0; i < part.item_count; ++i) {
      part.publication->items[part.first_item + i].offset = base + part.first_record + i;
    }
    --part.publication->not_appended;
    settle(*part.publication);
  }
}

void PushPublisher::done(Batch& batch) {
  std::unique_ptr<Batch> owned(&batch);
  const ErrorCode error = batch.bytes->request.error;
  --in_flight_;
  if (error == ErrorCode::kNone && !batch.appended) in_log(batch);
  parts_done(batch, error);
  release(std::move(owned));
  acked_(context_);  // this object may be gone now
}

void PushPublisher::parts_done(Batch& batch, ErrorCode error) {
  if (error != ErrorCode::kNone) live_.counters().publish_failures.add();
  for (const Part& part : batch.parts) {
    Publication& publication = *part.publication;
    if (error != ErrorCode::kNone) {
      for (std::uint32_t i = 0; i < part.item_count; ++i) {
        publication.items[part.first_item + i].error = text_of(error);
      }
      if (!batch.appended) --publication.not_appended;
    }
    --publication.not_done;
    settle(publication);
  }
}

void PushPublisher::release(std::unique_ptr<Batch> batch) {
  unacked_bytes_ -= batch->counted_bytes;
  batch->bytes->request.appended = nullptr;
  live_.batches().give_back(std::move(batch->bytes));
}

void PushPublisher::settle(Publication& publication) {
  if (!publication.taken) return;
  if (publication.not_appended == 0 && !publication.told_appended &&
      publication.ack == push::Publish::Ack::kAppended) {
    publication.told_appended = true;
    reply(publication, "appended");
  }
  if (publication.not_done > 0) return;
  const std::unique_ptr<Publication> owned(&publication);
  reply(publication, "durable");
}

// An error answers both stages.
void PushPublisher::reply(Publication& publication, std::string_view stage) {
  const auto failed = [](const push::PublishedItem& item) { return item.error.has_value(); };
  const auto first = std::ranges::find_if(publication.items, failed);
  const bool any = first != publication.items.end();
  const bool all = any && std::ranges::all_of(publication.items, failed);
  if (publication.ack == push::Publish::Ack::kNone && !any) return;
  if (all && stage == "appended") return;
  std::string& text = pushes_.text();
  if (all || publication.ack == push::Publish::Ack::kNone) {
    push::append_error(text, publication.id, *first->error);
  } else {
    push::append_published(text, publication.id, stage, publication.items);
  }
  replies_.add(text);
}

}  // namespace duolog::session

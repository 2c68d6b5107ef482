#include "engine/session/feed/publisher.h"

#include "engine/base/check.h"
#include "engine/broker/broker.h"

namespace duolog::session {
FeedPublisher::~FeedPublisher() { CHECK(in_flight_ == 0); }

bool FeedPublisher::add(Bytes value) {
  CHECK(partition_ != nullptr);
  storage::NewRecord record{.timestamp = live_.shard().wall_now(), .value = value};
  if (key_) record.key = as_bytes(*key_);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!current_) {
      current_ = live_.batches().take(live_.broker().max_batch_bytes(*partition_->topic.config));
    }
    const std::size_t before = current_->builder.size_bytes();
    if (current_->builder.add(record)) {
      unacked_bytes_ += current_->builder.size_bytes() - before;
      live_.counters().records_published.add();
      live_.counters().bytes_published.add(value.size());
      return true;
    }
    if (current_->builder.record_count() == 0) {
      live_.batches().give_back(std::move(current_));
      return false;
    }
    submit();  // it is full: the next one takes the record
  }
  return false;
}

void FeedPublisher::submit() {
  if (!current_) return;
  PublishBatch& batch = *current_.release();
  batch.owner = this;
  broker::AppendRequest& request = batch.request;
  request.partition = partition_;
  const MutableBytes bytes = batch.builder.finish();
  request.batch = bytes;
  request.records = batch.builder.record_count();
  request.max_timestamp = live_.shard().wall_now();
  if (partition_->topic.config->timestamp_type == storage::TimestampType::kLogAppendTime) {
    storage::patch_max_timestamp(bytes, storage::TimestampType::kLogAppendTime,
                                 request.max_timestamp);
  }
  request.acks = broker::Acks::kDurable;
  request.error = kafka::ErrorCode::kNone;
  request.context = &batch;
  request.done = [](broker::AppendRequest& answered) {
    auto& its_batch = *static_cast<PublishBatch*>(answered.context);
    static_cast<FeedPublisher*>(its_batch.owner)->done(its_batch);
  };
  ++in_flight_;
  live_.counters().batches_published.add();
  // The builder's memory stays until `done`, so that it does not matter whether it is needed.
  (void)live_.broker().append(request);
}

void FeedPublisher::topic_gone() {
  if (current_) {
    live_.batches().give_back(std::move(current_));
    live_.counters().publish_failures.add();
  }
  partition_ = nullptr;
}

void FeedPublisher::done(PublishBatch& batch) {
  const kafka::ErrorCode error = batch.request.error;
  const std::size_t bytes = batch.request.batch.size();
  unacked_bytes_ -= std::min(unacked_bytes_, bytes);
  --in_flight_;
  if (error != kafka::ErrorCode::kNone) live_.counters().publish_failures.add();
  live_.batches().give_back(std::unique_ptr<PublishBatch>(&batch));
  acked_(context_, error);  // this object may be gone now
}

}  // namespace duolog::session

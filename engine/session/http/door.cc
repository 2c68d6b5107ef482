#include "engine/session/http/door.h"

#include <unistd.h>

#include "engine/base/check.h"

namespace duolog::session {

HttpDoor::HttpDoor(broker::Broker& broker, const HttpSettings& settings, const ServerView& view)
    : broker_(broker),
      settings_(settings),
      view_(view),
      cache_(broker.shard(), settings, counters_),
      push_cache_(broker.shard(), settings, counters_),
      warm_ups_(broker.shard(), counters_),
      next_partition_(broker.shard().id().value) {
  batches_.reserve(kKeptBatches);
  plans_.reserve(kKeptPlans);
  watcher_.door = this;
  watcher_.gone = [](broker::TopicWatcher& watcher, broker::Topic& topic) {
    static_cast<Watcher&>(watcher).door->topic_gone(topic);
  };
  watcher_.grown = [](broker::TopicWatcher& watcher, broker::Topic& topic) {
    static_cast<Watcher&>(watcher).door->topic_grown(topic);
  };
  broker_.watch(watcher_);
}

HttpDoor::~HttpDoor() { CHECK(connections_.empty()); }

void HttpDoor::accept(int descriptor) {
  if (draining_) {
    ::close(descriptor);
    return;
  }
  counters_.connections.add();
  HttpConnection::accept(*this, descriptor);
}

void HttpDoor::drain() {
  draining_ = true;
  for (HttpConnection *connection = connections_.front(), *next = nullptr; connection != nullptr;
       connection = next) {
    next = connections_.next(*connection);
    connection->drain();
  }
}

void HttpDoor::topic_grown(const broker::Topic& topic) {
  for (HttpConnection* connection = connections_.front(); connection != nullptr;
       connection = connections_.next(*connection)) {
    connection->topic_grown(topic);
  }
}

void HttpDoor::topic_gone(const broker::Topic& topic) {
  for (HttpConnection* connection = connections_.front(); connection != nullptr;
       connection = connections_.next(*connection)) {
    connection->topic_gone(topic);
  }
  for (const broker::Partition* partition : topic.partitions) {
    cache_.forget(*partition->log);
    push_cache_.forget(*partition->log);
  }
}

std::int32_t HttpDoor::next_partition(std::int32_t count) {
  return static_cast<std::int32_t>(next_partition_++ % static_cast<std::uint32_t>(count));
}

void HttpDoor::warn(std::string_view line) { log_limit_.warn(shard().now_ns(), line); }

std::unique_ptr<PublishBatch> HttpDoor::take_batch(std::size_t max_bytes) {
  if (batches_.empty()) return std::make_unique<PublishBatch>(max_bytes);
  std::unique_ptr<PublishBatch> batch = std::move(batches_.back());
  batches_.pop_back();
  if (batch->max_bytes != max_bytes) {
    batch->max_bytes = max_bytes;
    batch->builder = storage::RecordBatchBuilder(max_bytes);
  }
  return batch;
}

void HttpDoor::give_back(std::unique_ptr<PublishBatch> batch) {
  if (batches_.size() == kKeptBatches || batch->builder.size_bytes() > kKeptBatchBytes) return;
  batch->builder.clear();
  batches_.push_back(std::move(batch));
}

std::unique_ptr<PushPlan> HttpDoor::take_plan() {
  if (plans_.empty()) return std::make_unique<PushPlan>();
  std::unique_ptr<PushPlan> plan = std::move(plans_.back());
  plans_.pop_back();
  return plan;
}

void HttpDoor::give_back(std::unique_ptr<PushPlan> plan) {
  if (plans_.size() == kKeptPlans) return;
  plan->clear();
  plans_.push_back(std::move(plan));
}

std::string& HttpDoor::text() {
  text_.clear();
  if (text_.capacity() > kKeptTextBytes) text_.shrink_to_fit();
  return text_;
}

std::vector<push::PositionText>& HttpDoor::positions() {
  positions_.clear();
  return positions_;
}

void HttpDoor::add(HttpConnection& connection) {
  connections_.push_back(connection);
  counters_.connections_open.add();
}

void HttpDoor::remove(HttpConnection& connection) {
  connection.link.unlink();
  counters_.connections_open.set(counters_.connections_open.get() - 1);
}

}  // namespace duolog::session

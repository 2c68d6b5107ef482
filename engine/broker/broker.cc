#include "engine/broker/broker.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/broker/cluster.h"
#include "engine/broker/disk_news.h"
#include "storage/journal.h"
#include "storage/log_store.h"
#include "storage/record_batch.h"

namespace duolog::broker {
namespace {

constexpr std::uint64_t kTickNs = 1'000'000'000;
constexpr std::uint64_t kSoonNs = 50'000;
// The first look at retention after a start, as in Kafka.
constexpr std::uint64_t kFirstRetentionCheckMs = 30'000;

// Why an append has failed. Of a server that stops clients are told what Kafka tells them: try
// again elsewhere.
kafka::ErrorCode to_kafka(const Error& error) {
  switch (error.code) {
    case Errc::kClosed:
      return kafka::ErrorCode::kUnknownTopicOrPartition;
    case Errc::kBusy:
      return kafka::ErrorCode::kNotLeaderOrFollower;
    case Errc::kTooLarge:
      return kafka::ErrorCode::kMessageTooLarge;
    default:
      return kafka::ErrorCode::kKafkaStorageError;
  }
}

}  // namespace

AppendRequest::AppendRequest()
    : credit([](runtime::CreditWaiter&,
                void* request) { static_cast<AppendRequest*>(request)->resend(); },
             this) {}

void AppendRequest::resend() {
  waiting.unlink();
  broker->send(*this);
}

std::size_t Broker::max_batch_bytes(const TopicConfig& config) const {
  return std::clamp<std::size_t>(config.max_message_bytes, storage::kBatchHeaderBytes,
                                 store_->max_batch_bytes());
}

Broker::Broker(Cluster& cluster, runtime::Shard& shard, storage::JournalSetup journal)
    : cluster_(cluster),
      shard_(shard),
      store_(std::make_unique<storage::LogStore>(shard.disk(), shard.runtime().epochs(),
                                                 cluster.options().store, std::move(journal),
                                                 cluster.leader_epoch(),
                                                 storage::LogStore::Events{.visible = on_visible,
                                                                           .failed = on_failed,
                                                                           .work = on_work,
                                                                           .expired = on_expired,
                                                                           .context = this})),
      started_(shard.wall_now()),
      started_ns_(shard.now_ns()),
      flush_(on_flush, this),
      tick_(on_tick, this),
      soon_(on_soon, this),
      retention_(on_retention, this) {
  counters_.take(*store_);
  shard_.timers().arm(tick_, shard_.now_ns() + kTickNs);
  const std::uint64_t first_ms =
      std::min(options().retention_check_interval_ms, kFirstRetentionCheckMs);
  shard_.timers().arm(retention_, shard_.now_ns() + first_ms * kNsPerMs);
}

Broker::~Broker() = default;

bool Broker::congested() const { return store_->congested(); }

const Options& Broker::options() const { return cluster_.options(); }

void Broker::on_visible(void* context, storage::Log& log) {
  auto* partition = static_cast<Partition*>(log.context);
  if (partition) partition->waiters.notify(static_cast<Broker*>(context)->shard_);
}

void Broker::on_failed(void* context, Error error) {
  auto& self = *static_cast<Broker*>(context);
  self.cluster_.fail(std::move(error));
}

void Broker::on_work(void* context) {
  auto& self = *static_cast<Broker*>(context);
  self.shard_.at_turn_end(self.flush_);
}

void Broker::on_flush(runtime::TurnHook&, void* context) {
  auto& self = *static_cast<Broker*>(context);
  self.store_->flush();
  if (!self.expired_.empty()) self.send_expired();
  if (self.store_->wants_turn()) {
    self.shard_.timers().arm(self.soon_, self.shard_.now_ns() + kSoonNs);
  }
}

void Broker::on_soon(runtime::Timer&, void* context) { on_work(context); }

// For what is measured as an interval and may be stored, to be gone on with after a restart: the
// time of day at the start and what has passed since, however the clock has been set meanwhile.
Timestamp Broker::steady_now() const {
  return started_ + static_cast<std::int64_t>((shard_.now_ns() - started_ns_) / kNsPerMs);
}

void Broker::on_tick(runtime::Timer& timer, void* context) {
  auto& self = *static_cast<Broker*>(context);
  self.store_->tick(self.steady_now());
  self.store_->clean(self.shard_.wall_now(), self.steady_now());
  self.counters_.take(*self.store_);
  if (self.shard_.id() == kController) {
    tell_disk_news(self.log_limit_, self.shard_.now_ns(), self.counters_);
  }
  self.inflated_.expire(self.shard_.now_ns());
  on_work(context);
  self.shard_.timers().arm(timer, self.shard_.now_ns() + kTickNs);
}

// ---- Retention ---------------------------------------------------------------------------------

void Broker::on_retention(runtime::Timer& timer, void* context) {
  auto& self = *static_cast<Broker*>(context);
  self.store_->check_retention(self.shard_.wall_now());
  self.shard_.timers().arm(
      timer, self.shard_.now_ns() + self.options().retention_check_interval_ms * kNsPerMs);
}

void Broker::on_expired(void* context, storage::Log& log, Offset start) {
  auto& self = *static_cast<Broker*>(context);
  self.expired_.push_back({log.identity.topic_id, log.identity.partition, start});
  on_work(context);
}

void Broker::send_expired() {
  move_log_starts(std::exchange(expired_, {}), [this](const std::vector<LogStart>& moved) {
    const auto failed =
        std::ranges::count(moved, kafka::ErrorCode::kKafkaStorageError, &LogStart::error);
    if (failed == 0) return;
    log_limit_.warn(shard_.now_ns(), "retention: the new start of " + std::to_string(failed) +
                                         " partitions could not be recorded");
  });
}

// ---- Topics ------------------------------------------------------------------------------------

Topic* Broker::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Topic* Broker::find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void Broker::create_topic(NewTopic topic, TopicDone done) {
  change(
      [topic = std::move(topic)](Cluster& cluster, TopicDone answer) mutable {
        cluster.create(std::move(topic), std::move(answer));
      },
      std::move(done));
}

void Broker::delete_topic(const Uuid& id, TopicDone done, std::string by) {
  change(
      [id, by = std::move(by)](Cluster& cluster, TopicDone answer) mutable {
        cluster.remove(id, std::move(by), std::move(answer));
      },
      std::move(done));
}

void Broker::add_partitions(NewPartitions wanted, TopicDone done) {
  change(
      [wanted = std::move(wanted)](Cluster& cluster, TopicDone answer) mutable {
        cluster.add_partitions(std::move(wanted), std::move(answer));
      },
      std::move(done));
}

void Broker::alter_configs(NewConfigs wanted, TopicDone done) {
  change(
      [wanted = std::move(wanted)](Cluster& cluster, TopicDone answer) mutable {
        cluster.alter_configs(std::move(wanted), std::move(answer));
      },
      std::move(done));
}

void Broker::move_log_starts(std::vector<LogStart> starts, LogStartsDone done, std::string by) {
  carry<std::vector<LogStart>>(
      [starts = std::move(starts), by = std::move(by)](Cluster& cluster,
                                                       LogStartsDone answer) mutable {
        cluster.move_log_starts(std::move(starts), std::move(by), std::move(answer));
      },
      std::move(done));
}

void Broker::take_producer_id(ProducerIds::Done done) {
  if (producer_ids_.take(std::move(done))) ask_for_producer_ids();
}

void Broker::ask_for_producer_ids() {
  carry<Result<std::int64_t>>(
      [](Cluster& cluster, Cluster::ProducerIdsDone answer) {
        cluster.take_producer_ids(std::move(answer));
      },
      [this](Result<std::int64_t> first) {
        if (producer_ids_.add(std::move(first))) ask_for_producer_ids();
      });
}

void Broker::change(std::move_only_function<void(Cluster&, TopicDone)> start, TopicDone done) {
  carry<TopicOutcome>(std::move(start), std::move(done));
}

// Carries a change to the controller's shard, and its outcome back. Off the hot path: it allocates.
template <class Outcome>
void Broker::carry(std::move_only_function<void(Cluster&, Done<Outcome>)> start,
                   Done<Outcome> done) {
  runtime::Runtime& runtime = shard_.runtime();
  shard_.hold();
  auto answer = [&runtime, home = shard_.id(), done = std::move(done)](Outcome outcome) mutable {
    runtime.run_on(
        home, [done = std::move(done), outcome = std::move(outcome)](runtime::Shard& here) mutable {
          here.release();
          done(std::move(outcome));
        });
  };
  runtime.run_on(kController, [this, start = std::move(start), answer = std::move(answer)](
                                  runtime::Shard&) mutable { start(cluster_, std::move(answer)); });
}

void Broker::add_logs(Topic& topic) {
  for (Partition* partition : topic.partitions) add_log(*partition);
}

void Broker::add_log(Partition& partition) {
  if (partition.owner != shard_.id() || partition.log) return;
  const Topic& topic = partition.topic;
  partition.log = &store_->add(cluster_.identity_of(topic, partition.id), log_config_of(topic));
  partition.log->context = &partition;
}

void Broker::add_offline(Partition& partition) {
  const Topic& topic = partition.topic;
  partition.log =
      &store_->add_offline(cluster_.identity_of(topic, partition.id), log_config_of(topic));
  partition.log->context = &partition;
}

void Broker::configure(Topic& topic) {
  for (Partition* partition : topic.partitions) {
    if (partition->owner != shard_.id()) continue;
    store_->configure(*partition->log, log_config_of(topic));
  }
}

void Broker::grown(Topic& topic) {
  for (TopicWatcher *watcher = watchers_.front(), *next = nullptr; watcher; watcher = next) {
    next = watchers_.next(*watcher);
    if (watcher->grown) watcher->grown(*watcher, topic);
  }
}

void Broker::learn(Topic& topic) {
  by_name_[topic.name] = &topic;
  by_id_[topic.id] = &topic;
}

void Broker::forget(Topic& topic) {
  by_name_.erase(topic.name);
  by_id_.erase(topic.id);
  for (TopicWatcher *watcher = watchers_.front(), *next = nullptr; watcher; watcher = next) {
    next = watchers_.next(*watcher);
    watcher->gone(*watcher, topic);
  }
  for (Partition* partition : topic.partitions) partition->waiters.release_all(shard_);
  refuse_waiting(topic);
}

void Broker::remove_logs(Topic& topic, std::move_only_function<void()> done) {
  struct Pending {
    std::size_t left;
    std::move_only_function<void()> done;
  };
  const auto pending = std::make_shared<Pending>(1, std::move(done));
  const auto finish = [pending] {
    if (--pending->left == 0) pending->done();
  };
  for (Partition* partition : topic.partitions) {
    if (partition->owner != shard_.id()) continue;
    ++pending->left;
    store_->remove(*partition->log, cluster_.graveyard_of(topic, partition->id), finish);
    partition->log = nullptr;
  }
  shard_.at_turn_end(flush_);
  finish();
}

void Broker::stop(std::move_only_function<void()> done) {
  shard_.timers().cancel(tick_);
  shard_.timers().cancel(retention_);
  store_->stop(std::move(done));
  shard_.at_turn_end(flush_);
}

// ---- Appends -----------------------------------------------------------------------------------

bool Broker::append(AppendRequest& request) {
  request.broker = this;
  request.duplicate = false;
  request.owner = &cluster_.broker(request.partition->owner);
  if (request.owner != this) {
    // Later its topic may be forgotten here already, and nobody would answer it (refuse_waiting).
    if (request.partition->topic.deleted.load(std::memory_order_relaxed)) {
      finish(request, kafka::ErrorCode::kUnknownTopicOrPartition);
      return true;
    }
    send(request);
    return false;
  }
  return append_here(request);
}

void Broker::send(AppendRequest& request) {
  const ShardId owner = request.owner->shard_.id();
  const runtime::Message message{.fn =
                                     [](runtime::Shard&, ShardId, const runtime::Message& m) {
                                       auto& arrived = *static_cast<AppendRequest*>(m.object);
                                       (void)arrived.owner->append_here(arrived);
                                     },
                                 .object = &request};
  if (!shard_.mailbox().try_request(owner, message)) {
    shard_.mailbox().wait_for_credit(owner, request.credit);
    waiting_.push_back(request);
  }
}

// Those that have not left for the owner; what has left is answered there.
void Broker::refuse_waiting(const Topic& topic) {
  IntrusiveList<AppendRequest, &AppendRequest::waiting> refused;
  for (AppendRequest *request = waiting_.front(), *next = nullptr; request; request = next) {
    next = waiting_.next(*request);
    if (&request->partition->topic != &topic) continue;
    request->waiting.unlink();
    request->credit.hook.unlink();
    refused.push_back(*request);
  }
  while (AppendRequest* request = refused.pop_front()) {
    request->error = kafka::ErrorCode::kUnknownTopicOrPartition;
    request->done(*request);
  }
}

// On the owner's shard. False: the append waits for room. What is offline was told of at start.
bool Broker::append_here(AppendRequest& request) {
  storage::Log* log = request.partition->log;
  if (!log || request.partition->topic.deleted.load(std::memory_order_relaxed)) {
    finish(request, kafka::ErrorCode::kUnknownTopicOrPartition);
    return true;
  }
  if (log->offline) {
    finish(request, kafka::ErrorCode::kKafkaStorageError);
    return true;
  }
  if (!storage::LogStore::must_wait(*log) && try_append(request)) return true;
  request.room.context = &request;
  request.room.retry = [](storage::AppendWaiter& waiter) {
    auto& waiting = *static_cast<AppendRequest*>(waiter.context);
    return waiting.owner->try_append(waiting);
  };
  storage::LogStore::wait(*log, request.room);
  return false;
}

// For the operator, who may free space; a topic's deletion, the server's own end or what a client
// sends is no news.
void Broker::say_why(const storage::Log& log, const Error& error) {
  if (error.code == Errc::kClosed || error.code == Errc::kBusy || error.code == Errc::kTooLarge) {
    return;
  }
  if (error.code == Errc::kNoSpace) cluster_.writing().full();
  log_limit_.warn(shard_.now_ns(), "records for " + log.identity.directory +
                                       " are refused with KAFKA_STORAGE_ERROR: " + error.message +
                                       (error.code == Errc::kNoSpace
                                            ? "; free space on the disk, and they are taken again"
                                            : ""));
}

// On the owner's shard. True when the append is decided; its bytes are needed no more.
bool Broker::try_append(AppendRequest& request) {
  storage::Log& log = *request.partition->log;
  switch (store_->append(log, request.batch, request.records, request.max_timestamp, steady_now(),
                         request.base_offset)) {
    case storage::LogStore::Append::kWait:
      return false;
    case storage::LogStore::Append::kFailed:
      say_why(log, store_->last_error());
      finish(request, to_kafka(store_->last_error()));
      return true;
    case storage::LogStore::Append::kOutOfOrder:
      request.log_start = log.start_offset();  // which Kafka tells here, too
      finish(request, kafka::ErrorCode::kOutOfOrderSequenceNumber);
      return true;
    case storage::LogStore::Append::kOldEpoch:
      request.log_start = log.start_offset();
      finish(request, kafka::ErrorCode::kInvalidProducerEpoch);
      return true;
    case storage::LogStore::Append::kDuplicate:
      request.duplicate = true;
      request.first_timestamp = store_->duplicate().timestamp;
      in_log(request, log, store_->duplicate().end);
      return true;
    case storage::LogStore::Append::kDone:
      in_log(request, log, log.appended().position);
      return true;
  }
  return true;
}

// Whether who asked for `acks` is answered, for what is in the log up to `end`. No ack comes before
// consumers may see the record.
bool Broker::is_answered(const storage::Log& log, Acks acks, Position end) {
  if (acks == Acks::kNone || end <= storage::LogStore::durable(log)) return true;
  return acks != Acks::kDurable && acks != Acks::kFlushed &&
         storage::LogStore::config(log).visibility == storage::Visibility::kAppended;
}

// The batch is in the log and ends at `end`.
void Broker::in_log(AppendRequest& request, storage::Log& log, Position end) {
  request.log_start = log.start_offset();
  if (request.acks == Acks::kFlushed) storage::LogStore::flush_up_to(log, end);
  // A duplicate's first copy may have been durable for long.
  if (is_answered(log, request.acks, end)) {
    return finish(request, kafka::ErrorCode::kNone);
  }
  request.ack.context = &request;
  request.ack.done = [](storage::AckWaiter& waiter, Result<void> outcome) {
    auto& durable = *static_cast<AppendRequest*>(waiter.context);
    durable.owner->finish(durable, outcome ? kafka::ErrorCode::kNone : to_kafka(outcome.error()));
  };
  storage::LogStore::when_durable(log, end, request.ack);
  if (request.appended != nullptr) tell_appended(request);
}

// A shard without credit is told by `done` alone.
void Broker::tell_appended(AppendRequest& request) {
  if (request.broker == this) return request.appended(request);
  const runtime::Message told{.fn =
                                  [](runtime::Shard&, ShardId, const runtime::Message& message) {
                                    auto& appended = *static_cast<AppendRequest*>(message.object);
                                    appended.appended(appended);
                                  },
                              .object = &request};
  (void)shard_.mailbox().try_post(request.broker->shard_.id(), told);
}

// On the owner's shard: answers, on the sender's.
void Broker::finish(AppendRequest& request, kafka::ErrorCode error) {
  request.error = error;
  if (request.broker == this) return request.done(request);
  shard_.mailbox().reply(request.broker->shard_.id(),
                         {.fn =
                              [](runtime::Shard&, ShardId, const runtime::Message& message) {
                                auto& answered = *static_cast<AppendRequest*>(message.object);
                                answered.done(answered);
                              },
                          .object = &request});
}

}  // namespace duolog::broker

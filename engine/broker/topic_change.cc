#include "engine/broker/topic_change.h"

#include <algorithm>

#include "engine/base/uuid.h"
#include "engine/broker/cluster.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;

// As in Kafka, unless whoever makes it says otherwise.
constexpr std::pair<const char*, const char*> kOffsetsConfigs[] = {{"cleanup.policy", "compact"},
                                                                   {"compression.type", "producer"},
                                                                   {"segment.bytes", "104857600"}};

}  // namespace

TopicChange::TopicChange(Cluster& cluster, std::string by, Done done)
    : cluster_(cluster), by_(std::move(by)), done_(std::move(done)) {}

void TopicChange::create(Cluster& cluster, NewTopic wanted, Done done) {
  auto* change = new TopicChange(cluster, std::move(wanted.by), std::move(done));
  if (!change->check(wanted)) return;
  if (wanted.validate_only) return change->finish(ErrorCode::kNone);
  change->record_creation();
}

// Fills in `owned_`, or answers with what is wrong and returns false.
bool TopicChange::check(const NewTopic& wanted) {
  const Options& options = cluster_.options();
  const auto refuse = [this](ErrorCode error, std::string message) {
    finish(error, std::move(message));
    return false;
  };
  if (!is_valid_topic_name(wanted.name)) {
    return refuse(ErrorCode::kInvalidTopicException,
                  "Topic name is invalid: 1 to 249 of letters, digits, '.', '_' and '-'");
  }
  if (Topic* existing = cluster_.broker(kController).find(wanted.name)) {
    topic_ = existing;
    return refuse(ErrorCode::kTopicAlreadyExists, "Topic '" + wanted.name + "' already exists.");
  }
  if (const std::string* other = cluster_.names_.find(wanted.name)) {
    return refuse(ErrorCode::kInvalidTopicException,
                  "Topic '" + wanted.name + "' collides with existing topic: " + *other);
  }
  if (cluster_.topics_.size() >= options.max_topics) {
    cluster_.count_refusal();
    return refuse(ErrorCode::kPolicyViolation,
                  "The limit of " + std::to_string(options.max_topics) + " topics is reached");
  }
  const bool is_offsets_topic = wanted.name == kOffsetsTopic;
  const std::int32_t by_default =
      is_offsets_topic ? options.offsets_topic_partitions : options.num_partitions;
  const std::int32_t partitions = wanted.partitions == -1 ? by_default : wanted.partitions;
  if (partitions < 1 || partitions > options.max_partitions_per_topic) {
    if (partitions > 0) cluster_.count_refusal();
    return refuse(ErrorCode::kInvalidPartitions,
                  "Number of partitions must be from 1 to " +
                      std::to_string(options.max_partitions_per_topic));
  }
  if (!cluster_.has_room_for(static_cast<std::size_t>(partitions))) {
    return refuse(ErrorCode::kPolicyViolation, cluster_.no_room_message());
  }
  owned_ = std::make_unique<Topic>();
  owned_->name = wanted.name;
  owned_->id = random_uuid();
  storage::TopicConfigs configs = wanted.configs;
  if (is_offsets_topic) configs.insert(std::begin(kOffsetsConfigs), std::end(kOffsetsConfigs));
  auto config = make_topic_config(cluster_.configs().topic_defaults, configs);
  if (!config) return refuse(ErrorCode::kInvalidConfig, config.error().message);
  (void)owned_->config.publish(std::move(*config));
  if (!wanted.validate_only) {
    (void)owned_->partitions.grow(cluster_.make_partitions(*owned_, partitions));
  }
  topic_ = owned_.get();
  return true;
}

void TopicChange::record_creation() {
  storage::TopicRecord record;
  record.name = topic_->name;
  record.id = topic_->id;
  record.partition_count = static_cast<std::int32_t>(topic_->partitions.size());
  record.configs = topic_->config->overrides;
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  cluster_.broker(kController)
      .shard()
      .run_on_janitor(
          [this, result, record = std::move(record)] {
            *result = cluster_.catalog_.create_topic(record);
          },
          [this, outcome = std::move(outcome)] { created(*outcome); });
}

void TopicChange::created(const Result<void>& recorded) {
  if (!recorded) {
    cluster_.count_gone(topic_->partitions.size());
    const bool too_large = recorded.error().code == Errc::kTooLarge;
    return finish(too_large ? ErrorCode::kInvalidConfig : ErrorCode::kKafkaStorageError,
                  recorded.error().message);
  }
  cluster_.names_.add(topic_->name);
  cluster_.topics_.push_back(std::move(owned_));
  on_every_shard(
      [](TopicChange& change, Broker& broker, std::move_only_function<void()> next) {
        broker.add_logs(*change.topic_);
        next();
      },
      &TopicChange::all_have_logs);
}

void TopicChange::all_have_logs() {
  on_every_shard(
      [](TopicChange& change, Broker& broker, std::move_only_function<void()> next) {
        broker.learn(*change.topic_);
        next();
      },
      &TopicChange::all_have_learnt);
}

void TopicChange::all_have_learnt() {
  cluster_.change_log_.created(*topic_, by_);
  finish(ErrorCode::kNone);
}

void TopicChange::remove(Cluster& cluster, const Uuid& id, std::string by, Done done) {
  auto* change = new TopicChange(cluster, std::move(by), std::move(done));
  change->topic_ = cluster.broker(kController).find(id);
  if (!change->topic_) return change->finish(ErrorCode::kUnknownTopicOrPartition);
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  cluster.broker(kController)
      .shard()
      .run_on_janitor(
          [change, result, id] { *result = change->cluster_.catalog_.delete_topic(id); },
          [change, outcome = std::move(outcome)] { change->recorded_removal(*outcome); });
}

void TopicChange::recorded_removal(const Result<void>& recorded) {
  if (!recorded) return finish(ErrorCode::kKafkaStorageError, recorded.error().message);
  topic_->deleted.store(true, std::memory_order_relaxed);
  on_every_shard(
      [](TopicChange& change, Broker& broker, std::move_only_function<void()> next) {
        broker.forget(*change.topic_);
        next();
      },
      &TopicChange::all_have_forgotten);
}

void TopicChange::all_have_forgotten() {
  on_every_shard(
      [](TopicChange& change, Broker& broker, std::move_only_function<void()> next) {
        broker.remove_logs(*change.topic_, std::move(next));
      },
      &TopicChange::all_have_removed);
}

// An append that was sent before its sender forgot the topic may still be on its way to the owner:
// once every shard has run another message, all that was sent is there to be run, and once every
// shard has run one more, it has been. Answers may take longer: they name the request, whose sender
// has let go of the topic.
void TopicChange::all_have_removed() { pass(&TopicChange::all_have_sent); }

void TopicChange::all_have_sent() { pass(&TopicChange::all_have_run); }

void TopicChange::all_have_run() { pass(&TopicChange::all_have_passed); }

void TopicChange::pass(void (TopicChange::*then)()) {
  on_every_shard([](TopicChange&, Broker&, std::move_only_function<void()> next) { next(); }, then);
}

void TopicChange::all_have_passed() {
  const bool offline = std::ranges::any_of(
      cluster_.report().offline, [this](const auto& log) { return log.first.first == topic_->id; });
  if (!offline) return removed();
  cluster_.broker(kController)
      .shard()
      .run_on_janitor([this] { cluster_.release_kept(topic_->id); }, [this] { removed(); });
}

void TopicChange::removed() {
  cluster_.change_log_.deleted(*topic_, by_);
  cluster_.count_gone(topic_->partitions.size());
  cluster_.names_.remove(topic_->name);
  std::erase_if(cluster_.topics_, [this](const auto& topic) { return topic.get() == topic_; });
  topic_ = nullptr;
  finish(ErrorCode::kNone);
}

void TopicChange::on_every_shard(Step step, void (TopicChange::*then)()) {
  waiting_for_ = cluster_.shard_count();
  runtime::Runtime& runtime = cluster_.broker(kController).shard().runtime();
  for (std::size_t i = 0; i < cluster_.shard_count(); ++i) {
    const ShardId id(static_cast<std::uint16_t>(i));
    runtime.run_on(id, [this, &runtime, id, step, then](runtime::Shard&) {
      step(*this, cluster_.broker(id), [this, &runtime, then] {
        runtime.run_on(kController, [this, then](runtime::Shard&) {
          if (--waiting_for_ == 0) (this->*then)();
        });
      });
    });
  }
}

void TopicChange::finish(ErrorCode error, std::string message) {
  done_({error, std::move(message), topic_});
  Cluster& cluster = cluster_;
  delete this;
  cluster.next_change();
}

}  // namespace duolog::broker

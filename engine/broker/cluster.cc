#include "engine/broker/cluster.h"

#include <algorithm>
#include <set>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/uuid.h"
#include "engine/broker/config_change.h"
#include "engine/broker/partition_growth.h"
#include "engine/broker/topic_change.h"
#include "storage/hash.h"
#include "storage/journal_reader.h"
#include "storage/log_store.h"
#include "storage/segment_files.h"

namespace duolog::broker {
namespace {

std::string partition_directory(const std::string& topics, const std::string& topic,
                                std::int32_t partition) {
  return topics + "/" + topic + "-" + std::to_string(partition);
}

std::string grave(const std::string& deleted, const Uuid& topic, std::int32_t partition) {
  return deleted + "/" + to_text(topic) + "-" + std::to_string(partition);
}

// Finishes deletions that a stop or an error cut short: moves what is left of deleted topics out of
// the way. Returns those of which something still is there.
Result<std::set<Uuid>> finish_deletions(storage::Files& files,
                                        const storage::DataDirectory& directory,
                                        const storage::Catalog& catalog) {
  std::set<Uuid> left;
  for (const auto& [id, topic] : catalog.deleted()) {
    for (std::int32_t p = 0; p < topic.partition_count; ++p) {
      const std::string path = partition_directory(directory.topics(), topic.name, p);
      auto buried = storage::bury(files, id, path, grave(directory.deleted(), id, p));
      if (buried) {
        buried = storage::bury(files, id, storage::set_aside(path, id),
                               grave(directory.deleted(), id, p));
      }
      if (buried) continue;
      if (buried.error().code == Errc::kUnflushed) return std::unexpected(buried.error());
      left.insert(id);
      runtime::log_warn("the files of topic '" + topic.name +
                        "', which was deleted, cannot be removed: " + buried.error().message);
    }
  }
  if (auto graves = files.list(directory.deleted())) {
    for (const auto& entry : *graves) {
      (void)storage::remove_directory(files, directory.deleted() + "/" + entry.name);
    }
  }
  return left;
}

storage::RecoveryInput recovery_input(const storage::DataDirectory& directory,
                                      const storage::Catalog& catalog) {
  storage::RecoveryInput input;
  input.journal_directory = directory.journal();
  input.kept_directory = directory.kept_journals();
  input.now = wall_clock();
  for (const auto& [name, topic] : catalog.topics()) {
    for (std::int32_t p = 0; p < topic.partition_count; ++p) {
      const PartitionId partition(p);
      input.partitions[{topic.id, partition}] = {partition_directory(directory.topics(), name, p),
                                                 catalog.log_start(topic.id, partition)};
    }
  }
  for (const auto& [id, topic] : catalog.deleted()) input.deleted.push_back(id);
  return input;
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::open(storage::Files& files,
                                               const std::string& data_directory, Options options) {
  auto directory = storage::DataDirectory::open(files, data_directory);
  if (!directory) return std::unexpected(directory.error());
  auto catalog = storage::Catalog::open(files, directory->meta());
  if (!catalog) return std::unexpected(catalog.error());
  std::unique_ptr<Cluster> cluster(
      new Cluster(files, std::move(*directory), std::move(*catalog), std::move(options)));
  if (auto recovered = cluster->recover(); !recovered) return std::unexpected(recovered.error());
  return cluster;
}

Cluster::Cluster(storage::Files& files, storage::DataDirectory directory, storage::Catalog catalog,
                 Options options)
    : files_(files),
      directory_(std::move(directory)),
      catalog_(std::move(catalog)),
      options_(std::move(options)),
      cluster_id_(to_text(catalog_.cluster_id())) {}

Cluster::~Cluster() = default;

Result<void> Cluster::recover() {
  auto epoch = catalog_.begin_incarnation();
  if (!epoch) return std::unexpected(epoch.error());
  epoch_ = *epoch;
  const auto left = finish_deletions(files_, directory_, catalog_);
  if (!left) return std::unexpected(left.error());
  auto report = storage::recover(files_, recovery_input(directory_, catalog_));
  if (!report) return std::unexpected(report.error());
  report_ = std::move(*report);
  tell_offline();
  if (auto counted = count_kept(); !counted) return counted;
  // The journals are empty: nothing mentions a deleted topic any more but what is left of it.
  std::vector<Uuid> forgotten;
  for (const auto& [id, topic] : catalog_.deleted()) {
    if (!left->contains(id)) forgotten.push_back(id);
  }
  for (const Uuid& id : forgotten) {
    if (auto done = catalog_.forget_deleted(id); !done) return done;
  }
  (void)configs_.publish(
      make_stored_configs(catalog_.resource_configs(), options_.topic_defaults, options_.node_id));
  for (const auto& [name, record] : catalog_.topics()) {
    auto topic = std::make_unique<Topic>();
    topic->name = name;
    topic->id = record.id;
    (void)topic->config.publish(stored_topic_config(configs_->topic_defaults, record.configs));
    topics_.push_back(std::move(topic));
    names_.add(name);
  }
  return {};
}

// Once a start, a line each: what is wrong names the file and the position.
void Cluster::tell_offline() const {
  for (const auto& [key, error] : report_.offline) {
    const storage::TopicRecord* topic = catalog_.find(key.first);
    CHECK(topic != nullptr);
    const std::string name = topic->name + "-" + std::to_string(key.second.value);
    runtime::log_error("partition " + name +
                       " is offline, the others are served: " + error.message +
                       ". Nothing of it is changed, and the next start tries it again. To see what "
                       "is damaged: `duolog log verify --data-dir " +
                       directory_.path() + " " + name +
                       "`; to bring it back: stop the server, put its files of a backup in their "
                       "place or run `duolog log repair " +
                       directory_.path() + "`, and start it; to give it up: delete the topic");
  }
}

// Blocking: at start and on janitors.
Result<void> Cluster::count_kept() {
  auto journals = storage::kept_journals(files_, directory_.kept_journals());
  if (!journals) return std::unexpected(journals.error());
  std::uint64_t size_bytes = 0;
  for (const storage::KeptJournal& kept : *journals) size_bytes += kept.size_bytes;
  counters_.kept_journal_bytes.set(size_bytes);
  return {};
}

// Blocking, on a janitor, once the topic's deletion is durable. What cannot be released now is at
// the next start.
void Cluster::release_kept(const Uuid& topic) {
  for (const auto& [key, error] : report_.offline) {
    if (key.first != topic) continue;
    (void)storage::release_kept(files_, directory_.kept_journals(), key);
  }
  (void)count_kept();
}

void Cluster::set_advertised(std::string host, std::uint16_t port) {
  options_.advertised_host = std::move(host);
  options_.advertised_port = port;
}

void Cluster::prepare(std::size_t shards) {
  brokers_.resize(shards);
  for (auto& topic : topics_) {
    const storage::TopicRecord* record = catalog_.find(topic->id);
    CHECK(record != nullptr);
    (void)topic->partitions.grow(make_partitions(*topic, record->partition_count));
  }
  // Journals of shards that are no more have been emptied.
  for (auto it = report_.journals.begin(); it != report_.journals.end();) {
    if (it->first < shards) {
      ++it;
      continue;
    }
    storage::Journal::remove(files_, journal_directory(it->first), it->second);
    it = report_.journals.erase(it);
  }
}

std::vector<std::unique_ptr<Partition>> Cluster::make_partitions(Topic& topic, std::int32_t count) {
  std::vector<std::unique_ptr<Partition>> made;
  for (auto p = static_cast<std::int32_t>(topic.partitions.size()); p < count; ++p) {
    const PartitionId id(p);
    made.push_back(std::make_unique<Partition>(topic, id, owner_of(topic.id, id), brokers_.size()));
  }
  counters_.partitions.add(made.size());
  return made;
}

bool Cluster::has_room_for(std::size_t partitions) {
  const std::size_t now = counters_.partitions.get();
  if (now <= options_.max_partitions && partitions <= options_.max_partitions - now) return true;
  count_refusal();
  return false;
}

std::string Cluster::no_room_message() const {
  return "The limit of " + std::to_string(options_.max_partitions) +
         " partitions of all topics together would be exceeded";
}

ShardId Cluster::owner_of(const Uuid& topic, PartitionId partition) const {
  const std::size_t start = std::hash<Uuid>{}(topic);
  return ShardId(static_cast<std::uint16_t>((start + static_cast<std::size_t>(partition.value)) %
                                            brokers_.size()));
}

storage::LogIdentity Cluster::identity_of(const Topic& topic, PartitionId partition) const {
  return {topic.name, topic.id, partition,
          partition_directory(directory_.topics(), topic.name, partition.value)};
}

std::string Cluster::graveyard_of(const Topic& topic, PartitionId partition) const {
  return grave(directory_.deleted(), topic.id, partition.value);
}

std::string Cluster::journal_directory(std::uint32_t shard) const {
  char name[16];
  std::snprintf(name, sizeof name, "/%04u", shard);
  return directory_.journal() + name;
}

Result<storage::JournalSetup> Cluster::journal_for(ShardId shard) {
  storage::JournalSetup setup;
  setup.directory = journal_directory(shard.value);
  setup.incarnation = static_cast<std::uint32_t>(epoch_.value);
  setup.secret = storage::xxh3(random_uuid().bytes);
  if (const auto found = report_.journals.find(shard.value); found != report_.journals.end()) {
    setup.files = found->second;
  } else if (auto made = files_.make_directory(setup.directory); !made) {
    if (made.error().code != Errc::kExists) return std::unexpected(made.error());
  } else if (auto synced = files_.sync_directory(directory_.journal()); !synced) {
    return std::unexpected(synced.error());
  }
  std::uint64_t number = 0;
  for (const auto& file : setup.files) number = std::max(number, file.number + 1);
  while (setup.files.size() < storage::kFirstJournalFiles) {
    auto file = storage::Journal::create_file(files_, setup.directory, number++,
                                              options_.store.journal_file_bytes());
    if (!file) return std::unexpected(file.error());
    setup.files.push_back(*file);
  }
  return setup;
}

Result<Broker*> Cluster::start_broker(runtime::Shard& shard) {
  auto journal = journal_for(shard.id());
  if (!journal) return std::unexpected(journal.error());
  auto& broker = brokers_[shard.id().value];
  broker = std::make_unique<Broker>(*this, shard, std::move(*journal));
  for (auto& topic : topics_) {
    for (Partition* partition : topic->partitions) {
      if (partition->owner != shard.id()) continue;
      if (report_.offline.contains({topic->id, partition->id})) {
        broker->add_offline(*partition);
        continue;
      }
      // Each shard takes out entries of its own partitions only; none is added or removed here.
      const auto found = report_.logs.find({topic->id, partition->id});
      if (found == report_.logs.end()) continue;
      auto log = broker->store().adopt(identity_of(*topic, partition->id), log_config_of(*topic),
                                       std::move(found->second));
      if (!log) return std::unexpected(log.error());
      partition->log = *log;
      partition->log->context = partition;
    }
    broker->add_logs(*topic);
    broker->learn(*topic);
  }
  return broker.get();
}

void Cluster::create(NewTopic topic, TopicDone done) {
  enqueue([this, topic = std::move(topic), done = std::move(done)]() mutable {
    TopicChange::create(*this, std::move(topic), std::move(done));
  });
}

void Cluster::remove(const Uuid& id, std::string by, TopicDone done) {
  enqueue([this, id, by = std::move(by), done = std::move(done)]() mutable {
    TopicChange::remove(*this, id, std::move(by), std::move(done));
  });
}

void Cluster::add_partitions(NewPartitions wanted, TopicDone done) {
  enqueue([this, wanted = std::move(wanted), done = std::move(done)]() mutable {
    PartitionGrowth::start(*this, wanted, std::move(done));
  });
}

void Cluster::move_log_starts(std::vector<LogStart> starts, std::string by,
                              Broker::LogStartsDone done) {
  enqueue([this, starts = std::move(starts), by = std::move(by), done = std::move(done)]() mutable {
    LogStartChange::start(*this, std::move(starts), std::move(by), std::move(done));
  });
}

void Cluster::alter_configs(NewConfigs wanted, TopicDone done) {
  enqueue([this, wanted = std::move(wanted), done = std::move(done)]() mutable {
    ConfigChange::start(*this, std::move(wanted), std::move(done));
  });
}

void Cluster::take_producer_ids(ProducerIdsDone done) {
  enqueue([this, done = std::move(done)]() mutable {
    auto first = std::make_unique<Result<std::int64_t>>(0);
    auto* result = first.get();
    broker(ShardId(0))
        .shard()
        .run_on_janitor([this, result] { *result = catalog_.take_producer_id_block(); },
                        [this, first = std::move(first), done = std::move(done)]() mutable {
                          done(std::move(*first));
                          next_change();
                        });
  });
}

void Cluster::on_every_shard(std::function<void(Broker&)> step,
                             std::move_only_function<void()> then) {
  struct Round {
    std::function<void(Broker&)> step;
    std::move_only_function<void()> then;
    std::size_t left;
  };
  const std::size_t shards = shard_count();
  CHECK(shards > 0);  // the last one frees the round
  auto* round = new Round{std::move(step), std::move(then), shards};
  runtime::Runtime& runtime = broker(ShardId(0)).shard().runtime();
  for (std::size_t i = 0; i < shards; ++i) {
    const ShardId id(static_cast<std::uint16_t>(i));
    runtime.run_on(id, [this, &runtime, id, round](runtime::Shard&) {
      round->step(broker(id));
      runtime.run_on(ShardId(0), [round](runtime::Shard&) {
        if (--round->left > 0) return;
        const std::unique_ptr<Round> owned(round);
        owned->then();
      });
    });
  }
}

void Cluster::fail(Error error) {
  if (writing_.failed() && on_failure) on_failure(std::move(error));
}

void Cluster::enqueue(std::move_only_function<void()> change) {
  changes_.push_back(std::move(change));
  if (!std::exchange(changing_, true)) next_change();
}

// A change that is over at once calls this from within itself: thousands of them must not become
// as many frames on the stack.
void Cluster::next_change() {
  if (std::exchange(starting_changes_, true)) {
    change_over_ = true;
    return;
  }
  do {
    // The change before this one is over, and no janitor is at the catalog.
    if (catalog_.failure()) fail(*catalog_.failure());
    change_over_ = false;
    if (changes_.empty()) {
      changing_ = false;
      break;
    }
    auto change = std::move(changes_.front());
    changes_.pop_front();
    change();
  } while (change_over_);
  starting_changes_ = false;
}

}  // namespace duolog::broker

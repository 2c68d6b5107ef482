#include "tests/sim/sim_server.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/uuid.h"
#include "storage/file_util.h"
#include "storage/segment_files.h"

namespace duolog::sim {

using storage::Log;

namespace {

constexpr const char* kJournals = "/journal";
constexpr const char* kJournal = "/journal/0000";
constexpr const char* kKept = "/kept-journals";
constexpr const char* kDirectories[] = {"/logs", "/deleted", kJournals, kJournal};

Result<void> make_directories(SimFiles& files) {
  for (const char* path : kDirectories) {
    if (files.exists(path)) continue;
    if (auto made = files.make_directory(path); !made) return made;
  }
  if (auto synced = files.sync_directory("/"); !synced) return synced;
  return files.sync_directory(kJournals);
}

std::string directory_of(const std::string& topic) { return "/logs/" + topic + "-0"; }
std::string grave_of(const Uuid& topic_id) { return "/deleted/" + to_text(topic_id); }

}  // namespace

storage::StoreOptions small_options() {
  storage::StoreOptions options;
  options.tail_budget_bytes = 2 * storage::kMiB;
  options.journal_min_bytes = 128 * storage::kKiB;  // in two files; a later one is four times one
  options.journal_max_bytes = 768 * storage::kKiB;
  options.group_max_bytes = 128 * storage::kKiB;
  options.bulk_bytes = 128 * storage::kKiB;
  options.bulk_write_bytes = 256 * storage::kKiB;
  options.write_behind_bytes = 128 * storage::kKiB;
  options.checkpoint_bytes = 256 * storage::kKiB;
  options.allocate_min_bytes = 64 * storage::kKiB;
  options.allocate_max_bytes = 256 * storage::kKiB;
  options.delete_delay_ms = 0;
  return options;
}

SimServer::SimServer(SimFiles& files, SimCatalog& catalog, std::uint64_t seed, const Setup& setup)
    : files_(files), catalog_(catalog), setup_(setup), disk_(files, seed), now_ms_(setup.now_ms) {}

SimServer::~SimServer() {
  if (files_.stopped()) disk_.fail_all();
}

Result<std::unique_ptr<SimServer>> SimServer::start(SimFiles& files, SimCatalog& catalog,
                                                    std::uint64_t seed, const Setup& setup) {
  std::unique_ptr<SimServer> server(new SimServer(files, catalog, seed, setup));
  if (auto opened = server->open(); !opened) return std::unexpected(opened.error());
  return server;
}

Result<void> SimServer::open() {
  if (auto made = make_directories(files_); !made) return made;
  storage::RecoveryInput input;
  input.journal_directory = kJournals;
  input.kept_directory = kKept;
  input.now = Timestamp(now_ms_);
  for (const auto& [id, name] : catalog_.deleted) {
    input.deleted.push_back(id);
    auto buried = storage::bury(files_, id, directory_of(name), grave_of(id));
    if (auto flushed = storage::unless_unflushed(buried); !flushed) return flushed;
  }
  for (const auto& [name, topic] : catalog_.topics) {
    if (topic.deleted) {
      input.deleted.push_back(topic.id);
      auto buried = storage::bury(files_, topic.id, directory_of(name), grave_of(topic.id));
      if (auto flushed = storage::unless_unflushed(buried); !flushed) return flushed;
    } else {
      input.partitions[{topic.id, PartitionId(0)}] = {directory_of(name), topic.start};
    }
  }
  auto recovered = storage::recover(files_, input);
  if (!recovered) return std::unexpected(recovered.error());
  report_ = std::move(*recovered);
  if (!setup_.serves_without && !report_.offline.empty()) {
    return std::unexpected(report_.offline.begin()->second);
  }
  if (auto made = make_directories(files_); !made) return made;  // the journal's may be kept

  storage::JournalSetup journal;
  journal.directory = kJournal;
  journal.incarnation = ++catalog_.incarnation;
  journal.secret = 0x9e3779b97f4a7c15 * journal.incarnation;  // a test's clients do not guess
  journal.files = std::move(report_.journals[0]);
  std::uint64_t number = 1;
  for (const auto& file : journal.files) number = std::max(number, file.number + 1);
  while (journal.files.size() < setup_.journal_files) {
    auto file =
        storage::Journal::create_file(files_, kJournal, number++, setup_.journal_file_bytes);
    if (!file) return std::unexpected(file.error());
    journal.files.push_back(*file);
  }
  const LeaderEpoch epoch(static_cast<std::int32_t>(catalog_.incarnation));
  store_ = std::make_unique<storage::LogStore>(
      disk_, epochs_, setup_.options, std::move(journal), epoch,
      storage::LogStore::Events{.visible = nullptr,
                                .failed =
                                    [](void* context, Error error) {
                                      auto& failure = static_cast<SimServer*>(context)->failure_;
                                      CHECK(!failure);
                                      failure = std::move(error);
                                    },
                                .expired =
                                    [](void* context, Log& log, Offset start) {
                                      auto& self = *static_cast<SimServer*>(context);
                                      self.expired_[log.identity.topic] = start;
                                    },
                                .context = this});
  for (const auto& [name, topic] : catalog_.topics) {
    if (report_.offline.contains({topic.id, PartitionId(0)})) {
      logs_[name] = &store_->add_offline(identity(name), topic.config);
    }
    const auto found = report_.logs.find({topic.id, PartitionId(0)});
    if (topic.deleted || found == report_.logs.end()) continue;
    auto adopted = store_->adopt(identity(name), topic.config, std::move(found->second));
    if (!adopted) return std::unexpected(adopted.error());
    logs_[name] = *adopted;
  }
  return {};
}

storage::LogIdentity SimServer::identity(const std::string& topic) const {
  return {topic, catalog_.topics.at(topic).id, PartitionId(0), directory_of(topic)};
}

Log& SimServer::log(const std::string& topic) {
  Log*& log = logs_[topic];
  if (!log) log = &store_->add(identity(topic), catalog_.topics.at(topic).config);
  return *log;
}

void SimServer::remove(const std::string& topic) {
  catalog_.topics.at(topic).deleted = true;
  Log& log = this->log(topic);
  logs_.erase(topic);
  store_->remove(log, grave_of(catalog_.topics.at(topic).id), [] {});
}

void SimServer::move_start(const std::string& topic, Offset start) {
  Offset& recorded = catalog_.topics.at(topic).start;
  recorded = std::max(recorded, start);
  store_->move_start(log(topic), start);
}

void SimServer::check_retention() { store_->check_retention(Timestamp(now_ms_)); }

void SimServer::turn() {
  epochs_.online(0);
  disk_.step();
  for (const auto& [topic, start] : std::exchange(expired_, {})) {
    if (!catalog_.topics.at(topic).deleted) move_start(topic, start);
  }
  store_->flush();
  epochs_.offline(0);
}

void SimServer::settle() {
  for (int quiet = 0; quiet < 3;) {
    turn();
    quiet = disk_.queued() == 0 ? quiet + 1 : 0;
  }
}

void SimServer::stop() {
  // A member: should the machine stop meanwhile, the store outlives this call.
  store_->stop([this] { stopped_ = true; });
  for (int turns = 0; !stopped_; ++turns) {
    CHECK(turns < 100'000);
    turn();
  }
}

}  // namespace duolog::sim

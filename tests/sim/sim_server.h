// SimServer: one shard's logs on a simulated disk, from recovery to stop.
//
// It does what a server does around a LogStore: prepares the journal, recovers, adopts, and turns
// (a step of the disk, then a flush, then a quiescent point). SimCatalog is what the metadata log
// would know; it belongs to the test and survives crashes.
//
// Single-threaded. After MachineStopped only destroy it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/epoch.h"
#include "storage/log_store.h"
#include "storage/recovery.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_files.h"

namespace duolog::sim {

struct SimTopic {
  Uuid id;
  storage::LogConfig config;
  bool deleted = false;
  Offset start;
};

struct SimCatalog {
  std::map<std::string, SimTopic> topics;  // of one partition each
  std::uint32_t incarnation = 0;           // of the last start
  std::map<Uuid, std::string> deleted;     // names of topics that were made again, by their old ids
};

// Options that make everything happen often: small journals, little memory, small steps.
[[nodiscard]] storage::StoreOptions small_options();

class SimServer {
 public:
  struct Setup {
    storage::StoreOptions options = small_options();
    std::uint64_t journal_file_bytes = 256 * storage::kKiB;
    std::size_t journal_files = 2;
    bool serves_without = false;  // a log that is offline; or else it is the start's error
    std::int64_t now_ms = 1'700'000'000'000;  // its clock begins
  };

  // Recovers what is in `files`, which may be nothing, and goes on with it.
  [[nodiscard]] static Result<std::unique_ptr<SimServer>> start(SimFiles& files,
                                                                SimCatalog& catalog,
                                                                std::uint64_t seed,
                                                                const Setup& setup);
  ~SimServer();
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  // The log of a topic in the catalog, offline or not; added when it is new.
  [[nodiscard]] storage::Log& log(const std::string& topic);
  // Deletes it, in the catalog first.
  void remove(const std::string& topic);
  // Moves its log's start, in the catalog first.
  void move_start(const std::string& topic, Offset start);
  // Has retention looked at; what has expired goes in a later turn.
  void check_retention();

  // Completes one thing on the disk, if there is one, and ends the turn.
  void turn();
  // Turns until the disk has nothing to do any more and nothing new comes.
  void settle();
  // Stops cleanly.
  void stop();

  [[nodiscard]] storage::LogStore& store() { return *store_; }
  [[nodiscard]] SimDisk& disk() { return disk_; }
  [[nodiscard]] Epochs& epochs() { return epochs_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] const storage::RecoveryReport& report() const { return report_; }
  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  void advance_clock(std::int64_t ms) { now_ms_ += ms; }

 private:
  SimServer(SimFiles& files, SimCatalog& catalog, std::uint64_t seed, const Setup& setup);
  [[nodiscard]] Result<void> open();
  [[nodiscard]] storage::LogIdentity identity(const std::string& topic) const;

  SimFiles& files_;
  SimCatalog& catalog_;
  const Setup setup_;
  SimDisk disk_;
  Epochs epochs_{1};
  storage::RecoveryReport report_;
  bool stopped_ = false;  // the store has called back
  std::unique_ptr<storage::LogStore> store_;
  std::map<std::string, storage::Log*> logs_;
  std::map<std::string, Offset> expired_;  // by topic: where the log should begin
  std::optional<Error> failure_;
  std::int64_t now_ms_;
};

}  // namespace duolog::sim

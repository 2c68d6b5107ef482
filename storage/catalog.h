// Catalog: the durable log of metadata: cluster id, incarnations, topics, their ids,
// configurations, log starts and deletions. Its format is in catalog.md.
//
// Every change is on disk before it is answered, and a change that was answered is there after any
// crash. One that failed with kTooLarge for want of descriptors may be tried again. A change that
// failed with kIo may or may not be there after a restart; the catalog takes
// no further change then (a failed sync is never retried, whatever it was for) and the process is
// expected to stop, with `failure` as its reason. That may also follow a change that succeeded.
//
// Owned by the server. Every function blocks on the disk or reads what one that blocks changes:
// call them at start or on a janitor thread, never two at once. Limits: an entry is at most
// kMaxCatalogPayloadBytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/catalog_format.h"
#include "storage/catalog_state.h"
#include "storage/disk.h"

namespace duolog::storage {

// How many producer ids are given out at a time; a restart loses the rest of a block.
inline constexpr std::int64_t kProducerIdBlock = 1000;

struct CatalogOptions {
  // A log of this size and twice its live state is rewritten.
  std::uint64_t rewrite_bytes = 1 << 20;
  // Disk space is reserved in steps of this, so that a deletion can be logged on a full disk.
  std::uint64_t reserve_bytes = 64 << 10;
};

class Catalog {
 public:
  // Opens the catalog in `directory` (DataDirectory::meta()), or makes one with a random cluster
  // id. Drops a torn last entry, which no one was told of. `files` must outlive the object.
  // Errors: kCorrupt, naming file and position, when an entry that was durable is damaged;
  // kUnsupported when a newer Duolog wrote it; kNoSpace, kIo. Nothing is changed on the first two.
  [[nodiscard]] static Result<Catalog> open(Files& files, const std::string& directory,
                                            CatalogOptions options = {});

  ~Catalog();
  Catalog(Catalog&& other) noexcept;
  Catalog& operator=(Catalog&& other) noexcept;

  // The number of this start of the server, one above the last; the first is 0. Once a start,
  // before any listening. It is the leader epoch.
  [[nodiscard]] Result<LeaderEpoch> begin_incarnation();

  // kExists: the name is taken, or the id was ever used; kInvalid: no name, id or partition;
  // kTooLarge.
  [[nodiscard]] Result<void> create_topic(const TopicRecord& topic);
  // kNotFound. The topic is remembered in `deleted` until `forget_deleted`.
  [[nodiscard]] Result<void> delete_topic(const Uuid& id);
  // For a deleted topic that no journal mentions any more and whose files are gone. kNotFound.
  [[nodiscard]] Result<void> forget_deleted(const Uuid& id);
  // Replaces all of the topic's configuration. kNotFound, kTooLarge.
  [[nodiscard]] Result<void> set_configs(const Uuid& id, const TopicConfigs& configs);
  // Replaces all of the configuration of what is no topic. kTooLarge.
  [[nodiscard]] Result<void> set_resource_configs(std::int32_t type, const std::string& name,
                                                  const TopicConfigs& configs);
  // The first offset that a reader may see. It never goes back: kOutOfRange, also for a partition
  // that is not there. kNotFound. The same offset again writes nothing.
  [[nodiscard]] Result<void> set_log_start(const Uuid& id, PartitionId partition, Offset offset);
  // kInvalid unless it grows; kNotFound.
  [[nodiscard]] Result<void> add_partitions(const Uuid& id, std::int32_t new_count);
  // The first of kProducerIdBlock producer ids that were never given out before.
  [[nodiscard]] Result<std::int64_t> take_producer_id_block();

  [[nodiscard]] const Uuid& cluster_id() const { return state_.cluster_id(); }
  // kNoIncarnation before the first `begin_incarnation` ever.
  [[nodiscard]] LeaderEpoch incarnation() const { return state_.incarnation(); }
  // Null when there is none. Valid until the next change.
  [[nodiscard]] const TopicRecord* find(std::string_view name) const { return state_.find(name); }
  [[nodiscard]] const TopicRecord* find(const Uuid& id) const { return state_.find(id); }
  [[nodiscard]] const CatalogState::Topics& topics() const { return state_.topics(); }
  [[nodiscard]] const CatalogState::DeletedTopics& deleted() const { return state_.deleted(); }
  [[nodiscard]] const CatalogState::ResourceConfigs& resource_configs() const {
    return state_.resource_configs();
  }
  // 0 unless it was set; also for a topic that is not there.
  [[nodiscard]] Offset log_start(const Uuid& id, PartitionId partition) const;

  // Why it takes no further change: the process has to stop.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  // The file that is written to, for messages, and its size without what is reserved.
  [[nodiscard]] std::string file_path() const { return path_of(generation_); }
  [[nodiscard]] std::uint64_t size_bytes() const { return end_; }

 private:
  Catalog(Files& files, std::string directory, CatalogOptions options);

  [[nodiscard]] std::string path_of(std::uint64_t generation) const;
  [[nodiscard]] Result<std::uint64_t> newest_generation();
  [[nodiscard]] Result<void> create_first();
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<std::vector<std::uint8_t>> read_all();
  [[nodiscard]] Result<void> replay(Bytes bytes);
  [[nodiscard]] Result<void> clear_tail(Bytes bytes);
  [[nodiscard]] Result<void> remove_leftovers();
  [[nodiscard]] Result<void> change(const CatalogEntry& entry);
  [[nodiscard]] Result<void> append(Bytes frame);
  [[nodiscard]] Result<void> reserve(std::uint64_t to);
  [[nodiscard]] Result<void> write_snapshot(std::uint64_t generation);
  void rewrite_if_long();
  [[nodiscard]] Result<void> settle_name();
  [[nodiscard]] Result<void> remove_superseded();
  [[nodiscard]] Result<void> no_further_change(Result<void> failed);
  [[nodiscard]] std::unexpected<Error> corrupt(std::uint64_t position, const std::string& what);

  Files* files_;
  std::string directory_;
  CatalogOptions options_;
  CatalogState state_;
  FileId file_ = kNoFile;
  std::uint64_t generation_ = 0;     // 0: there is no file yet
  std::uint64_t next_sequence_ = 1;  // of the next entry
  std::uint64_t end_ = 0;            // where it goes
  std::uint64_t reserved_ = 0;       // space up to here is allocated
  std::uint64_t rewrite_at_ = 0;     // size that asks for a rewrite
  bool name_is_durable_ = true;      // of the file
  std::string superseded_;           // the file before it, to be removed then; empty: none
  std::optional<Error> failure_;     // a write or sync failed: no further change
};

}  // namespace duolog::storage

// Sizes and limits of storage. Every limit has its default here; the server's property table
// overrides those that a user may want to change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "engine/base/ids.h"

namespace duolog::storage {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// What an ack waits for, unless the topic is visible as appended.
enum class Durability : std::uint8_t {
  kFsync,  // on disk, flushed: survives power loss
  kOs,     // written, not flushed: survives kill -9 of the server
};

// When consumers may see a record.
enum class Visibility : std::uint8_t {
  kDurable,   // once it is as durable as its topic asks
  kAppended,  // once it is in the log
};

// One topic's settings, as its logs need them.
struct LogConfig {
  std::uint64_t segment_bytes = 1 * kGiB;
  std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  std::uint64_t segment_index_bytes = 10 * kMiB;  // of a segment's offset index; full, it is sealed
  std::int64_t segment_jitter_ms = 0;             // a segment is sealed by up to this much earlier
  Durability durability = Durability::kFsync;
  Visibility visibility = Visibility::kDurable;
  // Retention, by the largest timestamp of a segment and by the size of the log; -1: unlimited.
  std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  std::int64_t retention_bytes = -1;
  bool cleanup_delete = true;              // cleanup.policy names "delete": retention applies
  bool cleanup_compact = false;            // cleanup.policy names "compact": see cleaner/
  double min_dirty_ratio = 0.5;            // of what could be cleaned: less is not worth it
  std::int64_t min_compaction_lag_ms = 0;  // a record is not cleaned away before
  std::int64_t max_compaction_lag_ms = std::numeric_limits<std::int64_t>::max();  // ... nor after
  std::int64_t delete_retention_ms = 24LL * 3600 * 1000;  // of a tombstone, once it is cleaned
};

// How long, and of how many, is known what idempotent producers have sent: producer_state.h.
struct ProducerLimits {
  std::int64_t expiration_ms = 86'400'000;  // of an idle one: Kafka's producer.id.expiration.ms
  std::size_t max_producers = 50'000;       // of all logs of a shard; one counts once a log
};

// Of one shard's cleaner: cleaner/cleaner.h. As Kafka's log.cleaner.*, which are the whole
// server's.
struct CleanerLimits {
  bool enabled = true;
  std::uint64_t map_bytes = 128 * kMiB;    // for the offsets of keys, while a log is cleaned
  std::int64_t max_bytes_per_second = -1;  // read and written; -1: any
  std::int64_t backoff_ms = 15'000;        // after a look that found nothing to clean
  std::uint64_t step_bytes = 1 * kMiB;     // read by one job of a janitor
};

inline constexpr std::size_t kFirstJournalFiles = 2;

// One shard's settings.
struct StoreOptions {
  std::uint64_t tail_budget_bytes = 256 * kMiB;  // memory for the newest records of all its logs
  std::uint64_t journal_min_bytes = 8 * kMiB;    // the first files of the shard's journal
  std::uint64_t journal_max_bytes = 256 * kMiB;  // all files of the shard's journal
  std::uint64_t group_max_bytes = 1 * kMiB;      // one group write
  std::uint64_t bulk_bytes = 256 * kKiB;         // pending beyond this goes straight to the segment
  std::uint64_t bulk_write_bytes = 2 * kMiB;     // one direct write to a segment
  // Unwritten durable bytes that start write-behind: a group write may have to wait for as much.
  std::uint64_t write_behind_bytes = 256 * kKiB;
  std::uint64_t checkpoint_bytes = 32 * kMiB;    // synced bytes between checkpoints of a log
  std::uint64_t allocate_min_bytes = 64 * kKiB;  // first allocation of a segment; then doubled ...
  std::uint64_t allocate_max_bytes = 64 * kMiB;  // ... up to this much at a time
  std::int64_t idle_ms = 5000;  // a log without appends this long gives memory back
  // How long a segment's file stays after its log has moved on: Kafka's file.delete.delay.ms.
  std::int64_t delete_delay_ms = 60'000;
  ProducerLimits producers;
  CleanerLimits cleaner;

  // One of the first files; later ones are four times that.
  [[nodiscard]] std::uint64_t journal_file_bytes() const {
    return journal_min_bytes / kFirstJournalFiles;
  }
};

}  // namespace duolog::storage

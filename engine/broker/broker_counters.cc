#include "engine/broker/broker_counters.h"

#include "storage/journal.h"
#include "storage/log_store.h"

namespace duolog::broker {

void BrokerCounters::take(const storage::LogStore& store) {
  const storage::TailMemory& memory = store.memory();
  logs.set(store.log_count());
  offline.set(store.offline_count());
  tail_bytes.set(memory.pool().total_bytes());
  tail_small_bytes.set(memory.pool().small_bytes());
  tail_budget_bytes.set(memory.pool().budget_bytes());
  tail_free_bytes.set(memory.pool().free_chunks() * storage::kChunkBytes);
  tail_reclaimed_bytes.set(memory.reclaimed_chunks() * storage::kChunkBytes);
  journal_bytes.set(store.journal().total_bytes());
  journal_groups.set(store.journal().groups_written());
  journal_groups_flushed.set(store.journal().flushed_sequence());
  journal_full.set(store.congested() ? 1 : 0);
  segment_bulk_bytes.set(store.writer().bulk_bytes());
  segment_write_behind_bytes.set(store.writer().write_behind_bytes());
  segments_removed.set(store.trimmer().removed_segments());
  const storage::Cleaner& cleaner = store.cleaner();
  cleanings.set(cleaner.cleanings());
  cleaner_failures.set(cleaner.failures());
  cleaner_read_bytes.set(cleaner.read_bytes());
  cleaner_written_bytes.set(cleaner.written_bytes());
  dirty_bytes.set(cleaner.dirty_bytes());
  dirty_percent.set(cleaner.max_dirty_percent());
  cleaned_at_ns.set(static_cast<std::uint64_t>(cleaner.last_cleaned().value) * 1'000'000);
  producers.set(store.producers().count());
  producers_expired.set(store.producers().expired());
  producers_evicted.set(store.producers().evicted());
}

}  // namespace duolog::broker

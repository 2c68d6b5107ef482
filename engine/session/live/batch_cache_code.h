// BatchCache's functions: for the files that instantiate it, `template class BatchCache<Encoded>`.
#pragma once

#include <utility>

#include "engine/session/live/batch_cache.h"

namespace duolog::session {
template <class Encoded>
BatchCache<Encoded>::BatchCache(LiveShard& live)
    : broker_(live.broker()),
      shard_(live.shard()),
      settings_(live.settings()),
      counters_(live.counters()),
      tick_(on_tick, this) {
  live.add(*this);
}

template <class Encoded>
BatchCache<Encoded>::~BatchCache() {
  for (Uses& uses : uses_) {
    while (Entry* entry = uses.front()) drop(*entry);
  }
  free_spares();
}

template <class Encoded>
typename BatchCache<Encoded>::Bucket& BatchCache<Encoded>::bucket_of(const storage::Log& log,
                                                                     Position position) {
  const auto mixed =
      (reinterpret_cast<std::uintptr_t>(&log) ^ position.value) * std::uint64_t{0x9E3779B97F4A7C15};
  return buckets_[mixed >> 56];
}

template <class Encoded>
typename BatchCache<Encoded>::Entry* BatchCache<Encoded>::lookup(const storage::Log& log,
                                                                 Position position, Format format) {
  Bucket& bucket = bucket_of(log, position);
  for (Entry* entry = bucket.front(); entry != nullptr; entry = bucket.next(*entry)) {
    if (entry->log == &log && entry->position == position && entry->format == format) return entry;
  }
  return nullptr;
}

template <class Encoded>
typename BatchCache<Encoded>::Found BatchCache<Encoded>::find(const storage::Log& log,
                                                              Position position, Format format) {
  Entry* entry = lookup(log, position, format);
  if (entry == nullptr) return load(log, position, format);
  counters_.cache_hits.add();
  if (entry->used_ns != shard_.now_ns()) {
    entry->used_ns = shard_.now_ns();
    entry->use.unlink();
    uses_[entry->whole].push_back(*entry);
  }
  return found_in(*entry);
}

template <class Encoded>
typename BatchCache<Encoded>::Found BatchCache<Encoded>::found_in(Entry& entry) {
  Found found;
  found.next = entry.next;
  if (entry.damage) {
    found.status = Status::kDamaged;
    found.offset = entry.damage->offset;
    found.end = entry.damage->end;
    found.error = entry.damage->error;
  } else {
    found.batch = &entry.encoded;
  }
  return found;
}

template <class Encoded>
typename BatchCache<Encoded>::Found BatchCache<Encoded>::load(const storage::Log& log,
                                                              Position position, Format format) {
  Found found;
  const storage::BatchRead batch = storage::read_batch(log, position, batch_scratch_);
  found.cold = batch.cold;
  found.next = batch.next;
  found.offset = batch.header.base_offset;
  switch (batch.status) {
    case storage::ReadStatus::kOk:
      break;
    case storage::ReadStatus::kCold:
      found.status = Status::kCold;
      return found;
    case storage::ReadStatus::kOutOfRange:
      found.status = Status::kPositionLost;
      return found;
    case storage::ReadStatus::kCorrupt:
      found.status = Status::kDamaged;
      found.offset = batch.damaged;
      found.end = batch.damaged_end;
      found.error = {Errc::kCorrupt, "damaged on disk"};
      found.told = batch.damaged.value >= 0;
      return found;
  }
  const bool inflated = batch.header.codec() != storage::Codec::kNone;
  const bool whole = inflated || Encoded::holds_payloads(format);
  if (!make_room(whole)) {
    counters_.cache_busy.add();
    found.status = Status::kBusy;
    return found;
  }
  auto entry = make_entry(whole);
  encode_scratch_.inflated_before = inflated ? inflated_before(log, batch.header) : Bytes();
  auto encoded = entry->encoded.encode(batch.header, batch.bytes, format,
                                       settings_.max_inflated_batch_bytes, encode_scratch_);
  encode_scratch_.trim();
  if (batch_scratch_.capacity() > kKeptScratchBytes) batch_scratch_ = Buffer();
  entry->damage.reset();
  if (!encoded) {
    entry->encoded = Encoded();
    entry->damage =
        Damage{batch.header.base_offset, batch.header.next_offset(), std::move(encoded).error()};
  }
  counters_.batches_encoded.add();
  // The reader asks here, once for each batch, what to have in memory by the time it gets there.
  iovec first;
  if (const auto ahead = storage::read(log, position, 1, true, {&first, 1});
      ahead.status == storage::ReadStatus::kOk) {
    found.cold = ahead.cold;
  }
  entry->log = &log;
  entry->position = position;
  entry->next = batch.next;
  entry->format = format;
  entry->whole = whole;
  entry->used_ns = shard_.now_ns();
  entry->charged_bytes = sizeof(Entry) + entry->encoded.memory_bytes();
  bytes_[whole] += entry->charged_bytes;
  ++entries_[whole];
  bucket_of(log, position).push_back(*entry);
  uses_[whole].push_back(*entry);
  const storage::Cold ahead_of_need = found.cold;
  found = found_in(*entry.release());
  found.cold = ahead_of_need;
  count_bytes();
  if (!tick_.armed()) shard_.timers().arm(tick_, shard_.now_ns() + kKeepNs);
  return found;
}

template <class Encoded>
Bytes BatchCache<Encoded>::inflated_before(const storage::Log& log,
                                           const storage::BatchHeader& header) {
  broker::InflatedBatches& batches = broker_.inflated();
  const broker::InflatedBatches::Source source{log.identity.topic_id, log.identity.partition};
  batches.want(source, shard_.now_ns());
  const Bytes records = batches.find(source, header.base_offset, header.crc);
  (records.empty() ? counters_.batches_inflated : counters_.batches_inflated_before).add();
  return records;
}

// Room is for what is there to be at most the limit; so it exceeds it by the new one at most.
template <class Encoded>
bool BatchCache<Encoded>::make_room(bool whole) {
  const std::size_t limit = whole ? settings_.cache_inflated_bytes : settings_.cache_plain_bytes;
  while (bytes_[whole] > limit) {
    Entry* oldest = uses_[whole].front();
    if (oldest->used_ns == shard_.now_ns()) return false;
    drop(*oldest);
  }
  return true;
}

template <class Encoded>
std::unique_ptr<typename BatchCache<Encoded>::Entry> BatchCache<Encoded>::make_entry(bool whole) {
  if (Entry* spare = spares_.pop_front()) {
    spare_bytes_ -= spare->charged_bytes;
    return std::unique_ptr<Entry>(spare);
  }
  Entry* oldest = uses_[whole].front();
  if (entries_[whole] < kManyEntries || oldest->used_ns == shard_.now_ns()) {
    return std::make_unique<Entry>();
  }
  take_out(*oldest);
  return std::unique_ptr<Entry>(oldest);
}

template <class Encoded>
void BatchCache<Encoded>::take_out(Entry& entry) {
  entry.bucket.unlink();
  entry.use.unlink();
  bytes_[entry.whole] -= entry.charged_bytes;
  --entries_[entry.whole];
}

template <class Encoded>
void BatchCache<Encoded>::drop(Entry& entry) {
  take_out(entry);
  std::unique_ptr<Entry> owned(&entry);
  if (spare_bytes_ + entry.charged_bytes <= kMaxSpareBytes) {
    spare_bytes_ += entry.charged_bytes;
    spares_.push_back(*owned.release());
  }
  count_bytes();
}

template <class Encoded>
void BatchCache<Encoded>::free_spares() {
  while (Entry* spare = spares_.pop_front()) delete spare;
  spare_bytes_ = 0;
}

template <class Encoded>
void BatchCache<Encoded>::forget(const storage::Log& log) {
  for (Uses& uses : uses_) {
    for (Entry *entry = uses.front(), *next = nullptr; entry != nullptr; entry = next) {
      next = uses.next(*entry);
      if (entry->log == &log) drop(*entry);
    }
  }
}

template <class Encoded>
void BatchCache<Encoded>::on_tick(runtime::Timer& timer, void* context) {
  BatchCache& cache = *static_cast<BatchCache*>(context);
  const std::uint64_t now_ns = cache.shard_.now_ns();
  bool left = false;
  for (Uses& uses : cache.uses_) {
    while (Entry* entry = uses.front()) {
      if (entry->used_ns + kKeepNs > now_ns) break;
      cache.drop(*entry);
    }
    left = left || !uses.empty();
  }
  if (left) {
    cache.shard_.timers().arm(timer, now_ns + kKeepNs);
  } else {
    cache.free_spares();
    cache.count_bytes();
  }
}

}  // namespace duolog::session

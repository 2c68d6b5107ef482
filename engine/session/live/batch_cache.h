// BatchCache: the batches that subscribers of this shard are reading, encoded once for all of them.
//
// `Encoded` is what a batch is turned into: the frames of a plain feed, the items of a push.
// Whoever has one instantiates the cache for it, in the one file that includes batch_cache_code.h.
//
// A batch stays for as long as readers come back to it: the least recently used go first, when
// there are more bytes than allowed, and all go that nobody has asked for in kKeepNs. What was
// handed out in this turn is never given up in it, because it may be on its way to the kernel;
// if that leaves no room, the answer is kBusy, and the reader asks again in the next turn.
//
// One for each shard and `Encoded`, used by its thread. Limits: LiveSettings::cache_plain_bytes for
// what leaves its payloads in the log, cache_inflated_bytes for what holds them itself, each
// exceeded by one batch at most.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/base/buffer.h"
#include "engine/base/intrusive_list.h"
#include "engine/runtime/shard.h"
#include "engine/session/live/encode_scratch.h"
#include "engine/session/live/shard.h"
#include "storage/log_reader.h"

namespace duolog::session {

template <class Encoded>
class BatchCache final : public LogMemory {
  using Format = typename Encoded::Format;

 public:
  static constexpr std::uint64_t kKeepNs = 5'000'000'000;
  // With so many, the least recently used one is used again for a new batch: small batches are
  // encoded again rather than kept by the thousand.
  static constexpr std::size_t kManyEntries = 1024;
  // What is given up is used again, so that a warm cache takes nothing from the allocator; all goes
  // once nothing is read any more.
  static constexpr std::size_t kMaxSpareBytes = 1U << 20;

  explicit BatchCache(LiveShard& live);
  ~BatchCache();
  BatchCache(const BatchCache&) = delete;
  BatchCache& operator=(const BatchCache&) = delete;

  enum class Status : std::uint8_t { kOk, kCold, kBusy, kDamaged, kPositionLost };
  struct Found {
    Status status = Status::kOk;
    const Encoded* batch = nullptr;  // kOk: stays as it is until the end of this turn
    Position next;                   // kOk: of the batch behind it
    storage::Cold cold;  // kCold: needed. kOk: what the log's reader will need soon, if set
    Offset offset;       // kDamaged: where
    Offset end{-1};      // kDamaged: behind it, if that is known, as is `next` then
    Error error;         // kDamaged
    bool told = false;   // kDamaged: the store has found it, and tells of it
  };

  // The batch at `position` of `log`, below its high watermark.
  [[nodiscard]] Found find(const storage::Log& log, Position position, Format format);

  // Gives up what came from `log`, which is going away.
  void forget(const storage::Log& log) override;

  [[nodiscard]] std::size_t memory_bytes() const { return bytes_[0] + bytes_[1] + spare_bytes_; }

 private:
  struct Damage {
    Offset offset;
    Offset end;
    Error error;
  };
  struct Entry {
    ListHook bucket;
    ListHook use;
    const storage::Log* log = nullptr;
    Position position;
    Position next;
    Format format{};
    bool whole = false;         // holds all of its payloads itself
    std::uint64_t used_ns = 0;  // the turn it was last asked for
    std::size_t charged_bytes = 0;
    // It cannot be read: remembered like any other, so that it is not tried for each reader.
    std::optional<Damage> damage;
    Encoded encoded;
  };
  static constexpr std::size_t kBuckets = 256;
  static constexpr std::size_t kKeptScratchBytes = 256U << 10;
  using Bucket = IntrusiveList<Entry, &Entry::bucket>;
  using Uses = IntrusiveList<Entry, &Entry::use>;

  [[nodiscard]] Bucket& bucket_of(const storage::Log& log, Position position);
  [[nodiscard]] Entry* lookup(const storage::Log& log, Position position, Format format);
  [[nodiscard]] Found load(const storage::Log& log, Position position, Format format);
  [[nodiscard]] static Found found_in(Entry& entry);
  [[nodiscard]] bool make_room(bool whole);
  void drop(Entry& entry);
  void take_out(Entry& entry);
  [[nodiscard]] std::unique_ptr<Entry> make_entry(bool whole);
  void free_spares();
  // The counter is of every cache of the shard.
  void count_bytes() {
    auto& counter = counters_.cache_bytes;
    counter.set(counter.get() + memory_bytes() - counted_bytes_);
    counted_bytes_ = memory_bytes();
  }
  static void on_tick(runtime::Timer& timer, void* context);

  // What to read the records of a compressed batch from, if not from the log.
  [[nodiscard]] Bytes inflated_before(const storage::Log& log, const storage::BatchHeader& header);

  broker::Broker& broker_;
  runtime::Shard& shard_;
  const LiveSettings& settings_;
  LiveCounters& counters_;
  std::array<Bucket, kBuckets> buckets_;
  std::array<Uses, 2> uses_;  // by Entry::whole; least recently used first
  std::array<std::size_t, 2> bytes_{};
  std::array<std::size_t, 2> entries_{};
  std::size_t counted_bytes_ = 0;  // in the counter
  Uses spares_;
  std::size_t spare_bytes_ = 0;
  Buffer batch_scratch_;
  EncodeScratch encode_scratch_;
  runtime::Timer tick_;
};

}  // namespace duolog::session

// ProducerTable: what one partition knows of the idempotent producers that write to it, so that a
// batch sent again is not appended again. Producers: the tables of one shard together.
//
// Of each producer id: its epoch, and its last five batches. The table follows the log: it changes
// only with an append, and recovery makes it again from a checkpoint and the batches after it. A
// producer that has been idle for long, or whose turn it is when there are too many, is forgotten;
// it may go on at any sequence, as if it were new.
//
// A known producer's append allocates nothing. One thread: the owner shard's, or recovery's.
// Limit: ProducerLimits::max_producers of all tables of a shard; the longest idle one goes first.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/intrusive_list.h"
#include "storage/options.h"
#include "storage/record_batch.h"

namespace duolog::storage {

class ProducerTable;

inline constexpr std::size_t kProducerWindow = 5;  // what clients may have in flight, as in Kafka

// Who sends a batch, and as which.
struct ProducerStamp {
  std::int64_t id = kNoProducerId;
  std::int16_t epoch = -1;
  std::int32_t first_sequence = -1;
  std::int32_t last_sequence = -1;
};
// Of a validated batch with a producer id. Sequences go on with 0 after the largest.
[[nodiscard]] ProducerStamp producer_stamp(Bytes batch);

struct ProducerBatch {
  Offset first_offset;
  Position end;         // in the log of this run; 0 for what recovery found, which is durable
  Timestamp timestamp;  // the latest of the batch, or its log append time
  std::int32_t first_sequence = -1;
  std::int32_t last_sequence = -1;
};

// What is known of one producer; also as it is kept in a checkpoint.
struct ProducerState {
  std::int64_t id = kNoProducerId;
  std::int64_t last_used_ms = 0;  // 0: before this start of the server, it is not known when
  std::int16_t epoch = -1;
  std::uint8_t count = 0;                              // of `batches`; at least 1
  std::array<ProducerBatch, kProducerWindow> batches;  // oldest first

  void add(const ProducerBatch& batch);
};

class Producers {
 public:
  explicit Producers(const ProducerLimits& limits) : limits_(limits) {}
  ~Producers();
  Producers(const Producers&) = delete;
  Producers& operator=(const Producers&) = delete;

  // About once a second: forgets those that have been idle for too long.
  void expire(std::int64_t now_ms);

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::uint64_t expired() const { return expired_; }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }  // by the limit

 private:
  friend class ProducerTable;
  struct Known {
    ListHook hook;
    ProducerTable* table = nullptr;
    ProducerState state;
  };
  void forget(Known& known);
  void date_recovered(std::int64_t now_ms);

  const ProducerLimits limits_;
  IntrusiveList<Known, &Known::hook> by_age_;  // the longest idle first
  std::size_t count_ = 0;
  std::uint64_t expired_ = 0;
  std::uint64_t evicted_ = 0;
  bool undated_ = false;  // some are from before this start
};

class ProducerTable {
 public:
  explicit ProducerTable(Producers& all) : all_(all) {}
  ~ProducerTable() { clear(); }
  ProducerTable(const ProducerTable&) = delete;
  ProducerTable& operator=(const ProducerTable&) = delete;

  enum class Verdict : std::uint8_t {
    kNext,        // append it, then `note` it
    kDuplicate,   // it is in the log: see `first`
    kOutOfOrder,  // OUT_OF_ORDER_SEQUENCE_NUMBER
    kOldEpoch,    // INVALID_PRODUCER_EPOCH
  };
  struct Finding {
    Verdict verdict = Verdict::kNext;
    Producers::Known* known = nullptr;     // null: a new producer
    const ProducerBatch* first = nullptr;  // of a duplicate
  };
  // As Kafka judges what a client sends: a new epoch begins with sequence 0, and a producer that
  // is not known with any.
  [[nodiscard]] Finding check(const ProducerStamp& stamp) const;
  // What has been appended. `known`: what `check` has found, with nothing in between.
  void note(Producers::Known* known, const ProducerStamp& stamp, const ProducerBatch& batch,
            std::int64_t now_ms);
  // The same for what is in a log already, and so need not be judged.
  void replay(const ProducerStamp& stamp, const ProducerBatch& batch);

  [[nodiscard]] bool empty() const { return by_id_.empty(); }
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] std::vector<ProducerState> snapshot() const;
  // Into an empty table.
  void load(std::span<const ProducerState> states);
  void clear();

 private:
  friend class Producers;
  [[nodiscard]] Producers::Known& add(std::int64_t id);

  Producers& all_;
  std::unordered_map<std::int64_t, Producers::Known> by_id_;
};

}  // namespace duolog::storage

// check_batch: what a producer has sent, against everything that is asked of it before it is
// stored.
//
// The batch itself (storage::validate), what its records inflate to and whether each of them is
// whole, and what the topic's settings say of them: that their timestamps are near the broker's
// clock, and that those of a compacted topic have keys. Any thread: it knows of no topic and no
// connection, and what it inflates into is its thread's, at most kKeptScratchBytes of it between
// calls. Cost: bench/check_batch_bench.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/broker/topic_config.h"
#include "net/kafka/errors.h"
#include "storage/record_batch.h"

namespace duolog::session {

// A batch may have millions of records, each with something to say, and a request thousands of
// batches: as many are named in all of them.
inline constexpr std::size_t kMostBadRecords = 100;

// What is asked of a batch: the settings of its topic as they were when its request was read.
struct BatchRules {
  std::size_t max_batch_bytes = 0;
  std::size_t max_inflated_bytes = storage::kMaxInflatedBytes;
  storage::TimestampType timestamp_type = storage::TimestampType::kCreateTime;
  std::int64_t timestamp_before_max_ms = 0;
  std::int64_t timestamp_after_max_ms = 0;
  bool keys_wanted = false;                  // cleanup.policy has `compact`
  bool zstd_known = true;                    // by the version of the request
  std::size_t most_named = kMostBadRecords;  // of its records, in the answer
  std::size_t keep_inflated_bytes = 0;       // BatchVerdict::inflated, if it is no more than this
  Timestamp now;                             // LogAppendTime stamps it
};

[[nodiscard]] BatchRules rules_of(const broker::TopicConfig& config, Timestamp now);

struct PartitionName {
  std::string_view topic;
  PartitionId index{};
};

// What may be done of it now.
struct CheckLimits {
  std::size_t compressed_bytes;
  std::size_t inflated_bytes;
};
// Within a turn, of one batch: in every codec less than 1 MiB takes that is not compressed
// (bench/README.md). Of all batches of a shard kTurnInflatedBytes, about a millisecond.
inline constexpr CheckLimits kWithinTurn{.compressed_bytes = 32U << 10,
                                         .inflated_bytes = 32U << 10};
inline constexpr std::size_t kTurnInflatedBytes = 256U << 10;
inline constexpr CheckLimits kNothing{.compressed_bytes = 0, .inflated_bytes = 0};
// At a worker, while others wait for it: more than most clients put into a batch, and a few
// milliseconds. What is more waits for the worker that takes nothing else.
inline constexpr CheckLimits kAtWorker{.compressed_bytes = 2U << 20, .inflated_bytes = 2U << 20};
inline constexpr CheckLimits kWhole{.compressed_bytes = SIZE_MAX, .inflated_bytes = SIZE_MAX};

// A record that breaks a rule, as Kafka's RecordError says it.
struct BadRecord {
  std::int32_t number = 0;  // in the batch
  std::string message;
};

struct BatchVerdict {
  // More than the limits are needed to tell; `batch` may have changed, but not what it says.
  bool too_much = false;
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string message{};
  // The first BatchRules::most_named of those that break a rule.
  std::vector<BadRecord> records{};
  std::size_t inflated_bytes = 0;  // also where it is too much
  // Of a good batch, which has its timestamps by now and may be appended.
  std::int32_t record_count = 0;
  Timestamp max_timestamp;
  Buffer inflated;  // what its records inflated to, if asked for
};
inline constexpr std::size_t kKeptScratchBytes = 256U << 10;

// `partition`: for what is said of a record. kMessageTooLarge also for what inflates
// beyond the rules' limit; kUnknownServerError for what cannot be inflated, as in Kafka, whose
// clients send again what is a kCorruptMessage.
[[nodiscard]] BatchVerdict check_batch(MutableBytes batch, const BatchRules& rules,
                                       const CheckLimits& limits, const PartitionName& partition);

}  // namespace duolog::session

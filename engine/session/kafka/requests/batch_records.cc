#include "engine/session/kafka/requests/batch_records.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/codec.h"
#include "storage/codec_frame.h"
#include "storage/record.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

// What the client says of its clock may be anything: the difference has 64 bits without a sign. One
// that has no place in 63 is beyond every limit, as in Kafka.
bool is_within(Timestamp earlier, Timestamp later, std::int64_t limit_ms) {
  const auto apart =
      static_cast<std::uint64_t>(later.value) - static_cast<std::uint64_t>(earlier.value);
  return apart <= static_cast<std::uint64_t>(limit_ms);
}

// A record without a timestamp is near any clock.
bool is_near(const BatchRules& rules, Timestamp timestamp) {
  if (timestamp == kNoTimestamp) return true;
  return timestamp > rules.now ? is_within(rules.now, timestamp, rules.timestamp_after_max_ms)
                               : is_within(timestamp, rules.now, rules.timestamp_before_max_ms);
}

// As Java adds and subtracts.
std::int64_t wrapped_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

BatchVerdict refused(ErrorCode error, std::string message) {
  BatchVerdict verdict;
  verdict.error = error;
  verdict.message = std::move(message);
  return verdict;
}

BatchVerdict refused(const Error& error) {
  switch (error.code) {
    case Errc::kTooLarge:
      return refused(ErrorCode::kMessageTooLarge, error.message);
    case Errc::kUnsupported:
      return refused(ErrorCode::kUnsupportedCompressionType, error.message);
    case Errc::kInvalid:
      return refused(ErrorCode::kInvalidRecord, error.message);
    default:
      return refused(ErrorCode::kCorruptMessage, error.message);
  }
}

// Kafka's words for a batch of which some records are refused.
BatchVerdict refused_records(std::size_t count, bool by_time, std::vector<BadRecord> records) {
  BatchVerdict verdict;
  if (by_time) {
    verdict = refused(ErrorCode::kInvalidTimestamp,
                      "One or more records have been rejected due to invalid timestamp");
  } else {
    constexpr std::size_t kShown = 3;
    std::string shown;
    for (std::size_t i = 0; i < std::min(kShown, records.size()); ++i) {
      shown += fmt::format("{}RecordError(batchIndex={}, message='{}')", i == 0 ? "" : ", ",
                           records[i].number, records[i].message);
    }
    verdict = refused(ErrorCode::kInvalidRecord,
                      fmt::format("One or more records have been rejected due to {} record errors "
                                  "in total, and only showing the first three errors at most: [{}]",
                                  count, shown));
  }
  verdict.records = std::move(records);
  return verdict;
}

// What the topic's settings say of the records, which are whole.
BatchVerdict check_rules(const BatchRules& rules, const storage::BatchInfo& info, Bytes records,
                         const PartitionName& partition) {
  const bool times = rules.timestamp_type == storage::TimestampType::kCreateTime &&
                     (!is_near(rules, info.max_timestamp) || !is_near(rules, info.min_timestamp));
  if (!times && !rules.keys_wanted) return {};
  std::vector<BadRecord> bad;
  std::size_t count = 0;
  bool by_time = false;
  std::int32_t number = -1;
  const auto read = storage::for_each_record(info.header, records, [&](const storage::Record& r) {
    ++number;
    const bool keyless = rules.keys_wanted && !r.key;
    const bool far = !keyless && times && !is_near(rules, r.timestamp);
    if (!keyless && !far) return;
    by_time = by_time || far;
    if (++count > rules.most_named) return;
    bad.push_back(
        {number, keyless
                     ? fmt::format("Compacted topic cannot accept message without key in "
                                   "topic partition {}-{}",
                                   partition.topic, partition.index.value)
                     : fmt::format("Timestamp {} of message with offset {} is out of range. "
                                   "The timestamp should be within [{}, {}]",
                                   r.timestamp.value, r.offset.value,
                                   wrapped_sum(rules.now.value, -rules.timestamp_before_max_ms),
                                   wrapped_sum(rules.now.value, rules.timestamp_after_max_ms))});
  });
  if (!read) return refused(read.error());
  if (count == 0) return {};
  return refused_records(count, by_time, std::move(bad));
}

// Inflates the records and looks at each. `inflated`: what `info` is of, if the verdict is good.
BatchVerdict look_inside(storage::BatchInfo& info, Bytes packed, const BatchRules& rules,
                         const CheckLimits& limits, Buffer& inflated) {
  const storage::Codec codec = info.header.codec();
  if (packed.size() > limits.compressed_bytes) return {.too_much = true};
  if (auto good = storage::check_frame(codec, packed); !good) {
    return refused(ErrorCode::kUnknownServerError, good.error().message);
  }
  const std::size_t most = std::min(limits.inflated_bytes, rules.max_inflated_bytes);
  if (auto done = storage::decompress(codec, packed, most, inflated); !done) {
    if (done.error().code == Errc::kTooLarge && most < rules.max_inflated_bytes) {
      return {.too_much = true, .inflated_bytes = most};
    }
    // It has cost as much as a good one, at the most.
    BatchVerdict verdict = done.error().code == Errc::kTooLarge
                               ? refused(done.error())
                               : refused(ErrorCode::kUnknownServerError, done.error().message);
    verdict.inflated_bytes = most;
    return verdict;
  }
  const auto times = storage::validate_records(info.header, inflated);
  if (!times) {
    BatchVerdict verdict = refused(times.error());
    verdict.inflated_bytes = inflated.size();
    return verdict;
  }
  info.max_timestamp = times->latest;
  info.min_timestamp = times->earliest;
  return {};
}

// The broker's own: what it says of the timestamps.
void stamp(MutableBytes batch, const BatchRules& rules, const storage::BatchInfo& info,
           BatchVerdict& verdict) {
  verdict.record_count = info.header.record_count;
  if (rules.timestamp_type == storage::TimestampType::kLogAppendTime) {
    storage::patch_max_timestamp(batch, rules.timestamp_type, rules.now);
    verdict.max_timestamp = rules.now;
    return;
  }
  if (info.max_timestamp != info.header.max_timestamp) {
    storage::patch_max_timestamp(batch, storage::TimestampType::kCreateTime, info.max_timestamp);
  }
  verdict.max_timestamp = info.max_timestamp;
}

BatchVerdict check(MutableBytes batch, const BatchRules& rules, const CheckLimits& limits,
                   const PartitionName& partition, Buffer& inflated) {
  auto info = storage::validate(batch, {.max_batch_bytes = rules.max_batch_bytes});
  if (!info) return refused(info.error());
  if (info->header.timestamp_type() == storage::TimestampType::kLogAppendTime) {
    // The timestamps are the producer's, whatever it says of their type.
    storage::patch_max_timestamp(batch, storage::TimestampType::kCreateTime,
                                 info->header.max_timestamp);
    return check(batch, rules, limits, partition, inflated);
  }
  const storage::Codec codec = info->header.codec();
  if (codec == storage::Codec::kZstd && !rules.zstd_known) {
    return refused(ErrorCode::kUnsupportedCompressionType, "zstd needs Produce version 7");
  }
  if (info->header.is_transactional()) {
    return refused(ErrorCode::kInvalidTxnState, "no transaction is under way");
  }
  Bytes records = storage::records_of(batch, info->header);
  if (codec != storage::Codec::kNone) {
    auto verdict = look_inside(*info, records, rules, limits, inflated);
    if (verdict.too_much || verdict.error != ErrorCode::kNone) return verdict;
    records = inflated;
  }
  BatchVerdict verdict = check_rules(rules, *info, records, partition);
  if (codec != storage::Codec::kNone) verdict.inflated_bytes = inflated.size();
  if (verdict.error != ErrorCode::kNone) return verdict;
  stamp(batch, rules, *info, verdict);
  if (codec != storage::Codec::kNone && inflated.size() <= rules.keep_inflated_bytes) {
    verdict.inflated.append(inflated);
  }
  return verdict;
}

}  // namespace

BatchRules rules_of(const broker::TopicConfig& config, Timestamp now) {
  return {.max_batch_bytes = config.max_message_bytes,
          .timestamp_type = config.timestamp_type,
          .timestamp_before_max_ms = config.timestamp_before_max_ms,
          .timestamp_after_max_ms = config.timestamp_after_max_ms,
          .keys_wanted = config.log.cleanup_compact,
          .now = now};
}

BatchVerdict check_batch(MutableBytes batch, const BatchRules& rules, const CheckLimits& limits,
                         const PartitionName& partition) {
  if (batch.empty()) {
    return refused(ErrorCode::kInvalidRecord, "a partition must have exactly one record batch");
  }
  thread_local Buffer inflated;
  BatchVerdict verdict = check(batch, rules, limits, partition, inflated);
  if (inflated.capacity() > kKeptScratchBytes) inflated = Buffer();
  return verdict;
}

}  // namespace duolog::session

#include "engine/session/kafka/requests/batch_records.h"

#include <limits>

#include "storage/codec.h"
#include "storage/record.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

// What the client says of its clock may be anything: the difference has 64 bits without a sign. One
// that has no place in 63 is beyond every limit, as in Kafka.
bool is_within(Timestamp earlier, Timestamp later, std::int64_t limit_ms) {
  const auto apart =
      static_cast<std::uint64_t>(later.value) - static_cast<std::uint64_t>(earlier.value);
  return apart <= static_cast<std::uint64_t>(limit_ms);
}

// A record without a timestamp is near any clock.
bool is_near(const broker::TopicConfig& config, Timestamp timestamp, Timestamp now) {
  if (timestamp == kNoTimestamp) return true;
  return timestamp > now ? is_within(now, timestamp, config.timestamp_after_max_ms)
                         : is_within(timestamp, now, config.timestamp_before_max_ms);
}

}  // namespace

ErrorCode batch_error(const Error& error) {
  switch (error.code) {
    case Errc::kTooLarge:
      return ErrorCode::kMessageTooLarge;
    case Errc::kUnsupported:
      return ErrorCode::kUnsupportedCompressionType;
    case Errc::kInvalid:
      return ErrorCode::kInvalidRecord;
    default:
      return ErrorCode::kCorruptMessage;
  }
}

BatchRefusal check_records(const broker::TopicConfig& config, Bytes batch,
                           const storage::BatchInfo& info, Timestamp now, Buffer& inflated) {
  const bool by_create_time = config.timestamp_type == storage::TimestampType::kCreateTime;
  const bool times = by_create_time && (config.timestamp_before_max_ms != kNoLimit ||
                                        !is_near(config, info.max_timestamp, now) ||
                                        !is_near(config, info.header.base_timestamp, now));
  if (!times && !config.cleanup_compact) return {};
  Bytes records = storage::records_of(batch, info.header);
  if (info.header.codec() != storage::Codec::kNone) {
    if (inflated.empty()) {
      const auto done =
          storage::decompress(info.header.codec(), records, storage::kMaxInflatedBytes, inflated);
      if (!done) return {batch_error(done.error()), done.error().message};
    }
    records = inflated;
  }
  std::vector<std::int32_t> without_key;
  std::vector<std::int32_t> far;
  std::int32_t number = 0;
  const auto read =
      storage::for_each_record(info.header, records, [&](const storage::Record& record) {
        if (config.cleanup_compact && !record.key) without_key.push_back(number);
        if (times && !is_near(config, record.timestamp, now)) far.push_back(number);
        ++number;
        return true;
      });
  if (!read) return {batch_error(read.error()), read.error().message};
  if (!without_key.empty()) {
    return {ErrorCode::kInvalidRecord, "One or more records have been rejected",
            std::move(without_key)};
  }
  if (far.empty()) return {};
  return {ErrorCode::kInvalidTimestamp,
          "One or more records have been rejected due to invalid timestamp", std::move(far)};
}

}  // namespace duolog::session

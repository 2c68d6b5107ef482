#include "engine/session/batch_records.h"

#include <limits>

#include "engine/base/buffer.h"
#include "storage/codec.h"
#include "storage/record.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

// A record without a timestamp is near any clock.
bool is_near(const broker::TopicConfig& config, Timestamp timestamp, Timestamp now) {
  if (timestamp.value < 0) return true;
  return timestamp.value - now.value <= config.timestamp_after_max_ms &&
         now.value - timestamp.value <= config.timestamp_before_max_ms;
}

}  // namespace

BatchRefusal check_records(const broker::TopicConfig& config, Bytes batch,
                           const storage::BatchInfo& info, Timestamp now) {
  const bool by_create_time = config.timestamp_type == storage::TimestampType::kCreateTime;
  const bool times = by_create_time && (config.timestamp_before_max_ms != kNoLimit ||
                                        !is_near(config, info.max_timestamp, now));
  if (!times && !config.cleanup_compact) return {};
  Bytes records = storage::records_of(batch, info.header);
  Buffer inflated;
  if (info.header.codec() != storage::Codec::kNone) {
    const auto done =
        storage::decompress(info.header.codec(), records, storage::kMaxInflatedBytes, inflated);
    if (!done) return {ErrorCode::kCorruptMessage, done.error().message};
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
  if (!read) return {ErrorCode::kCorruptMessage, read.error().message};
  if (!without_key.empty()) {
    return {ErrorCode::kInvalidRecord, "One or more records have been rejected",
            std::move(without_key)};
  }
  if (far.empty()) return {};
  return {ErrorCode::kInvalidTimestamp,
          "One or more records have been rejected due to invalid timestamp", std::move(far)};
}

}  // namespace duolog::session

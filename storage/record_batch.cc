#include "storage/record_batch.h"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/base/check.h"
#include "engine/base/crc32c.h"
#include "storage/record.h"

namespace duolog::storage {
namespace {

constexpr std::uint16_t kKnownAttributes =
    kCodecMask | kLogAppendTimeBit | kTransactionalBit | kControlBit | kDeleteHorizonBit;

std::uint32_t computed_crc(Bytes batch) { return crc32c(batch.subspan(batch_at::kAttributes)); }

// Length, magic, limit and CRC: whether these are the bytes that the client meant.
Result<BatchHeader> check_envelope(Bytes batch, const BatchLimits& limits) {
  auto header = parse_header(batch);
  if (!header) return header;
  const std::size_t size = header->size_bytes();
  if (size > limits.max_batch_bytes) {
    return fail(Errc::kTooLarge, "a batch of " + std::to_string(size) +
                                     " bytes, and the limit is " +
                                     std::to_string(limits.max_batch_bytes));
  }
  if (size > batch.size()) return fail(Errc::kInvalid, "the batch is cut off");
  if (size < batch.size()) return fail(Errc::kInvalid, "more than one batch, or bytes after it");
  if (!crc_matches(batch)) return fail(Errc::kCorrupt, "the batch's CRC-32C does not match");
  return header;
}

// What the header claims, against what a client may claim.
Result<void> check_claims(const BatchHeader& header) {
  if (!is_known(header.codec())) {
    return fail(Errc::kUnsupported,
                "unknown codec " + std::to_string(header.attributes & kCodecMask));
  }
  if (header.is_control()) return fail(Errc::kInvalid, "a client may not write control batches");
  if (header.has_delete_horizon() || (header.attributes & ~kKnownAttributes) != 0) {
    return fail(Errc::kInvalid, "attributes that a client may not set");
  }
  if (header.base_offset.value != 0) return fail(Errc::kInvalid, "a base offset other than 0");
  if (header.record_count <= 0) return fail(Errc::kInvalid, "a batch without records");
  if (header.last_offset_delta != header.record_count - 1) {
    return fail(Errc::kInvalid, "the offset range does not fit the record count");
  }
  if (header.producer_id < kNoProducerId) return fail(Errc::kInvalid, "negative producer id");
  if (header.has_producer_id() && (header.base_sequence < 0 || header.producer_epoch < 0)) {
    return fail(Errc::kInvalid, "a producer id without sequence or epoch");
  }
  if (header.is_transactional() && !header.has_producer_id()) {
    return fail(Errc::kInvalid, "a transactional batch without producer id");
  }
  return {};
}

bool headers_fill(const detail::RawRecord& record) {
  const std::uint8_t* at = record.headers;
  detail::RawField key;
  detail::RawField value;
  for (std::int32_t i = 0; i < record.header_count; ++i) {
    at = detail::read_header(at, record.end, key, value);
    if (at == nullptr) return false;
  }
  return at == record.end;
}

std::unexpected<Error> bad_record(std::int32_t index, const char* what) {
  return fail(Errc::kInvalid, detail::at_record(index, what));
}

}  // namespace

Result<BatchHeader> parse_header(Bytes bytes) {
  if (bytes.size() < kBatchHeaderBytes) return fail(Errc::kInvalid, "less than a batch header");
  const std::uint8_t* at = bytes.data();
  BatchHeader header;
  header.base_offset = Offset(load_be<std::int64_t>(at + batch_at::kBaseOffset));
  header.batch_length = load_be<std::int32_t>(at + batch_at::kBatchLength);
  header.leader_epoch = LeaderEpoch(load_be<std::int32_t>(at + batch_at::kLeaderEpoch));
  header.crc = load_be<std::uint32_t>(at + batch_at::kCrc);
  header.attributes = load_be<std::uint16_t>(at + batch_at::kAttributes);
  header.last_offset_delta = load_be<std::int32_t>(at + batch_at::kLastOffsetDelta);
  header.base_timestamp = Timestamp(load_be<std::int64_t>(at + batch_at::kBaseTimestamp));
  header.max_timestamp = Timestamp(load_be<std::int64_t>(at + batch_at::kMaxTimestamp));
  header.producer_id = load_be<std::int64_t>(at + batch_at::kProducerId);
  header.producer_epoch = load_be<std::int16_t>(at + batch_at::kProducerEpoch);
  header.base_sequence = load_be<std::int32_t>(at + batch_at::kBaseSequence);
  header.record_count = load_be<std::int32_t>(at + batch_at::kRecordCount);

  if (header.batch_length < static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd)) {
    return fail(Errc::kCorrupt, "batch length below its header's");
  }
  if (at[batch_at::kMagic] != kBatchMagic) {
    return fail(at[batch_at::kMagic] < kBatchMagic ? Errc::kInvalid : Errc::kCorrupt,
                "magic " + std::to_string(at[batch_at::kMagic]) + " is not 2");
  }
  // Checked here, so that last_offset() and next_offset() never overflow.
  if (header.record_count < 0 || header.last_offset_delta < 0 || header.base_offset.value < 0 ||
      header.base_offset.value > std::numeric_limits<std::int64_t>::max() - (1LL << 32)) {
    return fail(Errc::kInvalid, "impossible record count or offsets");
  }
  return header;
}

bool crc_matches(Bytes batch) {
  return load_be<std::uint32_t>(batch.data() + batch_at::kCrc) == computed_crc(batch);
}

Result<RecordTimes> validate_records(const BatchHeader& header, Bytes records) {
  const std::uint8_t* at = records.data();
  const std::uint8_t* end = at + records.size();
  // As every reader adds them up: what has no place in 64 bits wraps, and is judged as it is read.
  const auto base = static_cast<std::uint64_t>(header.base_timestamp.value);
  std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
  std::int64_t latest = kNoTimestamp.value;
  detail::RawRecord record;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    if (const char* what = detail::read_record(at, end, record)) [[unlikely]] {
      return bad_record(i, what);
    }
    if (record.offset_delta != i) [[unlikely]]
      return bad_record(i, "offset delta out of order");
    if (record.header_count > 0 && !headers_fill(record)) [[unlikely]] {
      return bad_record(i, "headers do not fill the record");
    }
    const auto time =
        static_cast<std::int64_t>(base + static_cast<std::uint64_t>(record.timestamp_delta));
    latest = std::max(latest, time);
    if (time != kNoTimestamp.value) earliest = std::min(earliest, time);
    at = record.end;
  }
  if (at != end) return fail(Errc::kInvalid, "bytes after the batch's last record");
  if (header.timestamp_type() == TimestampType::kLogAppendTime) {
    return RecordTimes{header.max_timestamp, header.max_timestamp};
  }
  const bool timeless = earliest == std::numeric_limits<std::int64_t>::max() && latest < earliest;
  return RecordTimes{timeless ? kNoTimestamp : Timestamp(earliest), Timestamp(latest)};
}

Result<BatchInfo> validate(Bytes batch, const BatchLimits& limits) {
  auto header = check_envelope(batch, limits);
  if (!header) return std::unexpected(std::move(header).error());
  if (auto claims = check_claims(*header); !claims) {
    return std::unexpected(std::move(claims).error());
  }
  BatchInfo info{*header, header->max_timestamp, header->base_timestamp};
  if (header->codec() != Codec::kNone) return info;
  auto times = validate_records(*header, records_of(batch, *header));
  if (!times) return std::unexpected(std::move(times).error());
  info.max_timestamp = times->latest;
  info.min_timestamp = times->earliest;
  return info;
}

Result<BatchInfo> validate_deep(Bytes batch, const BatchLimits& limits, Buffer& scratch) {
  auto info = validate(batch, limits);
  if (!info || info->header.codec() == Codec::kNone) return info;
  auto inflated = decompress(info->header.codec(), records_of(batch, info->header),
                             limits.max_inflated_bytes, scratch);
  if (!inflated) return std::unexpected(std::move(inflated).error());
  auto times = validate_records(info->header, scratch);
  if (!times) return std::unexpected(std::move(times).error());
  info->max_timestamp = times->latest;
  info->min_timestamp = times->earliest;
  return info;
}

void patch_base_offset_and_epoch(MutableBytes first_bytes, Offset base_offset, LeaderEpoch epoch) {
  CHECK(first_bytes.size() >= batch_at::kMagic);
  store_be<std::int64_t>(first_bytes.data() + batch_at::kBaseOffset, base_offset.value);
  store_be<std::int32_t>(first_bytes.data() + batch_at::kLeaderEpoch, epoch.value);
}

void patch_max_timestamp(MutableBytes batch, TimestampType type, Timestamp max_timestamp) {
  CHECK(batch.size() >= kBatchHeaderBytes);
  std::uint8_t* attributes_at = batch.data() + batch_at::kAttributes;
  auto attributes = load_be<std::uint16_t>(attributes_at);
  attributes = static_cast<std::uint16_t>(type == TimestampType::kLogAppendTime
                                              ? attributes | kLogAppendTimeBit
                                              : attributes & ~kLogAppendTimeBit);
  store_be<std::uint16_t>(attributes_at, attributes);
  store_be<std::int64_t>(batch.data() + batch_at::kMaxTimestamp, max_timestamp.value);
  store_crc(batch);
}

void store_crc(MutableBytes batch) {
  CHECK(batch.size() >= kBatchHeaderBytes);
  store_be<std::uint32_t>(batch.data() + batch_at::kCrc, computed_crc(batch));
}

}  // namespace duolog::storage

// Kafka's record batch, version 2: the unit that is produced, stored and fetched.
//
// The layout is in record_batch.md. A batch is bytes: nothing here owns memory or keeps state, and
// any thread may call it. What a client sends goes through validate() before it is stored;
// what is stored is read with parse_header() and, once inflated, with RecordIterator (record.h).
// Limits: a batch is at most 2 GiB by its format, and at most BatchLimits::max_batch_bytes here.
#pragma once

#include <cstdint>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "storage/codec.h"

namespace duolog::storage {

// Positions of the header's fields, in bytes from the start of the batch. All are big-endian.
namespace batch_at {
inline constexpr std::size_t kBaseOffset = 0;        // i64
inline constexpr std::size_t kBatchLength = 8;       // i32, of what follows it
inline constexpr std::size_t kLeaderEpoch = 12;      // i32
inline constexpr std::size_t kMagic = 16;            // i8
inline constexpr std::size_t kCrc = 17;              // u32, CRC-32C of everything that follows it
inline constexpr std::size_t kAttributes = 21;       // i16
inline constexpr std::size_t kLastOffsetDelta = 23;  // i32
inline constexpr std::size_t kBaseTimestamp = 27;    // i64
inline constexpr std::size_t kMaxTimestamp = 35;     // i64
inline constexpr std::size_t kProducerId = 43;       // i64
inline constexpr std::size_t kProducerEpoch = 51;    // i16
inline constexpr std::size_t kBaseSequence = 53;     // i32
inline constexpr std::size_t kRecordCount = 57;      // i32
}  // namespace batch_at

inline constexpr std::size_t kBatchHeaderBytes = 61;
inline constexpr std::size_t kBatchLengthEnd = 12;  // batch_length counts from here
inline constexpr std::uint8_t kBatchMagic = 2;

// Bits of `attributes`; 0 to 2 are the codec.
inline constexpr std::uint16_t kCodecMask = 0x07;
inline constexpr std::uint16_t kLogAppendTimeBit = 0x08;
inline constexpr std::uint16_t kTransactionalBit = 0x10;
inline constexpr std::uint16_t kControlBit = 0x20;
inline constexpr std::uint16_t kDeleteHorizonBit = 0x40;  // base_timestamp is the horizon (KIP-534)

inline constexpr std::int64_t kNoProducerId = -1;

enum class TimestampType : std::uint8_t { kCreateTime = 0, kLogAppendTime = 1 };

// The header of one batch, decoded.
struct BatchHeader {
  Offset base_offset;
  std::int32_t batch_length = 0;  // bytes after the field itself
  LeaderEpoch leader_epoch;
  std::uint32_t crc = 0;
  std::uint16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  Timestamp base_timestamp;
  Timestamp max_timestamp;
  std::int64_t producer_id = kNoProducerId;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  // Of the whole batch, header included.
  [[nodiscard]] std::size_t size_bytes() const {
    return kBatchLengthEnd + static_cast<std::size_t>(batch_length);
  }
  [[nodiscard]] Offset last_offset() const { return base_offset + last_offset_delta; }
  [[nodiscard]] Offset next_offset() const { return last_offset() + 1; }
  // May be a value that is_known() refuses.
  [[nodiscard]] Codec codec() const { return static_cast<Codec>(attributes & kCodecMask); }
  [[nodiscard]] TimestampType timestamp_type() const {
    return attributes & kLogAppendTimeBit ? TimestampType::kLogAppendTime
                                          : TimestampType::kCreateTime;
  }
  [[nodiscard]] bool is_transactional() const { return (attributes & kTransactionalBit) != 0; }
  [[nodiscard]] bool is_control() const { return (attributes & kControlBit) != 0; }
  [[nodiscard]] bool has_delete_horizon() const { return (attributes & kDeleteHorizonBit) != 0; }
  [[nodiscard]] bool has_producer_id() const { return producer_id != kNoProducerId; }
};

// Decodes the header at the start of `bytes`, which need not hold the whole batch. No CRC.
// Errors: kInvalid when there are fewer than 61 bytes, the magic is an older one, or the record
// count or the last offset cannot be; kCorrupt for a length or a magic that never was.
[[nodiscard]] Result<BatchHeader> parse_header(Bytes bytes);

// Of a whole batch, without decoding the rest.
[[nodiscard]] inline bool has_producer_id(Bytes batch) {
  return load_be<std::int64_t>(batch.data() + batch_at::kProducerId) != kNoProducerId;
}

// Of at least a header.
[[nodiscard]] inline std::uint32_t crc_of(Bytes batch) {
  return load_be<std::uint32_t>(batch.data() + batch_at::kCrc);
}
// False also for less than a header.
[[nodiscard]] inline bool is_compressed(Bytes batch) {
  constexpr std::int16_t kCodecBits = 7;
  return batch.size() >= kBatchHeaderBytes &&
         (load_be<std::int16_t>(batch.data() + batch_at::kAttributes) & kCodecBits) != 0;
}

// What follows the header: the records, or their compressed form. The batch must be whole.
[[nodiscard]] inline Bytes records_of(Bytes batch, const BatchHeader& header) {
  return batch.subspan(kBatchHeaderBytes, header.size_bytes() - kBatchHeaderBytes);
}

// True when the CRC of a whole batch (exactly its bytes, at least 61) is right.
[[nodiscard]] bool crc_matches(Bytes batch);

// What a broker accepts of a client.
struct BatchLimits {
  std::size_t max_batch_bytes = 1'048'588;  // Kafka's max.message.bytes
  std::size_t max_inflated_bytes = kMaxInflatedBytes;
};

// Of a batch's records, those that have a timestamp. Both kNoTimestamp without any.
struct RecordTimes {
  Timestamp earliest = kNoTimestamp;
  Timestamp latest = kNoTimestamp;
};

struct BatchInfo {
  BatchHeader header;
  // The latest record's, computed from the records; the header's own where they were not looked at
  // (validate() of a compressed batch) or the type is kLogAppendTime. Where it differs from the
  // header's, the broker calls patch_max_timestamp.
  Timestamp max_timestamp;
  Timestamp min_timestamp;  // the earliest; of no meaning where max_timestamp is the header's
};

// What a broker checks of a client's batch: that `batch` is exactly one batch of magic 2, within
// the limits, with the right CRC, an offset range that fits its count, a known codec, sane producer
// fields, and nothing only a broker may write (control batches, delete horizons). Records of an
// uncompressed batch are walked: every length and varint, offset deltas 0, 1, ..., the exact count,
// nothing after the last. Those of a compressed batch are not, because inflating costs many times
// the append and may have to be done elsewhere: validate_records() is for what came of it, and
// validate_deep() does both. Whoever reads records out of a batch checks them again while reading.
//
// The class of an error says what to answer:
//   kCorrupt -> CORRUPT_MESSAGE (2), kInvalid -> INVALID_RECORD (87),
//   kTooLarge -> MESSAGE_TOO_LARGE (10), kUnsupported -> UNSUPPORTED_COMPRESSION_TYPE (76).
// Speed: BM_ValidateAndCopy in bench/record_batch_bench.cc.
[[nodiscard]] Result<BatchInfo> validate(Bytes batch, const BatchLimits& limits = {});

// What validate() checks of an uncompressed batch's records, for `records` that were inflated: of a
// batch whose header it has passed. With kLogAppendTime their times are the header's.
// kInvalid for what is wrong with them.
[[nodiscard]] Result<RecordTimes> validate_records(const BatchHeader& header, Bytes records);

// The same, and a compressed batch's records are inflated into `scratch` (kTooLarge beyond
// max_inflated_bytes, kCorrupt when the codec refuses them) and walked like any others.
[[nodiscard]] Result<BatchInfo> validate_deep(Bytes batch, const BatchLimits& limits,
                                              Buffer& scratch);

// Stores what the log assigns, both outside the CRC. `first_bytes` are at least the first 16.
void patch_base_offset_and_epoch(MutableBytes first_bytes, Offset base_offset, LeaderEpoch epoch);

// Stores the type and the maximum of a whole batch's timestamps, and its new CRC. With
// kLogAppendTime `max_timestamp` is the time of every record.
void patch_max_timestamp(MutableBytes batch, TimestampType type, Timestamp max_timestamp);

// Computes and stores the CRC of a whole batch, after any other change of its bytes.
void store_crc(MutableBytes batch);

}  // namespace duolog::storage

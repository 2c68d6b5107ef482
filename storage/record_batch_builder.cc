#include "storage/record_batch_builder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/check.h"
#include "storage/varint.h"

namespace duolog::storage {
namespace {

constexpr std::size_t kMaxBuiltBytes = 1U << 30;

std::int64_t length_of(const std::optional<Bytes>& bytes) {
  return bytes ? static_cast<std::int64_t>(bytes->size()) : -1;
}

std::size_t field_size(const std::optional<Bytes>& bytes) {
  return varint_size(length_of(bytes)) + (bytes ? bytes->size() : 0);
}

std::uint8_t* write_field(std::uint8_t* at, const std::optional<Bytes>& bytes) {
  at = write_varint(at, length_of(bytes));
  if (!bytes || bytes->empty()) return at;
  std::memcpy(at, bytes->data(), bytes->size());
  return at + bytes->size();
}

// Of a record without its length: attributes, deltas, key, value, headers.
std::size_t body_size(const NewRecord& record, std::int64_t timestamp_delta,
                      std::int32_t offset_delta) {
  std::size_t size = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) +
                     field_size(record.key) + field_size(record.value) +
                     varint_size(static_cast<std::int64_t>(record.headers.size()));
  for (const RecordHeader& header : record.headers) {
    size += field_size(as_bytes(header.key)) + field_size(header.value);
  }
  return size;
}

}  // namespace

RecordBatchBuilder::RecordBatchBuilder(std::size_t max_batch_bytes)
    : max_batch_bytes_(max_batch_bytes) {
  CHECK(max_batch_bytes >= kBatchHeaderBytes && max_batch_bytes <= kMaxBuiltBytes);
  clear();
}

void RecordBatchBuilder::clear() {
  bytes_.resize(kBatchHeaderBytes);
  record_count_ = 0;
}

Result<void> RecordBatchBuilder::add(const NewRecord& record) {
  const Timestamp base = record_count_ == 0 ? record.timestamp : base_timestamp_;
  const std::int64_t delta = record.timestamp - base;
  const std::size_t body = body_size(record, delta, record_count_);
  const std::size_t whole = varint_size(static_cast<std::int64_t>(body)) + body;
  if (whole > max_batch_bytes_ - bytes_.size()) {
    return fail(Errc::kTooLarge, "the record does not fit a batch of at most " +
                                     std::to_string(max_batch_bytes_) + " bytes");
  }
  bytes_.resize(bytes_.size() + whole);
  std::uint8_t* at = bytes_.end() - whole;
  at = write_varint(at, static_cast<std::int64_t>(body));
  *at++ = 0;  // attributes, of which none is defined
  at = write_varint(at, delta);
  at = write_varint(at, record_count_);
  at = write_field(at, record.key);
  at = write_field(at, record.value);
  at = write_varint(at, static_cast<std::int64_t>(record.headers.size()));
  for (const RecordHeader& header : record.headers) {
    at = write_field(at, as_bytes(header.key));
    at = write_field(at, header.value);
  }
  CHECK(at == bytes_.end());
  max_timestamp_ = record_count_ == 0 ? base : std::max(max_timestamp_, record.timestamp);
  base_timestamp_ = base;
  ++record_count_;
  return {};
}

MutableBytes RecordBatchBuilder::finish() {
  CHECK(record_count_ > 0);
  std::uint8_t* at = bytes_.data();
  std::memset(at, 0, kBatchHeaderBytes);
  store_be<std::int32_t>(at + batch_at::kBatchLength,
                         static_cast<std::int32_t>(bytes_.size() - kBatchLengthEnd));
  at[batch_at::kMagic] = kBatchMagic;
  store_be<std::int32_t>(at + batch_at::kLastOffsetDelta, record_count_ - 1);
  store_be<std::int64_t>(at + batch_at::kBaseTimestamp, base_timestamp_.value);
  store_be<std::int64_t>(at + batch_at::kMaxTimestamp, max_timestamp_.value);
  store_be<std::int64_t>(at + batch_at::kProducerId, kNoProducerId);
  store_be<std::int16_t>(at + batch_at::kProducerEpoch, -1);
  store_be<std::int32_t>(at + batch_at::kBaseSequence, -1);
  store_be<std::int32_t>(at + batch_at::kRecordCount, record_count_);
  store_crc(bytes_);
  return bytes_;
}

}  // namespace duolog::storage

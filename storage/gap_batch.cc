#include "storage/gap_batch.h"

#include <algorithm>
#include <array>
#include <limits>

#include "storage/record_batch.h"
#include "storage/varint.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kMostOffsets = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kKeyBytes = 4;

// Length, attributes, timestamp delta, offset delta, key, value and headers, which are empty.
std::vector<std::uint8_t> gap_record() {
  std::vector<std::uint8_t> body;
  const auto put = [&body](std::int64_t value) {
    std::array<std::uint8_t, kMaxVarint64Bytes> bytes{};
    const std::uint8_t* end = write_varint(bytes.data(), value);
    body.insert(body.end(), static_cast<const std::uint8_t*>(bytes.data()), end);
  };
  body.push_back(0);
  put(0);
  put(0);
  put(kKeyBytes);
  body.resize(body.size() + kKeyBytes);
  store_be<std::int16_t>(body.data() + body.size() - sizeof kGapRecordType, kGapRecordType);
  put(0);
  put(0);
  std::array<std::uint8_t, kMaxVarint64Bytes> length{};
  const std::uint8_t* end = write_varint(length.data(), static_cast<std::int64_t>(body.size()));
  body.insert(body.begin(), static_cast<const std::uint8_t*>(length.data()), end);
  return body;
}

void append_one(Offset first, std::int64_t offsets, LeaderEpoch epoch, Timestamp timestamp,
                std::vector<std::uint8_t>& out) {
  const std::vector<std::uint8_t> record = gap_record();
  std::vector<std::uint8_t> batch(kBatchHeaderBytes);
  std::uint8_t* at = batch.data();
  store_be<std::int32_t>(
      at + batch_at::kBatchLength,
      static_cast<std::int32_t>(kBatchHeaderBytes - kBatchLengthEnd + record.size()));
  at[batch_at::kMagic] = kBatchMagic;
  store_be<std::uint16_t>(at + batch_at::kAttributes, kControlBit);
  store_be<std::int32_t>(at + batch_at::kLastOffsetDelta, static_cast<std::int32_t>(offsets - 1));
  store_be<std::int64_t>(at + batch_at::kBaseTimestamp, timestamp.value);
  store_be<std::int64_t>(at + batch_at::kMaxTimestamp, timestamp.value);
  store_be<std::int64_t>(at + batch_at::kProducerId, kNoProducerId);
  store_be<std::int16_t>(at + batch_at::kProducerEpoch, -1);
  store_be<std::int32_t>(at + batch_at::kBaseSequence, -1);
  store_be<std::int32_t>(at + batch_at::kRecordCount, 1);
  patch_base_offset_and_epoch(batch, first, epoch);
  batch.insert(batch.end(), record.begin(), record.end());
  store_crc(batch);
  out.insert(out.end(), batch.begin(), batch.end());
}

}  // namespace

void append_gap(Offset first, Offset end, LeaderEpoch epoch, Timestamp timestamp,
                std::vector<std::uint8_t>& out) {
  while (first < end) {
    const std::int64_t offsets = std::min(end - first, kMostOffsets);
    append_one(first, offsets, epoch, timestamp, out);
    first = first + offsets;
  }
}

}  // namespace duolog::storage

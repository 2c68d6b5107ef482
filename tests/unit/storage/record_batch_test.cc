#include "storage/record_batch.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <ranges>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/crc32c.h"
#include "tests/unit/storage/record_batch_golden.h"
#include "tests/unit/storage/record_samples.h"

namespace duolog::storage {
namespace {

using samples::OwnedRecord;

std::vector<std::uint8_t> copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<std::uint8_t> three_records() {
  return samples::batch_of({{0, 1000, "key", "value", {{"h", "1"}, {"n", std::nullopt}}},
                            {1, 900, std::nullopt, "", {}},
                            {2, 1500, "", std::nullopt, {}}});
}

// The class of error of a batch whose bytes were changed, once its CRC fits them again.
Errc refusal(std::vector<std::uint8_t> batch) {
  store_crc(batch);
  const auto info = validate(batch);
  EXPECT_FALSE(info);
  return info ? Errc::kClosed : info.error().code;
}

template <class T>
std::vector<std::uint8_t> with(std::vector<std::uint8_t> batch, std::size_t at, T value) {
  store_be<T>(batch.data() + at, value);
  return batch;
}

TEST(RecordBatchTest, DecodesTheHeaderOfARealClientsBatch) {
  const auto header = parse_header(golden::kIdempotent);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->base_offset, Offset(0));
  EXPECT_EQ(header->size_bytes(), sizeof golden::kIdempotent);
  EXPECT_EQ(header->crc, 2197373680U);
  EXPECT_EQ(header->codec(), Codec::kNone);
  EXPECT_EQ(header->timestamp_type(), TimestampType::kCreateTime);
  EXPECT_FALSE(header->is_transactional());
  EXPECT_FALSE(header->is_control());
  EXPECT_FALSE(header->has_delete_horizon());
  EXPECT_EQ(header->last_offset_delta, 3);
  EXPECT_EQ(header->base_timestamp, Timestamp(1795470070768));
  EXPECT_EQ(header->max_timestamp, Timestamp(1795470070769));
  EXPECT_TRUE(header->has_producer_id());
  EXPECT_EQ(header->producer_id, 4242);
  EXPECT_EQ(header->producer_epoch, 7);
  EXPECT_EQ(header->base_sequence, 0);
  EXPECT_EQ(header->record_count, 4);
  EXPECT_EQ(header->next_offset(), Offset(4));
}

TEST(RecordBatchTest, DecodesEveryAttribute) {
  auto batch = with<std::uint16_t>(three_records(), batch_at::kAttributes, 0x7c);
  const auto header = parse_header(batch);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->codec(), Codec::kZstd);
  EXPECT_EQ(header->timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_TRUE(header->is_transactional());
  EXPECT_TRUE(header->is_control());
  EXPECT_TRUE(header->has_delete_horizon());
}

TEST(RecordBatchTest, AcceptsTheBatchesOfRealClientsInEveryCodec) {
  Buffer scratch;
  for (const Bytes batch : {Bytes(golden::kPlain), Bytes(golden::kIdempotent), Bytes(golden::kGzip),
                            Bytes(golden::kSnappy), Bytes(golden::kLz4), Bytes(golden::kZstd)}) {
    const auto info = validate(batch);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->max_timestamp, info->header.max_timestamp);
    const auto deep = validate_deep(batch, {}, scratch);
    ASSERT_TRUE(deep) << deep.error().message;
    EXPECT_EQ(deep->max_timestamp, info->header.max_timestamp);
    Bytes records = records_of(batch, info->header);
    if (info->header.codec() != Codec::kNone) records = scratch;
    const auto all = samples::read_all(info->header, records);
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->size(), 4U);
    std::string repeated;
    for (int i = 0; i < 20; ++i) repeated += "compress me ";
    const std::vector<std::pair<std::string, samples::Field>> headers = {
        {"trace", "abc"}, {"empty", ""}, {"none", std::nullopt}};
    const std::vector<std::pair<samples::Field, samples::Field>> expected = {
        {"k1", "hello"}, {"k2", std::nullopt}, {std::nullopt, "world"}, {"k4", repeated}};
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ((*all)[i].offset, static_cast<std::int64_t>(i));
      EXPECT_EQ((*all)[i].key, expected[i].first);
      EXPECT_EQ((*all)[i].value, expected[i].second);
      EXPECT_EQ((*all)[i].headers, headers);
    }
  }
}

TEST(RecordBatchTest, RefusesEveryTruncation) {
  for (const Bytes batch : {Bytes(golden::kPlain), Bytes(golden::kZstd)}) {
    for (std::size_t size = 0; size < batch.size(); ++size) {
      const auto cut = copy(batch.first(size));
      const auto info = validate(cut);
      ASSERT_FALSE(info) << size;
      ASSERT_EQ(info.error().code, Errc::kInvalid) << size;
    }
  }
}

// The leader epoch is the log's to assign, and outside the CRC; so is the base offset, which a
// client sends as 0.
TEST(RecordBatchTest, RefusesEverySingleBitFlipButInTheLeaderEpoch) {
  for (const Bytes batch : {Bytes(golden::kPlain), Bytes(golden::kIdempotent)}) {
    for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
      auto flipped = copy(batch);
      flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
      const std::size_t byte = bit / 8;
      const bool covered = byte < batch_at::kLeaderEpoch || byte >= batch_at::kMagic;
      ASSERT_EQ(validate(flipped).has_value(), !covered) << bit;
    }
  }
}

TEST(RecordBatchTest, TellsTheKindsOfRefusalApart) {
  const auto batch = three_records();
  EXPECT_TRUE(validate(batch));
  auto longer = batch;
  longer.push_back(0);
  EXPECT_EQ(validate(longer).error().code, Errc::kInvalid);
  auto twice = batch;
  twice.insert(twice.end(), batch.begin(), batch.end());
  EXPECT_EQ(validate(twice).error().code, Errc::kInvalid);
  EXPECT_TRUE(validate(batch, {.max_batch_bytes = batch.size()}));
  EXPECT_EQ(validate(batch, {.max_batch_bytes = batch.size() - 1}).error().code, Errc::kTooLarge);
  EXPECT_EQ(refusal(with<std::int8_t>(batch, batch_at::kMagic, 1)), Errc::kInvalid);
  EXPECT_EQ(refusal(with<std::int16_t>(batch, batch_at::kAttributes, 5)), Errc::kUnsupported);
  EXPECT_EQ(refusal(with<std::int16_t>(batch, batch_at::kAttributes, 7)), Errc::kUnsupported);
}

TEST(RecordBatchTest, RefusesWhatOnlyABrokerMayWrite) {
  const auto batch = three_records();
  EXPECT_EQ(refusal(with<std::uint16_t>(batch, batch_at::kAttributes, kControlBit)),
            Errc::kInvalid);
  EXPECT_EQ(refusal(with<std::uint16_t>(batch, batch_at::kAttributes, kDeleteHorizonBit)),
            Errc::kInvalid);
  EXPECT_EQ(refusal(with<std::uint16_t>(batch, batch_at::kAttributes, 0x80)), Errc::kInvalid);
}

TEST(RecordBatchTest, RefusesCountsAndRangesThatContradictEachOther) {
  const auto batch = three_records();
  const auto counted = [&](std::int32_t count, std::int32_t last_delta) {
    return refusal(with<std::int32_t>(with<std::int32_t>(batch, batch_at::kRecordCount, count),
                                      batch_at::kLastOffsetDelta, last_delta));
  };
  EXPECT_EQ(counted(3, 1), Errc::kInvalid);
  EXPECT_EQ(counted(3, 3), Errc::kInvalid);
  EXPECT_EQ(counted(2, 1), Errc::kInvalid);
  EXPECT_EQ(counted(4, 3), Errc::kInvalid);
  EXPECT_EQ(counted(0, 0), Errc::kInvalid);
  EXPECT_EQ(counted(0, -1), Errc::kInvalid);
  EXPECT_EQ(counted(-1, 2), Errc::kInvalid);
  EXPECT_EQ(counted(std::numeric_limits<std::int32_t>::max(),
                    std::numeric_limits<std::int32_t>::max() - 1),
            Errc::kInvalid);
}

TEST(RecordBatchTest, RefusesProducerFieldsThatMakeNoSense) {
  auto batch = with<std::int64_t>(three_records(), batch_at::kProducerId, 9);
  EXPECT_EQ(refusal(batch), Errc::kInvalid);  // neither epoch nor sequence
  batch = with<std::int16_t>(batch, batch_at::kProducerEpoch, 0);
  EXPECT_EQ(refusal(batch), Errc::kInvalid);  // no sequence
  batch = with<std::int32_t>(batch, batch_at::kBaseSequence, 0);
  batch = with<std::uint16_t>(batch, batch_at::kAttributes, kTransactionalBit);
  store_crc(batch);
  EXPECT_TRUE(validate(batch));
  EXPECT_EQ(refusal(with<std::int64_t>(batch, batch_at::kProducerId, -1)), Errc::kInvalid);
  EXPECT_EQ(refusal(with<std::int64_t>(batch, batch_at::kProducerId, -2)), Errc::kInvalid);
}

// One record of 10 bytes and its length: attributes, deltas, key "k", value "v", one header h=null.
TEST(RecordBatchTest, RefusesRecordsThatBreakTheirBounds) {
  const auto batch = samples::batch_of({{0, 0, "k", "v", {{"h", std::nullopt}}}});
  ASSERT_EQ(batch.size(), kBatchHeaderBytes + 12);
  const auto changed = [&](std::size_t at, std::uint8_t byte) {
    return refusal(with<std::uint8_t>(batch, kBatchHeaderBytes + at, byte));
  };
  for (const int length : {0x00, 0x01, 0x02, 0x14, 0x18, 0xff}) {
    EXPECT_EQ(changed(0, static_cast<std::uint8_t>(length)), Errc::kInvalid);
  }
  EXPECT_EQ(changed(2, 0x80), Errc::kInvalid);   // timestamp delta eats the offset delta
  EXPECT_EQ(changed(3, 0x02), Errc::kInvalid);   // offset delta 1
  EXPECT_EQ(changed(3, 0x01), Errc::kInvalid);   // offset delta -1
  EXPECT_EQ(changed(4, 0x03), Errc::kInvalid);   // key length -2
  EXPECT_EQ(changed(4, 0x7e), Errc::kInvalid);   // key beyond the record
  EXPECT_EQ(changed(6, 0x03), Errc::kInvalid);   // value length -2
  EXPECT_EQ(changed(6, 0x7e), Errc::kInvalid);   // value beyond the record
  EXPECT_EQ(changed(8, 0x00), Errc::kInvalid);   // no headers, and bytes left
  EXPECT_EQ(changed(8, 0x01), Errc::kInvalid);   // -1 headers
  EXPECT_EQ(changed(8, 0x04), Errc::kInvalid);   // two headers in the room of one
  EXPECT_EQ(changed(9, 0x01), Errc::kInvalid);   // null header key
  EXPECT_EQ(changed(9, 0x04), Errc::kInvalid);   // header key takes its value's length
  EXPECT_EQ(changed(11, 0x02), Errc::kInvalid);  // header value beyond the record
  EXPECT_EQ(changed(11, 0x03), Errc::kInvalid);  // header value length -2
}

TEST(RecordBatchTest, DamageBehindARightCrcNeverReadsOutOfBounds) {
  std::mt19937 random(3);
  const auto batch = three_records();
  for (int round = 0; round < 20'000; ++round) {
    auto damaged = batch;
    for (int i = 0; i < 2; ++i) {
      const std::size_t at =
          batch_at::kAttributes + random() % (batch.size() - batch_at::kAttributes);
      damaged[at] = static_cast<std::uint8_t>(random());
    }
    store_crc(damaged);
    const auto info = validate(damaged);
    const auto header = parse_header(damaged);
    if (!header) continue;
    const auto all = samples::read_all(*header, records_of(damaged, *header));
    // What is accepted uncompressed can be read.
    if (info && info->header.codec() == Codec::kNone) {
      ASSERT_TRUE(all) << all.error().message;
    }
  }
}

TEST(RecordBatchTest, ComputesTheMaximumTimestampThatAClientLeftOut) {
  auto batch = three_records();
  patch_max_timestamp(batch, TimestampType::kCreateTime, kNoTimestamp);
  auto info = validate(batch);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->header.max_timestamp, kNoTimestamp);
  EXPECT_EQ(info->max_timestamp, Timestamp(1500));
  patch_max_timestamp(batch, TimestampType::kCreateTime, info->max_timestamp);
  EXPECT_EQ(batch, three_records());
}

TEST(RecordBatchTest, StoresTheTimeOfTheAppendForEveryRecord) {
  auto batch = three_records();
  patch_max_timestamp(batch, TimestampType::kLogAppendTime, Timestamp(77));
  const auto info = validate(batch);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->max_timestamp, Timestamp(77));
  const auto all = samples::read_all(info->header, records_of(batch, info->header));
  ASSERT_TRUE(all);
  for (const auto& record : *all) EXPECT_EQ(record.timestamp, 77);
}

TEST(RecordBatchTest, ATimestampBeyondItsRangeIsWhatItIsReadAs) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() - 10;
  auto batch = with<std::int64_t>(three_records(), batch_at::kBaseTimestamp, kLast);
  store_crc(batch);
  const auto info = validate(batch);
  ASSERT_TRUE(info);
  const auto all = samples::read_all(info->header, records_of(batch, info->header));
  ASSERT_TRUE(all);
  const auto [earliest, latest] = std::ranges::minmax(
      *all | std::views::transform([](const auto& record) { return record.timestamp; }));
  EXPECT_LT(earliest, 0);
  EXPECT_EQ(info->min_timestamp, Timestamp(earliest));
  EXPECT_EQ(info->max_timestamp, Timestamp(latest));
}

TEST(RecordBatchTest, AssignsOffsetAndEpochWithoutTouchingTheRest) {
  auto batch = three_records();
  patch_base_offset_and_epoch(MutableBytes(batch).first(16), Offset(123'456'789'012),
                              LeaderEpoch(5));
  const auto header = parse_header(batch);
  ASSERT_TRUE(header);
  EXPECT_TRUE(crc_matches(batch));
  EXPECT_EQ(header->base_offset, Offset(123'456'789'012));
  EXPECT_EQ(header->leader_epoch, LeaderEpoch(5));
  EXPECT_EQ(header->last_offset(), Offset(123'456'789'014));
  EXPECT_EQ(refusal(batch), Errc::kInvalid);  // as it would come from a client
  patch_base_offset_and_epoch(batch, Offset(0), LeaderEpoch(0));
  EXPECT_EQ(batch, three_records());
}

// The golden batch in `codec`, its records replaced by `text` compressed.
std::vector<std::uint8_t> compressed_batch(Bytes header, Codec codec, Bytes text) {
  Buffer records;
  EXPECT_TRUE(compress(codec, text, records));
  auto batch = copy(header.first(kBatchHeaderBytes));
  batch.insert(batch.end(), records.begin(), records.end());
  store_be<std::uint16_t>(batch.data() + batch_at::kAttributes, static_cast<std::uint16_t>(codec));
  store_be<std::int32_t>(batch.data() + batch_at::kBatchLength,
                         static_cast<std::int32_t>(batch.size() - kBatchLengthEnd));
  store_crc(batch);
  return batch;
}

TEST(RecordBatchTest, TheDeepCheckFindsWhatIsWrongInsideACompressedBatch) {
  const auto plain = three_records();
  const Bytes records = Bytes(plain).subspan(kBatchHeaderBytes);
  Buffer scratch;
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    auto batch = compressed_batch(plain, codec, records);
    patch_max_timestamp(batch, TimestampType::kCreateTime, kNoTimestamp);
    const auto info = validate_deep(batch, {}, scratch);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->max_timestamp, Timestamp(1500));
    EXPECT_EQ(validate(batch)->max_timestamp, kNoTimestamp);

    EXPECT_EQ(validate_deep(batch, {.max_inflated_bytes = 10}, scratch).error().code,
              Errc::kTooLarge);
    const auto short_of_one = compressed_batch(plain, codec, records.first(records.size() - 1));
    EXPECT_TRUE(validate(short_of_one));
    EXPECT_EQ(validate_deep(short_of_one, {}, scratch).error().code, Errc::kInvalid);
    auto torn = batch;
    torn.pop_back();
    store_be<std::int32_t>(torn.data() + batch_at::kBatchLength,
                           static_cast<std::int32_t>(torn.size() - kBatchLengthEnd));
    store_crc(torn);
    EXPECT_TRUE(validate(torn));
    EXPECT_EQ(validate_deep(torn, {}, scratch).error().code, Errc::kCorrupt);
  }
}

TEST(RecordBatchTest, RefusesAHeaderThatCannotBe) {
  const auto batch = three_records();
  EXPECT_TRUE(parse_header(Bytes(batch).first(kBatchHeaderBytes)));
  EXPECT_EQ(parse_header(Bytes(batch).first(60)).error().code, Errc::kInvalid);
  EXPECT_EQ(parse_header(with<std::int32_t>(batch, batch_at::kBatchLength, 48)).error().code,
            Errc::kCorrupt);
  EXPECT_EQ(parse_header(with<std::int32_t>(batch, batch_at::kBatchLength, -1)).error().code,
            Errc::kCorrupt);
  EXPECT_EQ(parse_header(with<std::int64_t>(batch, batch_at::kBaseOffset, -1)).error().code,
            Errc::kInvalid);
  EXPECT_FALSE(parse_header(std::vector<std::uint8_t>(100, 0)));
}

}  // namespace
}  // namespace duolog::storage

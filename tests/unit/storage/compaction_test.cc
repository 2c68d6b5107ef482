// Compaction of batches: what stays of them is what the model says.
#include "storage/cleaner/compaction.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record.h"
#include "storage/record_batch_builder.h"

namespace duolog::storage {
namespace {

constexpr std::int64_t kCleanedAt = 1'700'000'000'000;
constexpr std::int64_t kDeleteRetentionMs = 1000;

using StoredBatch = std::vector<std::uint8_t>;

struct Sent {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t timestamp = kCleanedAt - 5000;
};

struct Stamp {
  Codec codec = Codec::kNone;
  std::int64_t producer = kNoProducerId;
  bool append_time = false;
  std::uint16_t attributes = 0;
};

StoredBatch batch_of(Offset base, const std::vector<Sent>& sent, const Stamp& stamp = {}) {
  RecordBatchBuilder builder;
  const std::vector<RecordHeader> headers{{"h", as_bytes("v")}};
  for (const Sent& one : sent) {
    NewRecord record{.timestamp = Timestamp(one.timestamp), .headers = headers};
    if (one.key) record.key = as_bytes(*one.key);
    if (one.value) record.value = as_bytes(*one.value);
    EXPECT_TRUE(builder.add(record));
  }
  const MutableBytes plain = builder.finish();
  StoredBatch batch(plain.begin(), plain.end());
  if (stamp.codec != Codec::kNone) {
    Buffer deflated;
    EXPECT_TRUE(compress(stamp.codec, Bytes(plain).subspan(kBatchHeaderBytes), deflated));
    batch.resize(kBatchHeaderBytes);
    batch.insert(batch.end(), deflated.begin(), deflated.end());
    store_be<std::int32_t>(batch.data() + batch_at::kBatchLength,
                           static_cast<std::int32_t>(batch.size() - kBatchLengthEnd));
  }
  const auto codec = static_cast<std::uint16_t>(stamp.codec);
  store_be<std::uint16_t>(batch.data() + batch_at::kAttributes,
                          static_cast<std::uint16_t>(codec | stamp.attributes |
                                                     (stamp.append_time ? kLogAppendTimeBit : 0)));
  store_be<std::int64_t>(batch.data() + batch_at::kProducerId, stamp.producer);
  if (stamp.producer != kNoProducerId) {
    store_be<std::int16_t>(batch.data() + batch_at::kProducerEpoch, 3);
    store_be<std::int32_t>(batch.data() + batch_at::kBaseSequence, 70);
  }
  patch_base_offset_and_epoch(batch, base, LeaderEpoch(9));
  store_crc(batch);
  return batch;
}

BatchHeader header_of(Bytes batch) {
  const auto header = parse_header(batch);
  EXPECT_TRUE(header);
  EXPECT_TRUE(crc_matches(batch));
  return *header;
}

struct Read {
  Offset offset;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t timestamp = 0;
  bool operator==(const Read&) const = default;
};

std::vector<Read> records_in(Bytes batch) {
  const BatchHeader header = header_of(batch);
  Buffer inflated;
  Bytes records = records_of(batch, header);
  if (header.codec() != Codec::kNone) {
    EXPECT_TRUE(decompress(header.codec(), records, kMaxInflatedBytes, inflated));
    records = inflated;
  }
  std::vector<Read> read;
  EXPECT_TRUE(for_each_record(header, records, [&](const Record& record) {
    Read one{.offset = record.offset, .timestamp = record.timestamp.value};
    if (record.key) one.key = std::string(as_text(*record.key));
    if (record.value) one.value = std::string(as_text(*record.value));
    RecordHeaders headers = record.headers;
    RecordHeader first;
    EXPECT_TRUE(headers.next(first).value_or(false));
    EXPECT_EQ(first.key, "h");
    read.push_back(std::move(one));
  }));
  return read;
}

class CompactionTest : public ::testing::Test {
 protected:
  void know(Bytes batch) {
    const auto noted = note_keys(batch, header_of(batch), Offset(0), keys_, scratch_);
    ASSERT_TRUE(noted);
    ASSERT_TRUE(*noted);
  }
  CompactedBatch compact(Bytes batch, bool keep_empty = false, std::int64_t now = kCleanedAt) {
    out_.clear();
    auto made = compact_batch(batch, header_of(batch), keys_, {Timestamp(now), kDeleteRetentionMs},
                              keep_empty, out_, scratch_);
    EXPECT_TRUE(made);
    return *made;
  }

  KeyOffsets keys_{1 << 20, 1000, 7};
  CompactionScratch scratch_;
  Buffer out_;
};

TEST_F(CompactionTest, KeepsTheLatestOfAKeyAndTheFieldsOfItsBatch) {
  for (const Codec codec :
       {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    keys_ = KeyOffsets(1 << 20, 1000, 7);
    const StoredBatch batch = batch_of(Offset(10),
                                       {{"a", "1", kCleanedAt - 9},
                                        {"b", "2", kCleanedAt - 8},
                                        {"a", "3", kCleanedAt - 7},
                                        {"c", "4", kCleanedAt - 3}},
                                       {.codec = codec, .producer = 5});
    know(batch);
    know(batch_of(Offset(14), {{"c", "5"}}));
    const CompactedBatch made = compact(batch);
    ASSERT_TRUE(made.kept);
    const BatchHeader before = header_of(batch);
    const BatchHeader after = header_of(out_);
    EXPECT_EQ(records_in(out_), (std::vector<Read>{{Offset(11), "b", "2", kCleanedAt - 8},
                                                   {Offset(12), "a", "3", kCleanedAt - 7}}));
    EXPECT_EQ(after.base_offset, before.base_offset);
    EXPECT_EQ(after.last_offset_delta, before.last_offset_delta);
    EXPECT_EQ(after.leader_epoch, before.leader_epoch);
    EXPECT_EQ(after.attributes, before.attributes);
    EXPECT_EQ(after.base_timestamp.value, kCleanedAt - 8);
    EXPECT_EQ(after.max_timestamp.value, kCleanedAt - 7);
    EXPECT_EQ(made.max_timestamp, after.max_timestamp);
    EXPECT_EQ(after.producer_id, 5);
    EXPECT_EQ(after.producer_epoch, before.producer_epoch);
    EXPECT_EQ(after.base_sequence, before.base_sequence);
  }
}

TEST_F(CompactionTest, IsTheSameBytesWhereNothingGoes) {
  const StoredBatch batch = batch_of(Offset(3), {{"a", "1"}, {"b", "2"}}, {.codec = Codec::kZstd});
  know(batch);
  EXPECT_EQ(compact(batch).records, 2);
  EXPECT_TRUE(std::ranges::equal(out_, batch));
}

TEST_F(CompactionTest, RecordsWithoutAKeyGo) {
  const StoredBatch batch =
      batch_of(Offset(0), {{std::nullopt, "1"}, {"b", "2"}, {std::nullopt, "3"}});
  know(batch);
  (void)compact(batch);
  EXPECT_EQ(records_in(out_).size(), 1U);
}

TEST_F(CompactionTest, WhatWasNotNotedStays) {
  const StoredBatch known = batch_of(Offset(0), {{"a", "1"}});
  const StoredBatch beyond = batch_of(Offset(1), {{"a", "2"}, {std::nullopt, "3"}});
  know(known);
  (void)compact(beyond);
  EXPECT_TRUE(std::ranges::equal(out_, beyond));
  EXPECT_TRUE(compact(known).kept) << "its later value has not been noted";
}

TEST_F(CompactionTest, ATombstoneStaysUntilTheHorizonThatItsFirstCleaningSets) {
  const StoredBatch batch = batch_of(Offset(0), {{"a", "1"}, {"a", std::nullopt}, {"b", "2"}});
  know(batch);
  EXPECT_EQ(compact(batch).tombstones, 1);
  const StoredBatch first(out_.begin(), out_.end());
  const BatchHeader header = header_of(first);
  EXPECT_TRUE(header.has_delete_horizon());
  EXPECT_EQ(header.base_timestamp.value, kCleanedAt + kDeleteRetentionMs);
  EXPECT_EQ(header.max_timestamp.value, kCleanedAt - 5000);
  EXPECT_EQ(records_in(first), (std::vector<Read>{{Offset(1), "a", std::nullopt, kCleanedAt - 5000},
                                                  {Offset(2), "b", "2", kCleanedAt - 5000}}));
  // Once more, before: the horizon stays where it is.
  (void)compact(first, false, kCleanedAt + kDeleteRetentionMs - 1);
  EXPECT_TRUE(std::ranges::equal(out_, first));
  (void)compact(first, false, kCleanedAt + kDeleteRetentionMs);
  EXPECT_EQ(records_in(out_), (std::vector<Read>{{Offset(2), "b", "2", kCleanedAt - 5000}}));
}

TEST_F(CompactionTest, ABatchThatMustStayIsEmptyThen) {
  const StoredBatch batch =
      batch_of(Offset(4), {{"a", "1"}, {"b", "1"}}, {.codec = Codec::kGzip, .producer = 8});
  know(batch);
  know(batch_of(Offset(6), {{"a", "2"}, {"b", "2"}}));
  EXPECT_FALSE(compact(batch).kept);
  EXPECT_EQ(out_.size(), 0U);
  EXPECT_TRUE(compact(batch, true).kept);
  const BatchHeader header = header_of(out_);
  EXPECT_EQ(out_.size(), kBatchHeaderBytes);
  EXPECT_EQ(header.record_count, 0);
  EXPECT_EQ(header.codec(), Codec::kNone);
  EXPECT_EQ(header.base_offset, Offset(4));
  EXPECT_EQ(header.last_offset(), Offset(5));
  EXPECT_EQ(header.producer_id, 8);
  EXPECT_EQ(header.base_sequence, 70);
  EXPECT_EQ(header.max_timestamp.value, kCleanedAt - 5000);
  const StoredBatch empty(out_.begin(), out_.end());
  (void)compact(empty, true);
  EXPECT_TRUE(std::ranges::equal(out_, empty));
}

TEST_F(CompactionTest, TheTimeOfTheAppendStaysThatOfEveryRecord) {
  const StoredBatch batch = batch_of(
      Offset(0), {{"a", "1", 5}, {"b", std::nullopt, 6}, {"a", "2", 70}}, {.append_time = true});
  know(batch);
  (void)compact(batch);
  EXPECT_EQ(records_in(out_),
            (std::vector<Read>{{Offset(1), "b", std::nullopt, 70}, {Offset(2), "a", "2", 70}}));
  EXPECT_EQ(header_of(out_).max_timestamp.value, 70);
}

TEST_F(CompactionTest, AControlBatchGoesAtItsHorizon) {
  const StoredBatch batch = batch_of(Offset(0), {{"marker", "1"}}, {.attributes = kControlBit});
  know(batch);
  EXPECT_EQ(keys_.size(), 0U) << "its key is none of the log's";
  EXPECT_TRUE(compact(batch).kept);
  const StoredBatch first(out_.begin(), out_.end());
  EXPECT_TRUE(header_of(first).has_delete_horizon());
  EXPECT_TRUE(compact(first, false, kCleanedAt + kDeleteRetentionMs - 1).kept);
  EXPECT_FALSE(compact(first, false, kCleanedAt + kDeleteRetentionMs).kept);
}

TEST_F(CompactionTest, BytesThatAreNoRecordsAreAnError) {
  StoredBatch batch = batch_of(Offset(0), {{"a", "1"}, {"b", "2"}});
  know(batch_of(Offset(0), {{"a", "1"}, {"b", "2"}}));
  batch[kBatchHeaderBytes] = 0x7f;
  store_crc(batch);
  const auto made = compact_batch(batch, header_of(batch), keys_, {}, false, out_, scratch_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kCorrupt);
  EXPECT_EQ(out_.size(), 0U);
}

TEST(KeyOffsetsTest, AFullTableIsAboutWhatItHasNoted) {
  KeyOffsets keys(10 * KeyOffsets::kSlotBytes, 1000, 1);
  CompactionScratch scratch;
  std::vector<Sent> sent;
  for (int i = 0; i < 30; ++i) sent.push_back({std::to_string(i), "v"});
  const StoredBatch batch = batch_of(Offset(100), sent);
  const auto noted = note_keys(batch, header_of(batch), Offset(100), keys, scratch);
  ASSERT_TRUE(noted);
  EXPECT_FALSE(*noted);
  EXPECT_EQ(keys.size(), 9U);
  EXPECT_EQ(keys.end(), Offset(109));
  EXPECT_TRUE(keys.note(as_bytes("3"), Offset(500))) << "a key that it has";
  EXPECT_TRUE(keys.has_later(as_bytes("3"), Offset(499)));
  EXPECT_FALSE(keys.has_later(as_bytes("3"), Offset(500)));
}

// Random records, cleaned again and again with a table that is often too small: what is read
// afterwards is what the model keeps.
class CompactionModelTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CompactionModelTest, WhatStaysIsTheLatestOfEachKey) {
  std::mt19937_64 random(GetParam());
  std::vector<StoredBatch> log;
  std::map<std::int64_t, Read> all;
  Offset next;
  Offset first_dirty;
  std::int64_t now = kCleanedAt;
  CompactionScratch scratch;
  std::map<std::string, std::pair<Offset, std::int64_t>> first_cleaned;  // of tombstones
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 8; ++i) {
      std::vector<Sent> sent(1 + random() % 6);
      for (Sent& one : sent) {
        if (random() % 9 != 0) one.key = std::to_string(random() % 15);
        if (random() % 4 != 0) one.value = std::to_string(random());
        one.timestamp = now - static_cast<std::int64_t>(random() % 1000);
      }
      const Stamp stamp{.codec = static_cast<Codec>(random() % 5),
                        .append_time = random() % 5 == 0};
      log.push_back(batch_of(next, sent, stamp));
      for (const Read& read : records_in(log.back())) all[read.offset.value] = read;
      next = header_of(log.back()).next_offset();
    }
    KeyOffsets keys((2 + random() % 20) * KeyOffsets::kSlotBytes, 1000, random());
    keys.note_end(first_dirty);
    for (const StoredBatch& batch : log) {
      const BatchHeader header = header_of(batch);
      if (header.last_offset() < first_dirty) continue;
      if (!*note_keys(batch, header, first_dirty, keys, scratch)) break;
    }
    std::vector<StoredBatch> cleaned;
    for (const StoredBatch& batch : log) {
      Buffer out;
      const bool last = &batch == &log.back();
      ASSERT_TRUE(compact_batch(batch, header_of(batch), keys, {Timestamp(now), kDeleteRetentionMs},
                                last, out, scratch));
      if (!out.empty()) cleaned.emplace_back(out.begin(), out.end());
    }
    log = std::move(cleaned);
    first_dirty = keys.end();

    std::map<std::int64_t, Read> found;
    for (const StoredBatch& batch : log) {
      for (const Read& read : records_in(batch)) found[read.offset.value] = read;
    }
    for (const auto& [offset, read] : found) ASSERT_EQ(read, all.at(offset)) << "changed";
    std::map<std::string, Offset> latest;
    for (const auto& [offset, read] : all) {
      if (Offset(offset) < first_dirty && read.key) latest[*read.key] = Offset(offset);
    }
    for (const auto& [offset, read] : all) {
      const bool is_there = found.contains(offset);
      if (Offset(offset) >= first_dirty) {
        ASSERT_TRUE(is_there) << "cleaned past what was noted: " << offset;
      } else if (!read.key || latest.at(*read.key) != Offset(offset)) {
        ASSERT_FALSE(is_there) << "superseded: " << offset;
      } else if (read.value) {
        ASSERT_TRUE(is_there) << "the newest value is lost: " << offset;
      } else {
        const auto [at, fresh] = first_cleaned.try_emplace(*read.key, Offset(offset), now);
        if (!fresh && at->second.first != Offset(offset)) at->second = {Offset(offset), now};
        if (now < at->second.second + kDeleteRetentionMs) {
          ASSERT_TRUE(is_there) << "a tombstone before its horizon: " << offset;
        }
      }
    }
    now += static_cast<std::int64_t>(random() % 700);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompactionModelTest, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace duolog::storage

// `duolog log verify` on data directories whose files are made here, with what no server writes.
#include "tools/duolog/disk/verify.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/runtime/posix_files.h"
#include "storage/catalog.h"
#include "storage/checkpoint.h"
#include "storage/data_directory.h"
#include "storage/hash.h"
#include "storage/record_batch_builder.h"
#include "storage/segment.h"
#include "storage/segment_files.h"
#include "tools/duolog/disk/overlay_files.h"

namespace duolog::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Batch = std::vector<std::uint8_t>;
constexpr std::int64_t kRecordsOfABatch = 3;

Batch make_batch(std::int64_t base_offset, std::int32_t epoch = 1, std::size_t value_bytes = 10) {
  storage::RecordBatchBuilder builder;
  const std::vector<std::uint8_t> value(value_bytes, 'v');
  for (int i = 0; i < kRecordsOfABatch; ++i) {
    EXPECT_TRUE(builder.add({.timestamp = Timestamp(1000), .value = Bytes(value)}));
  }
  const MutableBytes bytes = builder.finish();
  storage::patch_base_offset_and_epoch(bytes, Offset(base_offset), LeaderEpoch(epoch));
  return {bytes.begin(), bytes.end()};
}

Batch operator+(Batch one, const Batch& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "verify-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    options_.data_dir = root_ + "/data";
    directory_ = options_.data_dir + "/topics/orders-0";
    const auto data = storage::DataDirectory::open(files_, options_.data_dir);
    auto catalog = storage::Catalog::open(files_, data->meta());
    storage::TopicRecord topic;
    topic.name = "orders";
    topic.id.bytes[0] = 7;
    EXPECT_TRUE(catalog->create_topic(topic));
    EXPECT_TRUE(storage::make_partition_directory(
        files_, {.topic_id = topic.id, .partition = PartitionId(0), .directory = directory_}));
  }
  ~VerifyTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const Batch& bytes) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  void segment(std::int64_t base_offset, const Batch& bytes) const {
    write(storage::segment_file_name(Offset(base_offset), ".log"), bytes);
  }
  // Its index, with the right hash, of these entries.
  void index(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& entries) const {
    Batch offsets;
    for (const auto& [offset, position] : entries) {
      offsets.resize(offsets.size() + 8);
      store_be<std::uint32_t>(offsets.data() + offsets.size() - 8, offset);
      store_be<std::uint32_t>(offsets.data() + offsets.size() - 4, position);
    }
    Batch hash(24);
    std::copy_n("DLOGIX1", 7, hash.begin());
    store_le<std::uint64_t>(hash.data() + 8, storage::xxh3(offsets));
    store_le<std::uint64_t>(hash.data() + 16, storage::xxh3({}));
    write(storage::segment_file_name(Offset(0), ".index"), offsets);
    write(storage::segment_file_name(Offset(0), ".timeindex"), {});
    write(storage::segment_file_name(Offset(0), ".indexhash"), hash);
  }
  void checkpoint(std::uint64_t position, std::int64_t next_offset, std::int64_t floor) {
    EXPECT_TRUE(storage::write_checkpoint(files_, directory_,
                                          {.segment = Offset(0),
                                           .position = position,
                                           .next_offset = Offset(next_offset),
                                           .floor = Offset(floor)}));
  }
  VerifyReport check() {
    auto report = verify(options_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : VerifyReport{};
  }
  Finding only_finding() {
    const VerifyReport report = check();
    EXPECT_THAT(report.findings, SizeIs(1));
    for (const Finding& finding : report.findings) SCOPED_TRACE(to_line(finding));
    return report.findings.empty() ? Finding{} : report.findings.front();
  }

  runtime::PosixFiles files_;
  std::string root_;
  std::string directory_;
  VerifyOptions options_;
};

TEST_F(VerifyTest, FindsNothingInAWellLog) {
  const Batch first = make_batch(0);
  segment(0, first + make_batch(3));
  segment(6, make_batch(6, 2));
  index({{3, static_cast<std::uint32_t>(first.size())}});
  checkpoint(first.size(), 3, 9);
  const VerifyReport report = check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.counts.records, 9U);
  EXPECT_EQ(report.counts.segments, 2U);
}

TEST_F(VerifyTest, RecordsThatAreNotThoseOfTheHeaderAreFoundThoughTheCrcIsRight) {
  Batch batch = make_batch(0);
  store_be<std::int32_t>(batch.data() + storage::batch_at::kRecordCount, 2);
  storage::store_crc(batch);
  segment(0, batch + make_batch(3));
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, "records");
  EXPECT_EQ(found.offset, 0);
  EXPECT_EQ(found.last_offset, 2);
}

TEST_F(VerifyTest, RecordsThatCannotBeInflatedAreFoundThoughTheCrcIsRight) {
  Batch batch = make_batch(0);
  batch[storage::batch_at::kAttributes + 1] = static_cast<std::uint8_t>(storage::Codec::kZstd);
  storage::store_crc(batch);
  segment(0, batch);
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, "records");
  EXPECT_THAT(found.what, HasSubstr("inflated"));
}

TEST_F(VerifyTest, WhatIsBehindTheFloorAndTornIsCountedAndNoDamage) {
  const Batch whole = make_batch(0);
  Batch torn = make_batch(3);
  torn.resize(torn.size() - 5);
  const std::size_t torn_bytes = torn.size();
  torn.resize(torn.size() + 4096);  // allocated ahead
  segment(0, whole + torn);
  checkpoint(0, 0, 3);
  const VerifyReport report = check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.counts.unacked_bytes, torn_bytes);
}

TEST_F(VerifyTest, WhatIsBelowTheFloorAndTornIsDamage) {
  const Batch whole = make_batch(0);
  Batch torn = make_batch(3);
  torn.resize(torn.size() - 5);
  segment(0, whole + torn);
  checkpoint(0, 0, 6);
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, "batch");
  EXPECT_EQ(found.offset, 3);
  EXPECT_EQ(found.last_offset, 5);
  EXPECT_EQ(found.position, static_cast<std::int64_t>(whole.size()));
}

TEST_F(VerifyTest, AGapBetweenSegmentsIsDamage) {
  segment(0, make_batch(0));
  segment(6, make_batch(6));
  const Finding found = only_finding();
  EXPECT_EQ(found.kind, "segment");
  EXPECT_EQ(found.offset, 3);
  EXPECT_EQ(found.last_offset, 5);
}

TEST_F(VerifyTest, ASegmentThatWasMadeForWhatNeverBecameDurableIsNoDamage) {
  segment(0, make_batch(0));
  segment(6, Batch(8192));
  EXPECT_THAT(check().findings, IsEmpty());
}

TEST_F(VerifyTest, RecordsThatWereFlushedHaveTheirSegments) {
  checkpoint(0, 0, 3);
  Finding found = only_finding();
  EXPECT_EQ(found.kind, "segment");
  EXPECT_EQ(found.last_offset, 2);
  segment(3, make_batch(3));
  checkpoint(0, 0, 6);
  found = only_finding();
  EXPECT_EQ(found.offset, 0);
  EXPECT_EQ(found.last_offset, 2);
}

TEST_F(VerifyTest, ACheckpointThatNamesNoBatchIsFound) {
  segment(0, make_batch(0) + make_batch(3));
  checkpoint(7, 3, 6);
  EXPECT_EQ(only_finding().kind, "checkpoint");
}

TEST_F(VerifyTest, AnIndexThatLeadsElsewhereIsFoundThoughItsHashIsRight) {
  const Batch first = make_batch(0);
  segment(0, first + make_batch(3));
  segment(6, make_batch(6));
  index({{3, static_cast<std::uint32_t>(first.size() + 1)}});
  EXPECT_EQ(only_finding().kind, "index");
  index({{2, static_cast<std::uint32_t>(first.size())}});
  EXPECT_EQ(only_finding().kind, "index");
}

TEST_F(VerifyTest, BatchesWithinRecordsAreNotTakenForThoseThatFollowDamage) {
  // A client may send anything as a value: here, what looks like a batch of later offsets.
  const Batch inner = make_batch(4);
  storage::RecordBatchBuilder builder;
  ASSERT_TRUE(builder.add({.value = Bytes(inner)}));
  const MutableBytes bytes = builder.finish();
  storage::patch_base_offset_and_epoch(bytes, Offset(0), LeaderEpoch(1));
  Batch outer(bytes.begin(), bytes.end());
  outer.back() ^= 1;
  segment(0, outer + make_batch(1));
  checkpoint(0, 0, 4);
  const Finding found = only_finding();
  EXPECT_EQ(found.offset, 0);
  EXPECT_EQ(found.last_offset, 0);
}

TEST_F(VerifyTest, WhatReadersWriteStaysInMemory) {
  segment(0, make_batch(0));
  const std::string path = directory_ + "/" + storage::segment_file_name(Offset(0), ".log");
  OverlayFiles overlay;
  const auto file = overlay.open(path, storage::OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  const std::vector<std::uint8_t> written(20, 9);
  ASSERT_TRUE(overlay.write(*file, 5, written));
  std::vector<std::uint8_t> read(30);
  ASSERT_TRUE(overlay.read(*file, 0, read));
  EXPECT_EQ(std::vector(read.begin() + 5, read.begin() + 25), written);
  EXPECT_NE(read[25], 9);
  const std::uint64_t end = *overlay.size(*file);
  ASSERT_TRUE(overlay.write(*file, end + 10, written));
  EXPECT_EQ(*overlay.size(*file), end + 30);
  EXPECT_EQ(*overlay.read(*file, end + 5, read), 25U);
  EXPECT_EQ(read[4], 0);
  EXPECT_EQ(std::vector(read.begin() + 5, read.begin() + 25), written);
  EXPECT_TRUE(overlay.remove(path));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(overlay.truncate(*file, 0));
  EXPECT_FALSE(overlay.rename(path, path + "2"));
  EXPECT_FALSE(overlay.open(path + "2", storage::OpenMode::kCreate));
  overlay.close(*file);
  EXPECT_THAT(check().findings, IsEmpty());
}

}  // namespace
}  // namespace duolog::tools

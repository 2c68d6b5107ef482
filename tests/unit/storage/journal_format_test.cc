#include "storage/journal_format.h"

#include <vector>

#include <gtest/gtest.h>

#include "storage/checkpoint.h"
#include "tests/sim/sim_files.h"

namespace duolog::storage {
namespace {

std::vector<std::uint8_t> make_group() {
  JournalEntry redo;
  redo.topic_id = Uuid{{1, 2, 3}};
  redo.partition = PartitionId(7);
  redo.segment = Offset(1234);
  redo.position = 5678;
  redo.size_bytes = 5;
  redo.whole = 5680;
  JournalEntry extent = redo;
  extent.kind = EntryKind::kExtent;
  extent.size_bytes = 1 << 20;
  extent.hash = 0x1122334455667788;
  std::vector<std::uint8_t> group(kGroupHeaderBytes + 2 * kEntryHeaderBytes + 5, 0xab);
  encode_entry_header(redo, group.data() + kGroupHeaderBytes);
  encode_entry_header(extent, group.data() + kGroupHeaderBytes + kEntryHeaderBytes + 5);
  GroupHeader header;
  header.incarnation = 3;
  header.entry_count = 2;
  header.generation = (std::uint64_t{3} << 32) + 1;
  header.sequence = 9;
  header.flushed = 8;
  header.oldest = 5;
  header.secret = 77;
  header.body_bytes = group.size() - kGroupHeaderBytes;
  header.previous_hash = 42;
  seal_group(header, group.data());
  return group;
}

TEST(JournalFormatTest, ReadsBackWhatWasWritten) {
  const auto group = make_group();
  const auto header = read_group(group);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->sequence, 9U);
  EXPECT_EQ(header->flushed, 8U);
  EXPECT_EQ(header->oldest, 5U);
  EXPECT_EQ(header->secret, 77U);
  EXPECT_EQ(header->previous_hash, 42U);
  EXPECT_EQ(header->size_in_file(), 4096U);
  EntryReader entries(*header, group);
  JournalEntry entry;
  ASSERT_TRUE(entries.next(entry).value());
  EXPECT_EQ(entry.kind, EntryKind::kRedo);
  EXPECT_EQ(entry.segment, Offset(1234));
  EXPECT_EQ(entry.bytes.size(), 5U);
  EXPECT_EQ(entry.bytes[0], 0xab);
  EXPECT_EQ(entry.whole, 5680U);
  ASSERT_TRUE(entries.next(entry).value());
  EXPECT_EQ(entry.kind, EntryKind::kExtent);
  EXPECT_EQ(entry.hash, 0x1122334455667788U);
  EXPECT_FALSE(entries.next(entry).value());
}

TEST(JournalFormatTest, RefusesAGroupWithAnyBitFlipped) {
  auto group = make_group();
  for (std::size_t bit = 0; bit < group.size() * 8; ++bit) {
    group[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(read_group(group)) << "bit " << bit;
    group[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
  }
  EXPECT_TRUE(read_group(group));
}

TEST(JournalFormatTest, RefusesAGroupCutShort) {
  const auto group = make_group();
  for (std::size_t size = 0; size < group.size(); ++size) {
    EXPECT_FALSE(read_group(Bytes(group).first(size)));
  }
}

TEST(CheckpointTest, IsDurableOnceItIsWritten) {
  sim::SimFiles files;
  ASSERT_TRUE(files.make_directory("/p"));
  ASSERT_TRUE(files.sync_directory("/"));
  ASSERT_TRUE(write_checkpoint(files, "/p", {.segment = Offset(7)}));
  files.stop();
  const auto after = files.reboot(sim::CrashPolicy::kDropAll, 1);
  const auto read = read_checkpoint(*after, "/p");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->segment, Offset(7));
}

TEST(CheckpointTest, ComesBackAsItWasAndNotAtAllWhenDamaged) {
  sim::SimFiles files;
  ASSERT_TRUE(files.make_directory("/p"));
  EXPECT_FALSE(read_checkpoint(files, "/p"));
  Checkpoint saved;
  saved.segment = Offset(100);
  saved.position = 4242;
  saved.next_offset = Offset(123);
  saved.floor = Offset(130);
  saved.max_timestamp = 77;
  saved.epochs = {{LeaderEpoch(1), Offset(0)}, {LeaderEpoch(4), Offset(110)}};
  saved.index = {{5, 4096, 66, 4}};
  ASSERT_TRUE(write_checkpoint(files, "/p", saved));
  const auto read = read_checkpoint(files, "/p");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->segment, saved.segment);
  EXPECT_EQ(read->position, saved.position);
  EXPECT_EQ(read->next_offset, saved.next_offset);
  EXPECT_EQ(read->floor, saved.floor);
  ASSERT_EQ(read->epochs.size(), 2U);
  EXPECT_EQ(read->epochs[1].start, Offset(110));
  ASSERT_EQ(read->index.size(), 1U);
  EXPECT_EQ(read->index[0].max_timestamp_offset, 4U);
  const std::size_t size = files.content("/p/checkpoint").size();
  for (std::size_t at = 0; at < size; ++at) {
    files.flip_bit("/p/checkpoint", at, at % 8);
    EXPECT_FALSE(read_checkpoint(files, "/p")) << "byte " << at;
    files.flip_bit("/p/checkpoint", at, at % 8);
  }
}

}  // namespace
}  // namespace duolog::storage

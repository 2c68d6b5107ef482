// Which memory holds which bytes of a log, while the disk and the readers use it.
#include "storage/tail_memory.h"

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "storage/segment.h"
#include "storage/segment_writer.h"
#include "storage/tail.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

// One log, with little memory, on a disk where nothing ends before it is told to.
class TailMemoryTest : public ::testing::Test {
 protected:
  TailMemoryTest() {
    EXPECT_TRUE(files_.make_directory("/logs"));
    writer_.make_segment(tail_, 0, 0);
    disk_.run_until_idle();
    segment_ = tail_.active();
  }
  ~TailMemoryTest() override {
    disk_.run_until_idle();
    retired_.drain();
    files_.close(segment_->file);
    delete segment_;
  }

  // Acked at once.
  void append(std::uint64_t size_bytes) {
    const std::uint64_t at = tail_.end.position - segment_->base_position;
    ASSERT_TRUE(memory_.ensure(tail_, *segment_, at, size_bytes));
    std::memset(segment_->writable(at), 'v', size_bytes);
    tail_.end.position += size_bytes;
    tail_.journaled = tail_.durable = tail_.end.position;
  }
  void turn() {
    epochs_.online(0);
    retired_.collect();
    memory_.reclaim();
    epochs_.offline(0);
  }

  sim::SimFiles files_;
  sim::SimDisk disk_{files_, 1};
  Epochs epochs_{1};
  RetireList retired_{epochs_};
  const StoreOptions options_ = sim::small_options();
  Producers producers_{options_.producers};
  TailMemory memory_{disk_, retired_, options_.tail_budget_bytes, [](Tail&) {}, [] {}};
  SegmentWriter writer_{disk_,
                        retired_,
                        options_,
                        {.extent = [](Tail&) {},
                         .sealed = [](Tail&, Segment&) {},
                         .progress = [](Tail&) {},
                         .room = [](Tail&) {},
                         .failed = [](const Error& error) { ADD_FAILURE() << error.message; }}};
  Tail tail_{std::make_unique<Log>(LogIdentity{"t", Uuid{{1}}, PartitionId(0), "/logs/t-0"}),
             LogConfig{}, producers_};
  Segment* segment_ = nullptr;
};

TEST_F(TailMemoryTest, BlockThatTheDiskReadsIsNotUsedAgainBeforeTheWriteIsOver) {
  append(100);
  turn();
  disk_.run_until_idle();  // small blocks are made
  turn();
  ASSERT_TRUE(segment_->slot(0).small);
  std::uint8_t* block = segment_->slot(0).memory;

  writer_.write_last_block(tail_);
  append(100);
  ASSERT_FALSE(segment_->slot(0).small);
  for (int turns = 0; turns < 3; ++turns) turn();
  std::uint8_t* other = memory_.pool().take_small();
  EXPECT_NE(other, block) << "the disk still reads it";
  memory_.pool().give_small(other);

  disk_.run_until_idle();
  turn();
  EXPECT_EQ(segment_->slot(0).memory, block) << "it is free, and taken first";
}

}  // namespace
}  // namespace duolog::storage

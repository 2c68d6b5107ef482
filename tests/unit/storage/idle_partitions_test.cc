// Many partitions with a record now and then, on a shard with little memory for them.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

class IdlePartitionsTest : public ::testing::Test {
 protected:
  static constexpr int kBlocks = 512;  // 4 KiB each, in the memory that a shard has here

  ~IdlePartitionsTest() override {
    files_.stop();
    server_.reset();
  }

  void start(int topics, const LogConfig& config) {
    setup_.options.tail_budget_bytes = 2 * kMiB;
    for (int n = 0; n < topics; ++n) add_topic(n, config);
    open();
  }
  void add_topic(int n, const LogConfig& config) {
    Uuid id;
    store_le<std::int32_t>(id.bytes.data(), n + 1);
    catalog_.topics[name(n)] = {id, config, false, {}};
  }
  void open() {
    auto started = sim::SimServer::start(files_, catalog_, 1, setup_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  static std::string name(int n) { return "t" + std::to_string(n); }
  const ChunkPool& pool() { return server_->store().memory().pool(); }

  void append(int n) {
    const std::vector<std::uint8_t> value(100, 'v');
    RecordBatchBuilder builder(1 << 10);
    ASSERT_TRUE(builder.add({Timestamp(1), std::nullopt, Bytes(value), {}}));
    const Bytes batch = builder.finish();
    Offset base;
    for (int turns = 0; turns < 3000; ++turns) {
      const auto outcome = server_->store().append(server_->log(name(n)), batch, 1, Timestamp(1),
                                                   Timestamp(server_->now_ms()), base);
      if (outcome == LogStore::Append::kDone) return;
      ASSERT_EQ(outcome, LogStore::Append::kWait) << server_->store().last_error().message;
      server_->turn();
    }
    FAIL() << "an append to " << name(n) << " waits for ever";
  }

  sim::SimFiles files_;
  sim::SimCatalog catalog_;
  sim::SimServer::Setup setup_;
  std::unique_ptr<sim::SimServer> server_;
};

TEST_F(IdlePartitionsTest, SegmentsThatAreSealedByAgeKeepNoMemory) {
  constexpr int kTopics = 40;
  constexpr int kRolls = 16;
  static_assert(kTopics * kRolls > kBlocks);
  start(kTopics, {.segment_ms = 1000, .retention_ms = -1});
  for (int roll = 0; roll < kRolls && !HasFatalFailure(); ++roll) {
    for (int n = 0; n < kTopics && !HasFatalFailure(); ++n) {
      append(n);
      server_->settle();
    }
    server_->advance_clock(2000);
    server_->store().tick(Timestamp(server_->now_ms()));
    server_->settle();
  }
  EXPECT_EQ(pool().small_bytes(), 2 * kMiB) << "a block each is enough";
}

TEST_F(IdlePartitionsTest, MoreThanTheMemoryHasBlocksStopNobody) {
  constexpr int kTopics = kBlocks + 100;
  start(kTopics, {});
  for (int n = 0; n < kTopics && !HasFatalFailure(); ++n) append(n);
  for (int n = 0; n < kTopics && !HasFatalFailure(); n += 50) append(n);
  server_->settle();

  // Nor do they stop a start: as many may come from several shards to one.
  server_->stop();
  server_.reset();
  open();
  for (int n = 0; n < kTopics && !HasFatalFailure(); n += 50) append(n);
}

TEST_F(IdlePartitionsTest, DeletedOnesLeaveTheirBlocksToOthers) {
  constexpr int kTopics = 400;
  start(0, {});
  for (int first = 0; first < 4 * kTopics && !HasFatalFailure(); first += kTopics) {
    for (int n = first; n < first + kTopics && !HasFatalFailure(); ++n) {
      add_topic(n, {});
      append(n);
    }
    server_->settle();
    for (int n = first; n < first + kTopics; ++n) server_->remove(name(n));
    server_->settle();
    EXPECT_EQ(pool().free_small_bytes(), pool().small_bytes());
  }
  EXPECT_EQ(pool().small_bytes(), 2 * kMiB);
}

}  // namespace
}  // namespace duolog::storage

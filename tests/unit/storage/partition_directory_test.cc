// A topic is deleted and made again under its name, and the disk does not do all it is asked to.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/uuid.h"
#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "storage/segment_files.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

using sim::SimFiles;

class PartitionDirectoryTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kOldValueBytes = 5000;
  static constexpr std::size_t kValueBytes = 3000;

  PartitionDirectoryTest() {
    catalog_.topics["t"] = {old_id_, config_, false, {}};
    start();
  }
  ~PartitionDirectoryTest() override {
    files_->stop();
    server_.reset();
  }

  void start() {
    auto started = sim::SimServer::start(*files_, catalog_, 1, {});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  void kill() {
    files_->stop();
    server_.reset();
    files_ = files_->reboot(sim::CrashPolicy::kKill, 1);
  }
  void fail_all(SimFiles::Fault fault, const std::string& path) {
    for (int i = 0; i < 1000; ++i) files_->fail_next(fault, path);
  }

  LogStore::Append try_append(std::size_t value_bytes) {
    const std::vector<std::uint8_t> value(value_bytes, 'v');
    RecordBatchBuilder builder(1U << 20);
    EXPECT_TRUE(builder.add({Timestamp(1), std::nullopt, Bytes(value), {}}));
    Offset base;
    return server_->store().append(server_->log("t"), builder.finish(), 1, Timestamp(1),
                                   Timestamp(server_->now_ms()), base);
  }
  void append(int batches, std::size_t value_bytes) {
    while (batches > 0) {
      const auto outcome = try_append(value_bytes);
      ASSERT_NE(outcome, LogStore::Append::kFailed) << server_->store().last_error().message;
      if (outcome == LogStore::Append::kDone) --batches;
      server_->turn();
    }
    server_->settle();
  }
  void make_again() {
    server_->remove("t");
    server_->settle();
    catalog_.deleted[old_id_] = "t";
    catalog_.topics["t"] = {new_id_, config_, false, {}};
  }
  // The log holds these many records, all of them the new topic's.
  void expect_records(std::int64_t count) {
    const Log& log = server_->log("t");
    EXPECT_EQ(log.start_offset().value, 0);
    ASSERT_EQ(log.high_watermark().offset.value, count);
    EXPECT_EQ(log.high_watermark().position - kFirstPosition,
              static_cast<std::uint64_t>(count) * batch_bytes_);
  }
  void append_and_find_again() {
    append(10, kValueBytes);
    batch_bytes_ = (server_->log("t").high_watermark().position - kFirstPosition) / 10;
    ASSERT_LT(batch_bytes_, kOldValueBytes);
    expect_records(10);
    kill();
    start();
    if (HasFatalFailure()) return;
    expect_records(10);
  }

  const Uuid old_id_{{1}};
  const Uuid new_id_{{2}};
  const LogConfig config_{.segment_bytes = 64 * kKiB};
  std::unique_ptr<SimFiles> files_ = std::make_unique<SimFiles>();
  sim::SimCatalog catalog_;
  std::unique_ptr<sim::SimServer> server_;
  std::uint64_t batch_bytes_ = 0;
};

TEST_F(PartitionDirectoryTest, DirectoryThatCannotBeMovedIsRemovedInItsPlace) {
  append(40, kOldValueBytes);
  files_->fail_next(SimFiles::Fault::kRename, "/logs/t-0");
  make_again();
  EXPECT_FALSE(files_->exists("/logs/t-0"));
  append_and_find_again();
}

TEST_F(PartitionDirectoryTest, WhatCouldNotBeRemovedIsSetAsideWhenTheNameIsUsedAgain) {
  append(40, kOldValueBytes);
  files_->fail_next(SimFiles::Fault::kRename, "/logs/t-0");
  files_->fail_next(SimFiles::Fault::kRemove, "/logs/t-0");
  make_again();
  EXPECT_TRUE(files_->exists("/logs/t-0"));
  append_and_find_again();
  // It may be another's that was misplaced, whom nobody has told to go.
  EXPECT_TRUE(files_->exists(set_aside("/logs/t-0", old_id_) + "/partition.metadata"));
}

TEST_F(PartitionDirectoryTest, NothingIsAppendedToTheDirectoryOfAnotherTopic) {
  append(40, kOldValueBytes);
  fail_all(SimFiles::Fault::kRename, "/logs/t-0");
  fail_all(SimFiles::Fault::kRemove, "/logs/t-0");
  make_again();
  auto outcome = LogStore::Append::kWait;
  for (int turns = 0; turns < 100 && outcome == LogStore::Append::kWait; ++turns) {
    outcome = try_append(kValueBytes);
    server_->turn();
  }
  EXPECT_EQ(outcome, LogStore::Append::kFailed);
  EXPECT_FALSE(server_->failure());

  // A start that cannot remove it either does not take its records for the new topic's.
  kill();
  files_->fail_next(SimFiles::Fault::kRename, "/logs/t-0");
  files_->fail_next(SimFiles::Fault::kRemove, "/logs/t-0");
  start();
  if (HasFatalFailure()) return;
  expect_records(0);
  append_and_find_again();
}

TEST_F(PartitionDirectoryTest, FilesOfATopicThatNobodyKnowsEndTheStart) {
  append(1, kOldValueBytes);
  kill();
  catalog_.topics["t"].id = new_id_;
  const auto started = sim::SimServer::start(*files_, catalog_, 1, {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::kCorrupt);
  EXPECT_NE(started.error().message.find(to_text(old_id_)), std::string::npos);
  EXPECT_NE(started.error().message.find("/logs/t-0"), std::string::npos);
  EXPECT_TRUE(files_->exists("/logs/t-0/partition.metadata"));
}

TEST_F(PartitionDirectoryTest, FlushThatFailsWhileADirectoryIsMovedFencesTheStore) {
  append(1, kOldValueBytes);
  files_->fail_next(SimFiles::Fault::kSync, "/deleted");
  server_->remove("t");
  server_->settle();
  EXPECT_TRUE(server_->failure());
}

}  // namespace
}  // namespace duolog::storage

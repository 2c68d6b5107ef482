// Batches that take much of the memory for new records, or more than there can be.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

using Append = LogStore::Append;

class LargeBatchTest : public ::testing::Test {
 protected:
  LargeBatchTest() {
    setup_.options.tail_budget_bytes = 16 * kMiB;
    catalog_.topics["t1"] = {Uuid{{1}}, LogConfig{}, false, {}};
    catalog_.topics["t2"] = {Uuid{{2}}, LogConfig{}, false, {}};
    auto started = sim::SimServer::start(files_, catalog_, 1, setup_);
    EXPECT_TRUE(started);
    server_ = std::move(*started);
  }
  ~LargeBatchTest() override { server_->stop(); }

  static std::vector<std::uint8_t> batch_of(std::size_t bytes) {
    const std::vector<std::uint8_t> value(bytes - 100, 'v');
    RecordBatchBuilder builder(256U << 20);
    EXPECT_TRUE(builder.add({Timestamp(1), std::nullopt, Bytes(value), {}}));
    const Bytes batch = builder.finish();
    return {batch.begin(), batch.end()};
  }
  // kWait: it still waits when the server has nothing to do any more.
  Append append(const std::string& topic, const std::vector<std::uint8_t>& batch) {
    Append outcome = Append::kWait;
    Offset offset;
    for (int turns = 0; turns < 2000 && outcome == Append::kWait; ++turns) {
      outcome = server_->store().append(server_->log(topic), batch, 1, Timestamp(1),
                                        Timestamp(server_->now_ms()), offset);
      if (outcome == Append::kWait) server_->turn();
    }
    return outcome;
  }

  sim::SimFiles files_;
  sim::SimCatalog catalog_;
  sim::SimServer::Setup setup_;
  std::unique_ptr<sim::SimServer> server_;
};

TEST_F(LargeBatchTest, OneThatCanNeverFitIsRefusedAndTheLogGoesOn) {
  for (const std::size_t bytes : {9 * kMiB, 20 * kMiB, 130 * kMiB}) {
    EXPECT_EQ(append("t1", batch_of(bytes)), Append::kFailed) << bytes;
    EXPECT_EQ(server_->store().last_error().code, Errc::kTooLarge);
    EXPECT_EQ(append("t1", batch_of(1000)), Append::kDone);
  }
}

TEST_F(LargeBatchTest, TheLargestOnesFitThoughOtherLogsHaveFilledTheMemory) {
  const auto small = batch_of(50 * kKiB);
  const auto large = batch_of(server_->store().max_batch_bytes() - 1000);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 400; ++i) ASSERT_EQ(append("t1", small), Append::kDone) << i;
    ASSERT_EQ(append("t2", large), Append::kDone) << round;
  }
}

}  // namespace
}  // namespace duolog::storage

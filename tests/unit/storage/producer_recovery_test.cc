// What a log knows of its producers, over crashes, stops, rolls and a moving start.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/checkpoint.h"
#include "storage/record_batch_builder.h"
#include "tests/sim/sim_server.h"

namespace duolog::storage {
namespace {

using Append = LogStore::Append;
constexpr std::int64_t kBegin = 1'700'000'000'000;  // as the simulated server's clock begins

struct Producer {
  std::int64_t id;
  std::int16_t epoch = 0;
};

class ProducerRecoveryTest : public ::testing::Test {
 protected:
  ProducerRecoveryTest() {
    catalog_.topics["t"] = {Uuid{{1}}, LogConfig{.segment_bytes = 1024 * kKiB}, false, {}};
    start();
  }
  ~ProducerRecoveryTest() override {
    if (server_) server_->stop();
  }

  void start() {
    auto started = sim::SimServer::start(*files_, catalog_, 1, setup_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    log_ = &server_->log("t");
  }
  void restart() {
    server_->stop();
    server_.reset();
    start();
  }
  void crash(sim::CrashPolicy policy = sim::CrashPolicy::kDropAll) {
    files_->stop();
    server_.reset();
    files_ = files_->reboot(policy, 1);
    start();
  }

  // Sends one record of that sequence; `offset_` is where it is.
  Append send_once(Producer producer, std::int32_t sequence, std::size_t bytes = 10) {
    const std::vector<std::uint8_t> value(bytes, 'v');
    RecordBatchBuilder builder(8U << 20);
    EXPECT_TRUE(builder.add({Timestamp(kBegin), std::nullopt, Bytes(value), {}}));
    const MutableBytes batch = builder.finish();
    store_be<std::int64_t>(batch.data() + batch_at::kProducerId, producer.id);
    store_be<std::int16_t>(batch.data() + batch_at::kProducerEpoch, producer.epoch);
    store_be<std::int32_t>(batch.data() + batch_at::kBaseSequence, sequence);
    store_crc(batch);
    return server_->store().append(*log_, batch, 1, Timestamp(kBegin), Timestamp(server_->now_ms()),
                                   offset_);
  }
  Append send(Producer producer, std::int32_t sequence, std::size_t bytes = 10) {
    for (;;) {
      const Append outcome = send_once(producer, sequence, bytes);
      if (outcome != Append::kWait) return outcome;
      server_->turn();
    }
  }
  void append(Producer producer, std::int32_t sequence, std::size_t bytes = 10) {
    ASSERT_EQ(send(producer, sequence, bytes), Append::kDone);
  }
  // Everything goes to the segments and a minute passes.
  void tick() {
    server_->settle();
    server_->advance_clock(60'000);
    server_->store().tick(Timestamp(server_->now_ms()));
    server_->settle();
  }
  std::size_t segments() {
    std::size_t count = 0;
    const auto entries = files_->list("/logs/t-0");
    if (!entries) return 0;
    for (const auto& entry : *entries) count += entry.name.ends_with(".log");
    return count;
  }

  std::unique_ptr<sim::SimFiles> files_ = std::make_unique<sim::SimFiles>();
  sim::SimCatalog catalog_;
  sim::SimServer::Setup setup_;
  std::unique_ptr<sim::SimServer> server_;
  Log* log_ = nullptr;
  Offset offset_{-1};
  std::int32_t next_ = 0;  // sequence
  const Producer a{100};
  const Producer b{200};
  const Producer c{300};
};

TEST_F(ProducerRecoveryTest, DuplicateHasTheFirstOffsetAndEndsWhereTheFirstCopyDoes) {
  append(a, 0);
  const Position end = log_->appended().position;
  append(a, 1);
  EXPECT_EQ(send(a, 0), Append::kDuplicate);
  EXPECT_EQ(offset_, Offset(0));
  EXPECT_EQ(server_->store().duplicate().end, end);
  EXPECT_EQ(server_->store().duplicate().timestamp, Timestamp(kBegin));
  EXPECT_GT(end, LogStore::durable(*log_)) << "it is not durable yet, and must be waited for";
  EXPECT_EQ(log_->appended().offset, Offset(2));
}

TEST_F(ProducerRecoveryTest, AppendThatFindsNoRoomLeavesTheProducerAsItWas) {
  EXPECT_EQ(send_once(a, 5), Append::kWait);  // its first segment is being made
  EXPECT_EQ(send_once(a, 9), Append::kWait);
  append(a, 5);
  files_->set_capacity(files_->used_bytes());
  server_->settle();
  std::int32_t sequence = 6;
  Append outcome = Append::kDone;
  for (; (outcome = send(a, sequence, 50 * kKiB)) == Append::kDone; ++sequence) {
  }
  ASSERT_EQ(outcome, Append::kFailed);
  EXPECT_EQ(server_->store().last_error().code, Errc::kNoSpace);
  EXPECT_EQ(send(a, sequence - 1, 50 * kKiB), Append::kDuplicate) << "a full disk is no hindrance";
  EXPECT_EQ(send(a, sequence + 1, 50 * kKiB), Append::kOutOfOrder);
  files_->set_capacity(UINT64_MAX);
  server_->advance_clock(10'000);
  append(a, sequence, 50 * kKiB);
}

TEST_F(ProducerRecoveryTest, AckedBatchesThatAreOnlyInTheJournalAreDuplicatesAfterACrash) {
  for (int i = 0; i < 7; ++i) append(a, i);
  server_->settle();
  crash();
  for (int i = 2; i < 7; ++i) {
    EXPECT_EQ(send(a, i), Append::kDuplicate) << i;
    EXPECT_EQ(offset_, Offset(i));
    EXPECT_LE(server_->store().duplicate().end, LogStore::durable(*log_));
  }
  EXPECT_EQ(send(a, 1), Append::kOutOfOrder);
  EXPECT_EQ(send(a, 8), Append::kOutOfOrder);
  append(a, 7);
}

TEST_F(ProducerRecoveryTest, BatchThatACrashTookIsAppendedWhenItIsSentAgain) {
  append(a, 0);
  server_->settle();
  append(a, 1);  // never reaches the disk
  crash();
  EXPECT_EQ(send(a, 0), Append::kDuplicate);
  append(a, 1);
  EXPECT_EQ(offset_, Offset(1));
}

TEST_F(ProducerRecoveryTest, EpochsAreKnownAfterACrash) {
  append(a, 0);
  append({a.id, 3}, 0);
  server_->settle();
  crash();
  EXPECT_EQ(send(a, 1), Append::kOldEpoch);
  EXPECT_EQ(send({a.id, 4}, 1), Append::kOutOfOrder);
  append({a.id, 4}, 0);
}

TEST_F(ProducerRecoveryTest, CleanStopLeavesACheckpointAtTheEndWithTheProducers) {
  for (int i = 0; i < 6; ++i) append(a, i);
  server_->stop();
  const auto checkpoint = read_checkpoint(*files_, "/logs/t-0");
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->next_offset, Offset(6));
  ASSERT_EQ(checkpoint->producers.size(), 1U);
  EXPECT_EQ(checkpoint->producers[0].id, a.id);
  EXPECT_EQ(checkpoint->producers[0].count, kProducerWindow);
  EXPECT_EQ(checkpoint->producers[0].last_used_ms, kBegin);
  server_.reset();
  start();
  EXPECT_EQ(server_->report().walked_bytes, 0U);
  EXPECT_EQ(send(a, 1), Append::kDuplicate);
  EXPECT_EQ(offset_, Offset(1));
  append(a, 6);
}

TEST_F(ProducerRecoveryTest, CheckpointHasTheWholeWindowOfAProducerThatIsIdleSince) {
  for (int i = 0; i < 6; ++i) append(a, i);
  for (int i = 0; i < 12; ++i) {  // beyond several checkpoints
    append(b, i, 60 * kKiB);
    server_->settle();
  }
  tick();
  const auto checkpoint = read_checkpoint(*files_, "/logs/t-0");
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->segment, Offset(0));
  EXPECT_GT(checkpoint->next_offset, Offset(6));
  crash();
  EXPECT_EQ(send(a, 0), Append::kOutOfOrder);
  for (int i = 1; i < 6; ++i) EXPECT_EQ(send(a, i), Append::kDuplicate) << i;
  for (int i = 7; i < 12; ++i) EXPECT_EQ(send(b, i, 60 * kKiB), Append::kDuplicate) << i;
}

TEST_F(ProducerRecoveryTest, DamagedCheckpointCostsAWalkAndNoProducer) {
  for (int i = 0; i < 3; ++i) append(a, i);
  server_->stop();
  server_.reset();
  files_->flip_bit("/logs/t-0/checkpoint", 100, 1);
  start();
  EXPECT_GT(server_->report().walked_bytes, 0U);
  EXPECT_EQ(send(a, 0), Append::kDuplicate);
  append(a, 3);
}

TEST_F(ProducerRecoveryTest, ProducersOfSegmentsThatAreGoneAreKnownAfterACrash) {
  for (int i = 0; i < 3; ++i) append(a, i);
  for (int i = 0; i < 40; ++i) append(b, i, 60 * kKiB);
  server_->settle();
  server_->move_start("t", log_->high_watermark().offset);
  tick();
  tick();
  ASSERT_EQ(segments(), 1U);
  EXPECT_EQ(send(a, 2), Append::kDuplicate) << "while it runs";
  crash();
  EXPECT_EQ(send(a, 2), Append::kDuplicate);
  EXPECT_EQ(offset_, Offset(2));
  EXPECT_EQ(send(a, 5), Append::kOutOfOrder);
  restart();
  append(a, 3);
}

TEST_F(ProducerRecoveryTest, StartThatHasMovedJustBeforeACrashForgetsNoProducer) {
  append(c, 0);
  for (int i = 0; i < 3; ++i) append(a, i);
  for (int i = 0; i < 40; ++i) append(b, i, 60 * kKiB);
  server_->settle();
  files_->remove("/logs/t-0/checkpoint").value();
  server_->move_start("t", log_->high_watermark().offset);
  crash(sim::CrashPolicy::kKeepAll);
  EXPECT_EQ(send(a, 2), Append::kDuplicate);
  EXPECT_EQ(send(b, 39), Append::kDuplicate);
  append(a, 3);
  tick();
  tick();
  EXPECT_EQ(segments(), 1U) << "what recovery had to walk goes later";
  crash(sim::CrashPolicy::kKill);
  EXPECT_EQ(send(c, 0), Append::kDuplicate) << "recovery made a checkpoint of its own";
}

// A full disk may have taken no checkpoint, and segments gone all the same.
TEST_F(ProducerRecoveryTest, WhatIsKnownFromBeforeAGapInTheLogIsForgotten) {
  append(a, 0);
  for (int i = 0; i < 12; ++i) {
    append(b, i, 60 * kKiB);
    server_->settle();
  }
  tick();
  const auto early = read_checkpoint(*files_, "/logs/t-0");
  ASSERT_TRUE(early);
  std::int32_t sequence = 12;
  const auto to_next_segment = [&] {
    for (const std::size_t now = segments(); segments() == now; ++sequence) {
      append(b, sequence, 60 * kKiB);
    }
  };
  to_next_segment();
  append(a, 1);
  to_next_segment();
  append(c, 0);
  server_->stop();
  server_.reset();
  std::vector<std::int64_t> bases;
  const auto entries = files_->list("/logs/t-0");
  for (const auto& entry : *entries) {
    if (entry.name.ends_with(".log")) bases.push_back(std::stoll(entry.name));
  }
  ASSERT_EQ(bases.size(), 3U);
  ASSERT_TRUE(files_->remove("/logs/t-0/" + segment_file_name(Offset(bases[1]), ".log")));
  ASSERT_TRUE(write_checkpoint(*files_, "/logs/t-0", *early));
  catalog_.topics["t"].start = Offset(bases[2]);
  start();
  EXPECT_EQ(send(c, 0), Append::kDuplicate);
  append(a, 2);
  tick();
  EXPECT_EQ(segments(), 1U);
}

TEST_F(ProducerRecoveryTest, NoSegmentGoesBeforeACheckpointCoversIt) {
  append(a, 0);
  std::int32_t sequence = 0;
  bool gone = false;
  // The disk is kept busy, so that the checkpoint has to wait for its turn.
  for (int turns = 0; turns < 3000 && !gone; ++turns) {
    if (send_once(b, sequence, 100 * kKiB) == Append::kDone) ++sequence;
    server_->turn();
    server_->move_start("t", log_->high_watermark().offset);
    server_->store().tick(Timestamp(server_->now_ms()));
    gone = !files_->exists("/logs/t-0/" + segment_file_name(Offset(0), ".log"));
  }
  ASSERT_TRUE(gone);
  const auto checkpoint = read_checkpoint(*files_, "/logs/t-0");
  ASSERT_TRUE(checkpoint);
  EXPECT_GT(checkpoint->segment, Offset(0));
  crash();
  EXPECT_EQ(send(a, 0), Append::kDuplicate);
}

TEST_F(ProducerRecoveryTest, NewSegmentOfALogWithoutProducersCostsNoCheckpoint) {
  setup_.options.checkpoint_bytes = 64 * kMiB;
  restart();
  const auto to_next_segment = [&](std::int64_t id) {
    for (const std::size_t before = segments(); segments() == before;) {
      const auto outcome =
          send({id, id < 0 ? std::int16_t{-1} : std::int16_t{0}}, id < 0 ? -1 : next_++, 60 * kKiB);
      ASSERT_EQ(outcome, Append::kDone);
    }
    server_->settle();
  };
  to_next_segment(kNoProducerId);
  to_next_segment(kNoProducerId);
  tick();
  EXPECT_FALSE(files_->exists("/logs/t-0/checkpoint"));
  server_->move_start("t", log_->high_watermark().offset);
  tick();
  tick();
  EXPECT_EQ(segments(), 1U) << "there is nothing that a checkpoint has to keep";
  to_next_segment(a.id);
  tick();
  EXPECT_TRUE(files_->exists("/logs/t-0/checkpoint"));
}

TEST_F(ProducerRecoveryTest, IdleProducerExpiresAlsoWhenItWasRecovered) {
  append(a, 0);
  server_->advance_clock(1000);
  restart();
  server_->store().tick(Timestamp(kBegin + 86'399'999));
  EXPECT_EQ(server_->store().producers().count(), 1U);
  server_->store().tick(Timestamp(kBegin + 86'400'000));
  EXPECT_EQ(server_->store().producers().count(), 0U);
  append(a, 77);
}

TEST_F(ProducerRecoveryTest, ProducersOfADeletedLogAreForgottenAtOnce) {
  append(a, 0);
  server_->settle();
  EXPECT_EQ(server_->store().producers().count(), 1U);
  server_->remove("t");
  EXPECT_EQ(server_->store().producers().count(), 0U);
  server_->settle();
}

TEST_F(ProducerRecoveryTest, BatchesWithoutAProducerAreNeverDuplicates) {
  for (int i = 0; i < 2; ++i) append({kNoProducerId, -1}, -1);
  EXPECT_EQ(log_->appended().offset, Offset(2));
  EXPECT_EQ(server_->store().producers().count(), 0U);
}

}  // namespace
}  // namespace duolog::storage

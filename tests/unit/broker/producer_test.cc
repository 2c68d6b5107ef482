// Producer ids, and what becomes of a producer's batches, whichever shard they come from.
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/catalog.h"
#include "storage/record_batch_builder.h"
#include "tests/unit/broker/test_cluster.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;

std::vector<std::uint8_t> batch_of(std::int32_t sequence, std::int16_t epoch = 0) {
  storage::RecordBatchBuilder builder(1 << 20);
  EXPECT_TRUE(builder.add({.timestamp = Timestamp(1000), .value = as_bytes("value")}));
  const auto batch = builder.finish();
  store_be<std::int64_t>(batch.data() + storage::batch_at::kProducerId, 9);
  store_be<std::int16_t>(batch.data() + storage::batch_at::kProducerEpoch, epoch);
  store_be<std::int32_t>(batch.data() + storage::batch_at::kBaseSequence, sequence);
  storage::store_crc(batch);
  return {batch.begin(), batch.end()};
}

// Appends, one after the other and without waiting, and their answers.
class Appends {
 public:
  Appends(TestCluster& cluster, std::size_t shard, Partition& partition)
      : cluster_(cluster), shard_(shard), partition_(partition) {}

  // The request is there until the end.
  AppendRequest& add(std::int32_t sequence, Acks acks = Acks::kAll, std::int16_t epoch = 0) {
    auto& one = *all_.emplace_back(std::make_unique<One>());
    one.batch = batch_of(sequence, epoch);
    one.request.partition = &partition_;
    one.request.batch = one.batch;
    one.request.records = 1;
    one.request.max_timestamp = Timestamp(1000);
    one.request.acks = acks;
    one.request.context = &one.answered;
    one.request.done = [](AppendRequest& request) {
      static_cast<std::promise<void>*>(request.context)->set_value();
    };
    return one.request;
  }
  void send() {
    (void)cluster_.on(shard_, [this](Broker& broker) {
      for (; sent_ < all_.size(); ++sent_) (void)broker.append(all_[sent_]->request);
      return 0;
    });
    for (; answered_ < sent_; ++answered_) all_[answered_]->answered.get_future().get();
  }
  // On the owner's shard: sends all in one turn, and says which of them were answered in it.
  std::vector<bool> answered_at_once() {
    return cluster_.on(shard_, [this](Broker& broker) {
      std::vector<bool> at_once;
      for (; sent_ < all_.size(); ++sent_) {
        (void)broker.append(all_[sent_]->request);
        futures_.push_back(all_[sent_]->answered.get_future());
        at_once.push_back(futures_.back().wait_for(std::chrono::seconds(0)) ==
                          std::future_status::ready);
      }
      answered_ = sent_;
      return at_once;
    });
  }
  void wait() {
    for (auto& future : futures_) future.get();
  }

 private:
  struct One {
    std::vector<std::uint8_t> batch;
    AppendRequest request;
    std::promise<void> answered;
  };
  TestCluster& cluster_;
  std::size_t shard_;
  Partition& partition_;
  std::vector<std::unique_ptr<One>> all_;
  std::vector<std::future<void>> futures_;
  std::size_t sent_ = 0;
  std::size_t answered_ = 0;
};

std::vector<std::int64_t> take_ids(TestCluster& cluster, std::size_t shard, std::size_t count) {
  std::vector<std::int64_t> ids;
  std::promise<void> all;
  Broker& broker = cluster.broker(shard);
  // Once the last one is there this function's own variables may be gone.
  broker.shard().runtime().run_on(broker.shard().id(), [&, count](runtime::Shard&) {
    Broker& here = broker;
    for (std::size_t i = 0; i < count; ++i) {
      here.take_producer_id([&ids, &all, count](Result<std::int64_t> id) {
        EXPECT_TRUE(id);
        ids.push_back(*id);
        if (ids.size() == count) all.set_value();
      });
    }
  });
  all.get_future().get();
  return ids;
}

class ProducerTest : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, ProducerTest, testing::Values(1, 3));

TEST_P(ProducerTest, IdsAreGivenOutOnceOverShardsBlocksAndRestarts) {
  TestCluster cluster(GetParam());
  std::set<std::int64_t> seen;
  for (int run = 0; run < 3; ++run) {
    for (std::size_t shard = 0; shard < GetParam(); ++shard) {
      // More than two blocks wait at once.
      for (const std::int64_t id : take_ids(cluster, shard, 2 * storage::kProducerIdBlock + 5)) {
        EXPECT_GE(id, 0);
        EXPECT_TRUE(seen.insert(id).second) << id << " was given out twice";
      }
      EXPECT_TRUE(seen.insert(take_ids(cluster, shard, 1)[0]).second);
    }
    cluster.restart();
  }
}

TEST_P(ProducerTest, BatchesThatWaitForTheirFirstSegmentAreJudgedInTheirOrder) {
  TestCluster cluster(GetParam());
  for (Partition* partition : cluster.create({.name = "t", .partitions = 3}).topic->partitions) {
    Appends appends(cluster, 0, *partition);
    const AppendRequest& first = appends.add(4);
    const AppendRequest& second = appends.add(5);
    const AppendRequest& again = appends.add(4);
    const AppendRequest& gap = appends.add(7);
    const AppendRequest& third = appends.add(6, Acks::kLeader);
    const AppendRequest& bumped = appends.add(0, Acks::kAll, 2);
    const AppendRequest& old = appends.add(7, Acks::kAll, 1);
    const AppendRequest& unnumbered = appends.add(5, Acks::kAll, 3);
    appends.send();
    EXPECT_EQ(first.error, ErrorCode::kNone);
    EXPECT_EQ(first.base_offset, Offset(0));
    EXPECT_EQ(first.first_timestamp, Timestamp(-1));
    EXPECT_EQ(second.base_offset, Offset(1));
    EXPECT_EQ(again.error, ErrorCode::kNone);
    EXPECT_EQ(again.base_offset, Offset(0));
    EXPECT_EQ(again.log_start, Offset(0));
    EXPECT_EQ(again.first_timestamp, Timestamp(1000));
    EXPECT_EQ(gap.error, ErrorCode::kOutOfOrderSequenceNumber);
    EXPECT_EQ(third.base_offset, Offset(2));
    EXPECT_EQ(bumped.base_offset, Offset(3));
    EXPECT_EQ(old.error, ErrorCode::kInvalidProducerEpoch);
    EXPECT_EQ(unnumbered.error, ErrorCode::kOutOfOrderSequenceNumber);
    EXPECT_EQ(partition->log->appended().offset, Offset(4));
  }
}

TEST(ProducerAckTest, DuplicateIsAnsweredOnceItsFirstCopyIsAsDurableAsAsked) {
  TestCluster cluster(1);
  Partition& partition = *cluster.create({.name = "t"}).topic->partitions[0];
  Appends appends(cluster, 0, partition);
  appends.add(0);
  appends.send();
  appends.add(1, Acks::kLeader);
  appends.add(1, Acks::kAll);
  appends.add(1, Acks::kLeader);
  appends.add(1, Acks::kNone);
  appends.add(0, Acks::kAll);  // durable for long
  EXPECT_EQ(appends.answered_at_once(), (std::vector<bool>{false, false, false, true, true}));
  appends.wait();
  EXPECT_EQ(partition.log->appended().offset, Offset(2));
}

TEST(ProducerAckTest, WhatIsVisibleAsAppendedIsAnsweredAtOnceUnlessTheDiskIsAskedFor) {
  TestCluster cluster(1);
  Partition& partition =
      *cluster.create({.name = "t", .configs = {{"duolog.visibility", "appended"}}})
           .topic->partitions[0];
  Appends appends(cluster, 0, partition);
  appends.add(0);
  appends.send();  // with its first segment
  appends.add(1, Acks::kAll);
  appends.add(2, Acks::kLeader);
  appends.add(3, Acks::kDurable);
  EXPECT_EQ(appends.answered_at_once(), (std::vector<bool>{true, true, false}));
  appends.wait();
}

TEST_P(ProducerTest, ProducersAreKnownAfterARestartAndForgottenWithTheirTopic) {
  TestCluster cluster(GetParam());
  Topic* topic = cluster.create({.name = "t"}).topic;
  {
    Appends appends(cluster, 0, *topic->partitions[0]);
    for (int i = 0; i < 7; ++i) appends.add(i);
    appends.send();
  }
  cluster.restart();
  topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
  {
    Appends appends(cluster, GetParam() - 1, *topic->partitions[0]);
    const AppendRequest& duplicate = appends.add(2);
    const AppendRequest& beyond = appends.add(1);
    const AppendRequest& next = appends.add(7);
    appends.send();
    EXPECT_EQ(duplicate.error, ErrorCode::kNone);
    EXPECT_EQ(duplicate.base_offset, Offset(2));
    EXPECT_EQ(beyond.error, ErrorCode::kOutOfOrderSequenceNumber);
    EXPECT_EQ(next.base_offset, Offset(7));
  }
  ASSERT_EQ(cluster.remove(topic->id).error, ErrorCode::kNone);
  topic = cluster.create({.name = "t"}).topic;
  Appends appends(cluster, 0, *topic->partitions[0]);
  const AppendRequest& fresh = appends.add(7);
  appends.send();
  EXPECT_EQ(fresh.error, ErrorCode::kNone);
  EXPECT_EQ(fresh.base_offset, Offset(0));
}

}  // namespace
}  // namespace duolog::broker

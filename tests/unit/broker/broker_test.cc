#include "engine/broker/broker.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/base/uuid.h"
#include "storage/log_reader.h"
#include "storage/record_batch_builder.h"
#include "tests/unit/broker/test_cluster.h"
#include "tests/unit/broker/wall_clock.h"

namespace duolog::broker {
namespace {

using kafka::ErrorCode;

std::vector<std::uint8_t> batch_of(const std::string& value) {
  storage::RecordBatchBuilder builder(1 << 20);
  EXPECT_TRUE(builder.add({.timestamp = Timestamp(1000), .value = as_bytes(value)}));
  const auto bytes = builder.finish();
  return {bytes.begin(), bytes.end()};
}

// Appends one batch through the broker of `shard`, and waits for the answer.
struct Answer {
  ErrorCode error;
  Offset base_offset;
};
Answer append(TestCluster& cluster, std::size_t shard, Partition& partition,
              const std::string& value, Acks acks = Acks::kAll) {
  const auto batch = batch_of(value);
  AppendRequest request;
  request.partition = &partition;
  request.batch = batch;
  request.records = 1;
  request.max_timestamp = Timestamp(1000);
  request.acks = acks;
  std::promise<void> answered;
  request.context = &answered;
  request.done = [](AppendRequest& r) { static_cast<std::promise<void>*>(r.context)->set_value(); };
  cluster.runtime().run_on(ShardId(static_cast<std::uint16_t>(shard)),
                           [&](runtime::Shard&) { (void)cluster.broker(shard).append(request); });
  answered.get_future().get();
  return {request.error, request.base_offset};
}

// The values of a partition's records from its start on, read on `shard`.
std::vector<std::string> read_all(TestCluster& cluster, std::size_t shard, Partition& partition) {
  return cluster.on(shard, [&](Broker&) {
    std::vector<std::string> values;
    Buffer scratch;
    Position at = storage::seek(*partition.log, partition.log->start_offset()).position;
    while (at < partition.log->high_watermark().position) {
      const auto batch = storage::read_batch(*partition.log, at, scratch);
      if (batch.status != storage::ReadStatus::kOk) break;
      EXPECT_TRUE(storage::for_each_record(
          batch.header, storage::records_of(batch.bytes, batch.header),
          [&](const storage::Record& record) { values.emplace_back(as_text(*record.value)); }));
      at = batch.next;
    }
    return values;
  });
}

// The file under `path` of this process is another device from now on, which cannot be flushed.
void make_unflushable(const std::string& path) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  ASSERT_GE(null, 0);
  int replaced = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.find(path) == std::string::npos) continue;
    ASSERT_GE(dup2(null, std::stoi(entry.path().filename())), 0);
    ++replaced;
  }
  close(null);
  EXPECT_EQ(replaced, 1);
}

class BrokerTest : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, BrokerTest, testing::Values(1, 3));

TEST_P(BrokerTest, AppendedRecordIsReadOnEveryShard) {
  TestCluster cluster(GetParam());
  Topic& topic = *cluster.create({.name = "t", .partitions = 4}).topic;
  for (Partition* partition : topic.partitions) {
    for (std::size_t from = 0; from < GetParam(); ++from) {
      const auto answer = append(cluster, from, *partition, "value" + std::to_string(from));
      EXPECT_EQ(answer.error, ErrorCode::kNone);
      EXPECT_EQ(answer.base_offset, Offset(static_cast<std::int64_t>(from)));
    }
    for (std::size_t shard = 0; shard < GetParam(); ++shard) {
      EXPECT_EQ(read_all(cluster, shard, *partition).size(), GetParam());
    }
  }
}

TEST_P(BrokerTest, RecordsAndTopicsAreThereAfterARestart) {
  TestCluster cluster(GetParam());
  Topic* topic = cluster.create({.name = "t", .partitions = 2}).topic;
  EXPECT_EQ(append(cluster, 0, *topic->partitions[0], "one").error, ErrorCode::kNone);
  EXPECT_EQ(append(cluster, 0, *topic->partitions[1], "two").error, ErrorCode::kNone);
  cluster.restart();
  topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(read_all(cluster, 0, *topic->partitions[0]), std::vector<std::string>{"one"});
  EXPECT_EQ(append(cluster, 0, *topic->partitions[0], "three").base_offset, Offset(1));
  EXPECT_EQ(read_all(cluster, 0, *topic->partitions[0]),
            (std::vector<std::string>{"one", "three"}));
}

TEST_P(BrokerTest, WaiterOnEachShardIsCalledWhenARecordBecomesVisible) {
  TestCluster cluster(GetParam());
  Partition& partition = *cluster.create({.name = "t"}).topic->partitions[0];
  struct Waiting : Waiter {
    std::promise<void> called;
  };
  std::vector<std::unique_ptr<Waiting>> waiting;
  for (std::size_t shard = 0; shard < GetParam(); ++shard) {
    waiting.push_back(std::make_unique<Waiting>());
    waiting.back()->ready = [](Waiter& waiter, Partition&) {
      static_cast<Waiting&>(waiter).called.set_value();
    };
    EXPECT_TRUE(cluster.on(shard, [&](Broker& broker) {
      return broker.wait(*waiting[shard], partition, storage::kFirstPosition);
    }));
  }
  EXPECT_EQ(append(cluster, 0, partition, "x").error, ErrorCode::kNone);
  for (auto& waiter : waiting) waiter->called.get_future().get();
  EXPECT_FALSE(cluster.on(0, [&](Broker& broker) {
    return broker.wait(*waiting[0], partition, storage::kFirstPosition);
  })) << "what is visible already is not waited for";
}

TEST_P(BrokerTest, DeletedTopicIsGoneOnEveryShardAndItsNameCanBeUsedAgain) {
  TestCluster cluster(GetParam());
  Topic* topic = cluster.create({.name = "t", .partitions = 3}).topic;
  const Uuid first = topic->id;
  for (Partition* partition : topic->partitions) append(cluster, 0, *partition, "old");
  EXPECT_EQ(cluster.remove(first).error, ErrorCode::kNone);
  for (std::size_t shard = 0; shard < GetParam(); ++shard) {
    EXPECT_EQ(cluster.on(shard, [](Broker& broker) { return broker.find("t"); }), nullptr);
  }
  EXPECT_EQ(cluster.remove(first).error, ErrorCode::kUnknownTopicOrPartition);
  topic = cluster.create({.name = "t", .partitions = 3}).topic;
  EXPECT_NE(topic->id, first);
  EXPECT_EQ(append(cluster, 0, *topic->partitions[0], "new").base_offset, Offset(0));
  EXPECT_EQ(read_all(cluster, 0, *topic->partitions[0]), std::vector<std::string>{"new"});
  cluster.restart();
  topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
  EXPECT_EQ(read_all(cluster, 0, *topic->partitions[0]), std::vector<std::string>{"new"});
}

TEST_P(BrokerTest, AddedPartitionsAreThereOnEveryShardAndAfterARestart) {
  TestCluster cluster(GetParam());
  Topic* topic = cluster.create({.name = "t", .partitions = 2}).topic;
  EXPECT_EQ(append(cluster, 0, *topic->partitions[0], "before").error, ErrorCode::kNone);
  ASSERT_EQ(cluster.add_partitions({.topic = "t", .count = 5}, GetParam() - 1).error,
            ErrorCode::kNone);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t shard = 0; shard < GetParam(); ++shard) {
      EXPECT_EQ(cluster.on(shard, [](Broker& b) { return b.find("t")->partitions.size(); }), 5U);
    }
    for (Partition* partition : topic->partitions) {
      EXPECT_EQ(append(cluster, 0, *partition, "after").error, ErrorCode::kNone);
      EXPECT_EQ(read_all(cluster, GetParam() - 1, *partition).back(), "after");
    }
    EXPECT_EQ(read_all(cluster, 0, *topic->partitions[0]).front(), "before");
    cluster.restart();
    topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
  }
  EXPECT_EQ(cluster.cluster().counters().partitions.get(), 5U);
  EXPECT_EQ(cluster.remove(topic->id).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.cluster().counters().partitions.get(), 0U);
}

TEST_P(BrokerTest, MovedLogStartsAreThereOnEveryShardAndAfterARestart) {
  TestCluster cluster(GetParam());
  Topic* topic = cluster.create({.name = "t", .partitions = 3}).topic;
  for (Partition* partition : topic->partitions) {
    for (const char* value : {"0", "1", "2"}) append(cluster, 0, *partition, value);
  }
  Uuid unknown;
  unknown.bytes[3] = 7;
  const auto moved = cluster.move_log_starts({{topic->id, PartitionId(0), Offset(1)},
                                              {topic->id, PartitionId(1), Offset(3)},
                                              {topic->id, PartitionId(0), Offset(0)},
                                              {topic->id, PartitionId(7), Offset(1)},
                                              {unknown, PartitionId(0), Offset(1)}},
                                             GetParam() - 1);
  ASSERT_EQ(moved.size(), 5U);
  EXPECT_EQ(moved[0].start, Offset(1));
  EXPECT_EQ(moved[1].start, Offset(3));
  EXPECT_EQ(moved[2].start, Offset(1)) << "it never goes back";
  EXPECT_EQ(moved[2].error, ErrorCode::kNone);
  EXPECT_EQ(moved[3].error, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(moved[4].error, ErrorCode::kUnknownTopicOrPartition);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t shard = 0; shard < GetParam(); ++shard) {
      EXPECT_EQ(read_all(cluster, shard, *topic->partitions[0]),
                (std::vector<std::string>{"1", "2"}));
      EXPECT_TRUE(read_all(cluster, shard, *topic->partitions[1]).empty());
      EXPECT_EQ(read_all(cluster, shard, *topic->partitions[2]).size(), 3U);
    }
    cluster.restart();
    topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
  }
  EXPECT_EQ(append(cluster, 0, *topic->partitions[1], "3").base_offset, Offset(3));
}

TEST(TopicTest, PartitionsBeyondTheLimitOfAllTopicsAreRefusedAndCounted) {
  Options options = TestCluster::small_options();
  options.max_partitions = 5;
  TestCluster cluster(1, options);
  ASSERT_EQ(cluster.create({.name = "a", .partitions = 3}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.create({.name = "b", .partitions = 3}).error, ErrorCode::kPolicyViolation);
  EXPECT_EQ(cluster.add_partitions({.topic = "a", .count = 6}).error, ErrorCode::kPolicyViolation);
  EXPECT_EQ(cluster.create({.name = "b", .partitions = 3, .validate_only = true}).error,
            ErrorCode::kPolicyViolation);
  EXPECT_EQ(cluster.cluster().counters().refused_limit.get(), 3U);
  EXPECT_EQ(cluster.add_partitions({.topic = "a", .count = 5}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.cluster().counters().partitions.get(), 5U);
}

TEST(TopicTest, TopicsAndPartitionsOfATopicBeyondTheirLimitsAreRefusedAndCounted) {
  Options options = TestCluster::small_options();
  options.max_topics = 2;
  options.max_partitions_per_topic = 3;
  TestCluster cluster(1, options);
  EXPECT_EQ(cluster.create({.name = "a", .partitions = 4}).error, ErrorCode::kInvalidPartitions);
  ASSERT_EQ(cluster.create({.name = "a", .partitions = 3}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.add_partitions({.topic = "a", .count = 4}).error,
            ErrorCode::kInvalidPartitions);
  ASSERT_EQ(cluster.create({.name = "b"}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.create({.name = "c"}).error, ErrorCode::kPolicyViolation);
  EXPECT_EQ(cluster.cluster().counters().refused_limit.get(), 3U);
}

TEST(TopicTest, ThousandsOfChangesThatAreOverAtOnceAreAnsweredOneAfterTheOther) {
  TestCluster cluster(1);
  ASSERT_EQ(cluster.create({.name = "t"}).error, ErrorCode::kNone);
  constexpr std::size_t kChanges = 200'000;
  std::promise<void> all;
  std::size_t answered = 0;
  cluster.runtime().run_on(ShardId(0), [&](runtime::Shard&) {
    // All wait for the first one, which goes to the disk.
    cluster.broker(0).create_topic({.name = "first"}, [](const TopicOutcome&) {});
    for (std::size_t i = 0; i < kChanges; ++i) {
      cluster.broker(0).create_topic({.name = "t"}, [&](const TopicOutcome& outcome) {
        EXPECT_EQ(outcome.error, ErrorCode::kTopicAlreadyExists);
        if (++answered == kChanges) all.set_value();
      });
    }
  });
  all.get_future().get();
}

TEST(TopicTest, BadTopicsAreRefusedWithKafkasErrors) {
  TestCluster cluster(1);
  EXPECT_EQ(cluster.create({.name = "a b"}).error, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(cluster.create({.name = ".."}).error, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(cluster.create({.name = "t", .partitions = 0}).error, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(cluster.create({.name = "t", .configs = {{"no.such", "1"}}}).error,
            ErrorCode::kInvalidConfig);
  EXPECT_EQ(cluster.create({.name = "t", .validate_only = true}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.create({.name = "t"}).error, ErrorCode::kNone);
  EXPECT_EQ(cluster.create({.name = "t"}).error, ErrorCode::kTopicAlreadyExists);
}

TEST(BrokerTest, StoppingWhileATopicIsBeingDeletedEnds) {
  for (int round = 0; round < 20; ++round) {
    TestCluster cluster(2);
    const auto created = cluster.create({.name = "t", .partitions = 2});
    for (Partition* partition : created.topic->partitions) {
      ASSERT_EQ(append(cluster, 0, *partition, "x").error, ErrorCode::kNone);
    }
    const Uuid id = created.topic->id;
    cluster.runtime().run_on(ShardId(0), [&](runtime::Shard& shard) {
      shard.hold();  // as a connection does that waits for an answer
      cluster.broker(0).delete_topic(id, [&shard](const TopicOutcome&) { shard.release(); });
    });
    if (round % 2 == 1) {
      while (!cluster.on(0, [&](Broker& broker) { return broker.find(id) == nullptr; })) {
      }
    }
  }
}

// Its topic is still there: a client that is told otherwise gives its records up.
TEST(BrokerTest, AppendsToAServerThatStopsAreToBeTriedElsewhere) {
  TestCluster cluster(1);
  Partition* partition = cluster.create({.name = "t", .partitions = 1}).topic->partitions[0];
  runtime::Shard* held = nullptr;
  std::promise<void> holds;
  cluster.runtime().run_on(ShardId(0), [&](runtime::Shard& shard) {
    shard.hold();  // as a connection does that waits for an answer
    held = &shard;
    holds.set_value();
  });
  holds.get_future().get();
  auto stopping = std::async(std::launch::async, [&] { cluster.runtime().stop(); });
  ErrorCode error = ErrorCode::kNone;
  while (error == ErrorCode::kNone) error = append(cluster, 0, *partition, "x").error;
  EXPECT_EQ(error, ErrorCode::kNotLeaderOrFollower) << kafka::name(error);
  cluster.runtime().run_on(ShardId(0), [&](runtime::Shard&) { held->release(); });
  stopping.get();
}

// The owner stands still, so that what is sent to it waits; the topic goes meanwhile.
TEST(BrokerTest, AppendsThatWaitToBeSentAreRefusedWhenTheirTopicGoes) {
  constexpr std::size_t kAppends = 1'100;  // more than there are credits
  TestCluster cluster(2);
  const auto created = cluster.create({.name = "t", .partitions = 2});
  Partition* far = nullptr;
  for (Partition* partition : created.topic->partitions) {
    if (partition->owner == ShardId(1)) far = partition;
  }
  ASSERT_NE(far, nullptr);
  const Uuid id = created.topic->id;
  std::promise<void> go_on;
  std::promise<void> stands;
  cluster.runtime().run_on(ShardId(1), [&](runtime::Shard&) {
    stands.set_value();
    go_on.get_future().wait();
  });
  stands.get_future().wait();
  const auto batch = batch_of("belongs to t");
  struct Sent {
    std::atomic<std::size_t> refused{0};
    std::atomic<std::size_t> answered{0};
    std::promise<void> some_refused;
    std::promise<void> all_answered;
  } sent;
  std::vector<std::unique_ptr<AppendRequest>> requests;
  for (std::size_t i = 0; i < kAppends; ++i) {
    auto& request = *requests.emplace_back(std::make_unique<AppendRequest>());
    request.partition = far;
    request.batch = batch;
    request.records = 1;
    request.max_timestamp = Timestamp(1000);
    request.context = &sent;
    request.done = [](AppendRequest& answered) {
      auto& all = *static_cast<Sent*>(answered.context);
      if (answered.error == ErrorCode::kUnknownTopicOrPartition && ++all.refused == 1) {
        all.some_refused.set_value();
      }
      if (++all.answered == kAppends) all.all_answered.set_value();
    };
  }
  std::promise<void> deleted;
  cluster.runtime().run_on(ShardId(0), [&](runtime::Shard&) {
    for (const auto& request : requests) (void)cluster.broker(0).append(*request);
    cluster.broker(0).delete_topic(id, [&](const TopicOutcome&) { deleted.set_value(); });
  });
  const auto refused = sent.some_refused.get_future().wait_for(std::chrono::seconds(60));
  EXPECT_EQ(refused, std::future_status::ready);
  cluster.on(0, [](Broker&) { return true; });  // the turn that refuses them is over
  EXPECT_EQ(sent.refused, kAppends - runtime::Settings{}.mailbox_credits);
  go_on.set_value();
  EXPECT_EQ(sent.all_answered.get_future().wait_for(std::chrono::seconds(60)),
            std::future_status::ready);
  deleted.get_future().wait();
}

TEST(ShardCountTest, FewerShardsKeepTheRecordsAndRemoveTheJournalsOfTheOthers) {
  TestCluster cluster(3);
  Topic* topic = cluster.create({.name = "t", .partitions = 3}).topic;
  for (Partition* partition : topic->partitions) {
    ASSERT_EQ(append(cluster, 0, *partition, "value").error, ErrorCode::kNone);
  }
  EXPECT_EQ(cluster.journals(), 3U);
  for (const std::size_t shards : {1U, 2U}) {
    cluster.restart(shards);
    EXPECT_EQ(cluster.journals(), shards);
    topic = cluster.on(0, [](Broker& broker) { return broker.find("t"); });
    ASSERT_NE(topic, nullptr);
    for (Partition* partition : topic->partitions) {
      EXPECT_EQ(read_all(cluster, 0, *partition), std::vector<std::string>{"value"});
    }
  }
}

TEST_P(BrokerTest, FlushOfTheCatalogThatFailsStopsTheServerWithItsReason) {
  TestCluster cluster(GetParam());
  std::promise<Error> stopped;
  cluster.cluster().on_failure = [&](Error error) { stopped.set_value(std::move(error)); };
  make_unflushable("/meta/catalog-");
  EXPECT_EQ(cluster.create({.name = "t"}).error, ErrorCode::kKafkaStorageError);
  const Error error = stopped.get_future().get();
  EXPECT_EQ(error.code, Errc::kIo);
  EXPECT_NE(error.message.find("sync"), std::string::npos) << error.message;
  // Once is enough.
  EXPECT_EQ(cluster.create({.name = "u"}).error, ErrorCode::kKafkaStorageError);
}

// Files go only after the catalog says so, flushed.
TEST_P(BrokerTest, ADeletionThatCannotBeRecordedDoesNotHappen) {
  TestCluster cluster(GetParam());
  cluster.cluster().on_failure = [](const Error& /*the test is about something else*/) {};
  Topic& topic = *cluster.create({.name = "t", .partitions = 1}).topic;
  Partition& partition = *topic.partitions[0];
  for (const char* value : {"0", "1", "2"}) append(cluster, 0, partition, value);
  make_unflushable("/meta/catalog-");
  const auto moved = cluster.move_log_starts({{topic.id, PartitionId(0), Offset(2)}});
  EXPECT_EQ(moved[0].error, ErrorCode::kKafkaStorageError);
  EXPECT_EQ(cluster.remove(topic.id).error, ErrorCode::kKafkaStorageError);
  for (std::size_t shard = 0; shard < GetParam(); ++shard) {
    ASSERT_NE(cluster.on(shard, [](Broker& broker) { return broker.find("t"); }), nullptr);
    EXPECT_EQ(read_all(cluster, shard, partition).size(), 3U);
  }
}

TEST_P(BrokerTest, WhatIsLeftOfADeletedTopicIsRemovedByTheFirstStartThatCan) {
  namespace fs = std::filesystem;
  TestCluster cluster(GetParam());
  const auto created = cluster.create({.name = "t", .partitions = 1});
  ASSERT_EQ(created.error, ErrorCode::kNone);
  const Uuid id = created.topic->id;
  ASSERT_EQ(append(cluster, 0, *created.topic->partition(PartitionId(0)), "a").error,
            ErrorCode::kNone);
  // It can be neither moved, for there is something in the way, nor removed.
  const fs::path directory = cluster.directory() + "/topics/t-0";
  const fs::path in_the_way = cluster.directory() + "/deleted/" + to_text(id) + "-0";
  fs::create_directories(directory / "kept" / "too");
  fs::create_directories(in_the_way / "kept" / "too");
  ASSERT_EQ(cluster.remove(id).error, ErrorCode::kNone);
  EXPECT_TRUE(fs::exists(directory));
  cluster.restart();
  EXPECT_TRUE(fs::exists(directory));

  fs::remove_all(directory / "kept");
  cluster.restart();
  EXPECT_FALSE(fs::exists(directory));
}

TEST(BrokerTest, ADiskIsTriedAgainSoonThoughTheClockIsSetBack) {
  namespace fs = std::filesystem;
  TestCluster cluster(1);
  Partition& partition = *cluster.create({.name = "t", .partitions = 1}).topic->partitions[0];
  const fs::path in_the_way = cluster.directory() + "/topics/t-0";
  std::ofstream(in_the_way) << "no directory";
  EXPECT_EQ(append(cluster, 0, partition, "a").error, ErrorCode::kKafkaStorageError);
  fs::remove(in_the_way);
  set_wall_clock_back(std::chrono::hours(1));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (append(cluster, 0, partition, "b").error != ErrorCode::kNone) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "it is not tried again";
  }
  set_wall_clock_back({});
}

}  // namespace
}  // namespace duolog::broker

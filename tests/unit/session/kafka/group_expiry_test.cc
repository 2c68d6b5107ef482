// What becomes of committed offsets in the long run: they expire, their log is rewritten, limits.
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/group_admin.h"
#include "storage/journal.h"
#include "storage/log_store.h"
#include "tests/unit/session/kafka/offset_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using groups::GroupCounters;
using kafka::ErrorCode;

TestServerOptions with_groups(groups::GroupSettings settings, std::size_t shards = 2) {
  TestServerOptions options;
  options.shards = shards;
  options.broker.offsets_topic_partitions = 3;
  options.groups = settings;
  return options;
}

struct Fixture {
  explicit Fixture(const TestServerOptions& options)
      : server(options), client(std::in_place, server.port()) {
    EXPECT_EQ(client->create_topic("t", 3), ErrorCode::kNone);
  }
  void restart() {
    client.reset();
    server.restart();
    client.emplace(server.port());
  }
  [[nodiscard]] std::uint64_t sum(runtime::Counter GroupCounters::* counter) {
    return sum_over(server.coordinators(), counter);
  }
  void await_loaded() {
    ASSERT_TRUE(eventually([&] { return sum(&GroupCounters::loading) == 0; }));
  }
  // How many records `__consumer_offsets` has, of all that were ever written.
  [[nodiscard]] std::int64_t ends() {
    std::int64_t total = 0;
    for (std::int32_t p = 0; p < 3; ++p) total += list(p, kafka::kLatestOffset);
    return total;
  }
  [[nodiscard]] std::int64_t starts() {
    std::int64_t total = 0;
    for (std::int32_t p = 0; p < 3; ++p) total += list(p, kafka::kEarliestOffset);
    return total;
  }
  [[nodiscard]] std::int64_t list(std::int32_t index, Timestamp what) {
    kafka::ListOffsetsRequest::Topic::Partition partition{.partition_index = PartitionId(index),
                                                          .timestamp = what};
    kafka::ListOffsetsRequest::Topic topic{.name = "__consumer_offsets",
                                           .partitions = std::span(&partition, 1)};
    auto answer = client->call<kafka::ListOffsetsResponse>(
        5, kafka::ListOffsetsRequest{.topics = std::span(&topic, 1)});
    return answer ? answer->message.topics[0].partitions[0].offset.value : -1;
  }

  TestServer server;
  std::optional<OffsetClient> client;
};

TEST(GroupExpiryTest, OffsetsOfAGroupWithoutMembersExpireAndTheGroupGoes) {
  Fixture f(with_groups({.offsets_retention_ms = 1, .offsets_retention_check_interval_ms = 5}));
  ASSERT_EQ(f.client->commit({.group = "g", .offset = 5}), ErrorCode::kNone);
  ASSERT_TRUE(eventually([&] { return f.sum(&GroupCounters::groups) == 0; }));
  EXPECT_EQ(f.client->committed("g"), -1);
  EXPECT_EQ(f.sum(&GroupCounters::offsets), 0U);
  EXPECT_EQ(f.sum(&GroupCounters::expired_offsets), 1U);
  EXPECT_EQ(f.ends(), 2);  // the offset, and that it is gone
}

TEST(GroupExpiryTest, OffsetsStayForTheRetentionTime) {
  Fixture f(with_groups({.offsets_retention_check_interval_ms = 1}));
  ASSERT_EQ(f.client->commit({.group = "g", .offset = 5}), ErrorCode::kNone);
  ASSERT_EQ(f.client->commit({.group = "h", .offset = 6, .retention_time_ms = 1}, 4),
            ErrorCode::kNone);
  // When the one with a time of its own has gone, the other has been looked at too.
  ASSERT_TRUE(eventually([&] { return f.sum(&GroupCounters::expired_offsets) == 1; }));
  EXPECT_EQ(f.client->committed("g"), 5);
  EXPECT_EQ(f.client->committed("h"), -1);
}

TEST(GroupExpiryTest, WhatHasExpiredDoesNotComeBackWithTheNextStart) {
  Fixture f(with_groups({.offsets_retention_check_interval_ms = 1}));
  ASSERT_EQ(f.client->commit({.group = "h", .offset = 6, .retention_time_ms = 1}, 2),
            ErrorCode::kNone);
  ASSERT_TRUE(eventually([&] { return f.sum(&GroupCounters::groups) == 0; }));
  f.restart();
  f.await_loaded();
  EXPECT_EQ(f.sum(&GroupCounters::loaded_records), 2U);
  EXPECT_EQ(f.sum(&GroupCounters::groups), 0U);
  EXPECT_EQ(f.client->committed("h"), -1);
}

TEST(GroupExpiryTest, OffsetsOfADeletedTopicGo) {
  Fixture f(with_groups({}));
  ASSERT_EQ(f.client->create_topic("gone", 1), ErrorCode::kNone);
  ASSERT_EQ(f.client->commit({.group = "g", .topic = "gone", .offset = 5}), ErrorCode::kNone);
  ASSERT_EQ(f.client->commit({.group = "g", .topic = "t", .offset = 6}), ErrorCode::kNone);
  std::string_view name = "gone";
  auto deleted = f.client->call<kafka::DeleteTopicsResponse>(
      5, kafka::DeleteTopicsRequest{.topic_names = std::span(&name, 1)});
  ASSERT_EQ(deleted->message.responses[0].error_code, ErrorCode::kNone);
  ASSERT_TRUE(eventually([&] { return f.sum(&GroupCounters::offsets) == 1; }));
  ASSERT_EQ(f.client->create_topic("gone", 1), ErrorCode::kNone);
  EXPECT_EQ(f.client->committed("g", "gone"), -1);
  EXPECT_EQ(f.client->committed("g", "t"), 6);
  f.restart();
  f.await_loaded();
  EXPECT_EQ(f.client->committed("g", "gone"), -1);
  EXPECT_EQ(f.client->committed("g", "t"), 6);
}

TEST(GroupExpiryTest, ALogThatHasGrownIsWrittenAnewAndItsOldPartGoes) {
  Fixture f(with_groups({.rewrite_bytes = 20'000, .rewrite_ratio = 4}));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(f.client->commit({.group = "old-" + std::to_string(i), .offset = 7}),
              ErrorCode::kNone);
  }
  std::int64_t offset = 0;
  while (f.sum(&GroupCounters::rewrites) < 3 && offset < 5000) {
    ASSERT_EQ(f.client->commit({.group = "busy", .offset = ++offset}), ErrorCode::kNone);
  }
  EXPECT_GE(f.sum(&GroupCounters::rewrites), 3U);
  EXPECT_GT(f.starts(), 0);
  for (int times = 0; times < 2; ++times) {
    EXPECT_EQ(f.client->committed("busy"), offset);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(f.client->committed("old-" + std::to_string(i)), 7) << i;
    }
    f.restart();
    f.await_loaded();
  }
  // What was left behind has not been read.
  EXPECT_LT(f.sum(&GroupCounters::loaded_records), static_cast<std::uint64_t>(f.ends()));
}

TEST(GroupExpiryTest, GroupsThatTakeSeveralTurnsToCopyAreAllThereAfterARestart) {
  Fixture f(with_groups({.rewrite_bytes = 20'000, .rewrite_ratio = 1}, 1));
  // In three logs, a turn of each of which copies 256.
  constexpr int kGroups = 1'000;
  for (int i = 0; i < kGroups; ++i) {
    ASSERT_EQ(f.client->commit({.group = "g" + std::to_string(i), .offset = i}), ErrorCode::kNone);
  }
  // Once more with all of them.
  const std::uint64_t before = f.sum(&GroupCounters::rewrites);
  for (int i = 0; i < 20'000 && f.sum(&GroupCounters::rewrites) < before + 2; ++i) {
    ASSERT_EQ(f.client->commit({.group = "g0", .offset = 0}), ErrorCode::kNone);
  }
  ASSERT_GE(f.sum(&GroupCounters::rewrites), before + 2);
  f.restart();
  f.await_loaded();
  for (int i = 0; i < kGroups; ++i) EXPECT_EQ(f.client->committed("g" + std::to_string(i)), i);
}

TEST(GroupExpiryTest, WhatALogIsWrittenAnewToIsFlushedThoughTheTopicDoesNotAskForIt) {
  TestServerOptions options = with_groups({.rewrite_bytes = 8'000, .rewrite_ratio = 4}, 1);
  options.broker.topic_defaults.log.durability = storage::Durability::kOs;
  Fixture f(options);
  const auto flushed = [&] {
    std::uint64_t sequence = 0;
    f.server.runtime().run_on_and_wait(ShardId(0), [&](runtime::Shard&) {
      sequence = f.server.cluster().broker(ShardId(0)).store().journal().flushed_sequence();
    });
    return sequence;
  };
  std::int64_t offset = 1;
  // The first group of a log is flushed in any case.
  ASSERT_EQ(f.client->commit({.group = "busy", .offset = offset}), ErrorCode::kNone);
  const std::uint64_t before = flushed();
  while (f.sum(&GroupCounters::rewrites) == 0 && offset < 5000) {
    ASSERT_EQ(f.client->commit({.group = "busy", .offset = ++offset}), ErrorCode::kNone);
  }
  ASSERT_GT(f.starts(), 0);
  EXPECT_GT(flushed(), before) << "the start has moved behind what a power cut may take";
}

TEST(GroupExpiryTest, CommitsGoOnWhileALogIsWrittenAnew) {
  Fixture f(with_groups({.rewrite_bytes = 8'000, .rewrite_ratio = 2}, 1));
  // Many at a time, so that some group has something under way when it is to be copied.
  constexpr int kGroups = 8;
  constexpr int kRounds = 200;
  std::vector<std::string> names;
  for (int g = 0; g < kGroups; ++g) names.push_back("g" + std::to_string(g));
  std::vector<std::int64_t> acked(kGroups, -1);
  for (int round = 0; round < kRounds; ++round) {
    for (int g = 0; g < kGroups; ++g) {
      kafka::OffsetCommitRequest::Topic::Partition partition{.partition_index = PartitionId(0),
                                                             .committed_offset = Offset(round)};
      kafka::OffsetCommitRequest::Topic topic{.name = "t", .partitions = std::span(&partition, 1)};
      f.client->send(8, kafka::OffsetCommitRequest{.group_id = names[static_cast<std::size_t>(g)],
                                                   .topics = std::span(&topic, 1)});
    }
    for (std::size_t g = 0; g < kGroups; ++g) {
      auto answer = f.client->receive<kafka::OffsetCommitResponse>(8);
      ASSERT_NE(answer, nullptr);
      const ErrorCode error = answer->message.topics[0].partitions[0].error_code;
      if (error == ErrorCode::kNone) {
        acked[g] = round;
      } else {
        EXPECT_EQ(error, ErrorCode::kCoordinatorLoadInProgress);
      }
    }
  }
  EXPECT_GT(f.sum(&GroupCounters::rewrites), 0U);
  for (std::size_t g = 0; g < kGroups; ++g) EXPECT_EQ(f.client->committed(names[g]), acked[g]);
  f.restart();
  f.await_loaded();
  for (std::size_t g = 0; g < kGroups; ++g) EXPECT_EQ(f.client->committed(names[g]), acked[g]);
}

TEST(GroupLimitsTest, CommitsBeyondTheLimitsAreRefusedAndCounted) {
  Fixture f(with_groups({.max_groups = 2, .max_offsets = 3}, 1));
  ASSERT_EQ(f.client->commit({.group = "a", .partition = 0}), ErrorCode::kNone);
  ASSERT_EQ(f.client->commit({.group = "b", .partition = 0}), ErrorCode::kNone);
  EXPECT_EQ(f.client->commit({.group = "c", .partition = 0}), ErrorCode::kPolicyViolation);
  EXPECT_EQ(f.sum(&GroupCounters::refused_groups), 1U);
  ASSERT_EQ(f.client->commit({.group = "a", .partition = 1}), ErrorCode::kNone);
  EXPECT_EQ(f.client->commit({.group = "a", .partition = 2}), ErrorCode::kPolicyViolation);
  EXPECT_EQ(f.sum(&GroupCounters::refused_offsets), 1U);
  // What is there may change.
  EXPECT_EQ(f.client->commit({.group = "a", .partition = 1, .offset = 9}), ErrorCode::kNone);
  EXPECT_EQ(f.client->committed("a", "t", 1), 9);
  EXPECT_EQ(f.client->committed("c"), -1);
}

TEST(GroupLoadTest, ALogOfManyTurnsIsReadWholeAndRequestsAreRefusedMeanwhile) {
  Fixture f(with_groups({.load_bytes_per_turn = 1}, 1));
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(f.client->commit({.group = "g" + std::to_string(i % 10), .offset = i}),
              ErrorCode::kNone);
  }
  f.restart();
  // Whatever comes while it loads says so; what comes later is right.
  for (int i = 0; i < 10; ++i) {
    const std::string group = "g" + std::to_string(i);
    std::int64_t offset = -1;
    ASSERT_TRUE(eventually([&] {
      auto answer = f.client->fetch_one(group, "t", 0, 7);
      if (answer->message.error_code == ErrorCode::kCoordinatorLoadInProgress) return false;
      EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
      offset = answer->message.topics[0].partitions[0].committed_offset.value;
      return true;
    }));
    EXPECT_EQ(offset, 290 + i);
  }
  EXPECT_EQ(f.sum(&GroupCounters::loaded_records), 300U);
}

TEST(GroupInternalTopicTest, ClientsCannotWriteIntoTheOffsetsButRead) {
  Fixture f(with_groups({}, 1));
  ASSERT_EQ(f.client->commit({.group = "g", .offset = 5}), ErrorCode::kNone);
  for (std::int32_t p = 0; p < 3; ++p) {
    EXPECT_EQ(f.client->produce("__consumer_offsets", p, batch_of({"x"})).error_code,
              ErrorCode::kInvalidTopicException);
  }
  EXPECT_EQ(f.ends(), 1);
  kafka::CreatePartitionsRequest::Topic more{.name = "__consumer_offsets", .count = 7};
  auto grown = f.client->call<kafka::CreatePartitionsResponse>(
      1, kafka::CreatePartitionsRequest{.topics = std::span(&more, 1)});
  EXPECT_EQ(grown->message.results[0].error_code, ErrorCode::kInvalidPartitions);
}

TEST(GroupInternalTopicTest, WhenTheOffsetsTopicIsDeletedGroupsBeginAnew) {
  Fixture f(with_groups({}));
  ASSERT_EQ(f.client->commit({.group = "g", .offset = 5}), ErrorCode::kNone);
  std::string_view name = "__consumer_offsets";
  auto deleted = f.client->call<kafka::DeleteTopicsResponse>(
      5, kafka::DeleteTopicsRequest{.topic_names = std::span(&name, 1)});
  ASSERT_EQ(deleted->message.responses[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(f.client->committed("g"), -1);
  ASSERT_EQ(f.client->commit({.group = "g", .offset = 6}), ErrorCode::kNone);
  EXPECT_EQ(f.client->committed("g"), 6);
}

TEST(GroupInternalTopicTest, GroupsAreStoredWhateverTheTopicSaysOfTheSizeOfABatch) {
  for (const std::uint32_t limit : {0U, 60U, 0x7fff'ffffU}) {
    TestServerOptions options = with_groups({}, 1);
    options.broker.topic_defaults.max_message_bytes = limit;
    Fixture f(options);
    EXPECT_EQ(f.client->commit({.group = "g", .offset = 5}), ErrorCode::kNone) << limit;
    EXPECT_EQ(f.client->committed("g"), 5) << limit;
  }
}

TEST(GroupExpiryTest, ARetentionTimeBeyondTheEndOfTimeIsForever) {
  Fixture f(with_groups({.offsets_retention_check_interval_ms = 1}));
  ASSERT_EQ(f.client->commit({.group = "g",
                              .offset = 5,
                              .retention_time_ms = std::numeric_limits<std::int64_t>::max()},
                             4),
            ErrorCode::kNone);
  ASSERT_EQ(f.client->commit({.group = "h", .offset = 6, .retention_time_ms = 1}, 4),
            ErrorCode::kNone);
  ASSERT_TRUE(eventually([&] { return f.sum(&GroupCounters::expired_offsets) > 0; }));
  EXPECT_EQ(f.client->committed("g"), 5);
  EXPECT_EQ(f.client->committed("h"), -1);
}

TEST(GroupExpiryTest, AGroupIsDeletedInAsManyBatchesAsItTakes) {
  TestServerOptions options = with_groups({}, 1);
  options.broker.topic_defaults.max_message_bytes = 0;  // of groups, then, 64 KiB
  Fixture f(options);
  const std::string name(30'000, 'g');  // with each record
  for (std::int32_t p = 0; p < 3; ++p) {
    ASSERT_EQ(f.client->commit({.group = name, .partition = p, .offset = 5}), ErrorCode::kNone);
  }
  std::string_view group = name;
  const auto deleted = f.client->call<kafka::DeleteGroupsResponse>(
      2, kafka::DeleteGroupsRequest{.groups_names = std::span(&group, 1)});
  ASSERT_NE(deleted, nullptr);
  EXPECT_EQ(deleted->message.results[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(f.sum(&GroupCounters::groups), 0U);
  EXPECT_EQ(f.sum(&GroupCounters::offsets), 0U);
  f.restart();
  f.await_loaded();
  EXPECT_EQ(f.sum(&GroupCounters::groups), 0U);
}

TEST(GroupDamageTest, ADamagedBatchOfTheOffsetsTopicLosesOnlyWhatItHeld) {
  TestServerOptions options = with_groups({});
  options.broker.offsets_topic_partitions = 1;
  Fixture f(options);
  for (const std::string group : {"first-one", "second-one", "third-one"}) {
    ASSERT_EQ(f.client->commit({.group = group, .offset = 5}), ErrorCode::kNone);
  }
  for (const std::string hurt : {"second-one", "first-one"}) {
    f.restart();  // so that nothing of it is left in a journal
    f.client.reset();
    f.server.stop();
    const std::string path =
        f.server.directory() + "/topics/__consumer_offsets-0/00000000000000000000.log";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    ASSERT_NE(bytes.find(hurt), std::string::npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(bytes.find(hurt)));
    file.put('?');
    file.close();
    f.restart();
    f.await_loaded();
    EXPECT_EQ(f.client->committed(hurt), -1);
    EXPECT_EQ(f.client->committed("third-one"), 5);
    EXPECT_EQ(f.client->committed("first-one"), hurt == "first-one" ? -1 : 5);
  }
  EXPECT_EQ(f.sum(&GroupCounters::bad_records), 2U);
  EXPECT_EQ(f.client->commit({.group = "first-one", .offset = 6}), ErrorCode::kNone);
  EXPECT_EQ(f.client->committed("first-one"), 6);
}

}  // namespace
}  // namespace duolog::session

// KIP-227 over real sockets: what a client that fetches in a session sees.
#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using From = KafkaClient;
using FetchAnswer = std::unique_ptr<Answer<kafka::FetchResponse>>;

struct FetchSessionTest : testing::Test {
  explicit FetchSessionTest(TestServerOptions options = {}) : server(options) {
    EXPECT_EQ(client.create_topic("t", 4), ErrorCode::kNone);
    EXPECT_EQ(client.create_topic("u", 1), ErrorCode::kNone);
  }
  // Begins a session of partitions 0 to 2, and returns its id.
  std::int32_t begin() {
    auto answer =
        client.fetch({.topic = "t",
                      .partitions = {From::from(0, 0), From::from(1, 0), From::from(2, 0)},
                      .session_epoch = 0});
    EXPECT_EQ(mentioned(answer), (std::vector<int>{0, 1, 2}));
    return answer->message.session_id;
  }
  FetchAnswer next(std::int32_t id, std::int32_t epoch,
                   std::vector<kafka::FetchRequest::Topic::Partition> changed = {},
                   std::vector<PartitionId> forgotten = {}, std::int16_t version = 12) {
    kafka::FetchRequest::Topic topic{.topic = "t", .partitions = std::span(changed)};
    kafka::FetchRequest::ForgottenTopic gone{.topic = "t", .partitions = std::span(forgotten)};
    kafka::FetchRequest request{.max_bytes = 50 << 20, .session_id = id, .session_epoch = epoch};
    if (!changed.empty()) request.topics = std::span(&topic, 1);
    if (!forgotten.empty()) request.forgotten_topics_data = std::span(&gone, 1);
    return client.call<kafka::FetchResponse>(version, request);
  }
  // The partitions of the one topic of an answer.
  static std::vector<int> mentioned(const FetchAnswer& answer) {
    std::vector<int> partitions;
    EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
    for (const auto& topic : answer->message.responses) {
      for (const auto& partition : topic.partitions) {
        partitions.push_back(partition.partition_index.value);
      }
    }
    return partitions;
  }
  [[nodiscard]] std::uint64_t sessions() const {
    return server.sum(
        [](const KafkaCounters& c) -> const runtime::Counter& { return c.fetch_sessions; });
  }

  TestServer server;
  KafkaClient client{server.port()};
};

TEST_F(FetchSessionTest, AnIncrementalAnswerMentionsOnlyWhatIsNew) {
  const std::int32_t id = begin();
  ASSERT_GT(id, 0);
  EXPECT_EQ(mentioned(next(id, 1)), std::vector<int>{});
  client.produce("t", 1, batch_of({"a"}));
  auto answer = next(id, 2);
  EXPECT_EQ(mentioned(answer), std::vector<int>{1});
  EXPECT_EQ(answer->message.session_id, id);
  EXPECT_EQ(records_in(answer->message.responses[0].partitions[0]).size(), 1U);
}

TEST_F(FetchSessionTest, ARecordIsAnsweredUntilTheClientMovesOn) {
  const std::int32_t id = begin();
  client.produce("t", 1, batch_of({"a"}));
  EXPECT_EQ(mentioned(next(id, 1)), std::vector<int>{1});
  EXPECT_EQ(mentioned(next(id, 2)), std::vector<int>{1});
  EXPECT_EQ(mentioned(next(id, 3, {From::from(1, 1)})), std::vector<int>{});
}

TEST_F(FetchSessionTest, PartitionsAreAddedAndForgotten) {
  const std::int32_t id = begin();
  EXPECT_EQ(mentioned(next(id, 1, {From::from(3, 0)}, {PartitionId(1)})), std::vector<int>{3});
  client.produce("t", 1, batch_of({"unheard"}));
  client.produce("t", 3, batch_of({"heard"}));
  EXPECT_EQ(mentioned(next(id, 2)), std::vector<int>{3});
}

TEST_F(FetchSessionTest, WhoHadRecordsComesLastNextTime) {
  const std::int32_t id = begin();
  client.produce("t", 0, batch_of({"a"}));
  EXPECT_EQ(mentioned(next(id, 1)), std::vector<int>{0});
  client.produce("t", 1, batch_of({"a"}));
  client.produce("t", 2, batch_of({"a"}));
  EXPECT_EQ(mentioned(next(id, 2)), (std::vector<int>{1, 2, 0}));
}

TEST_F(FetchSessionTest, AnErrorIsMentionedEachTimeAndItsEndOnce) {
  const std::int32_t id = begin();
  EXPECT_EQ(mentioned(next(id, 1, {From::from(0, 99)})), std::vector<int>{0});
  auto answer = next(id, 2);
  EXPECT_EQ(mentioned(answer), std::vector<int>{0});
  EXPECT_EQ(answer->message.responses[0].partitions[0].error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(mentioned(next(id, 3, {From::from(0, 0)})), std::vector<int>{0});
  EXPECT_EQ(mentioned(next(id, 4)), std::vector<int>{});
}

TEST_F(FetchSessionTest, AnUnknownSessionAndAWrongEpochAreRefused) {
  EXPECT_EQ(next(7, 1)->message.error_code, ErrorCode::kFetchSessionIdNotFound);
  const std::int32_t id = begin();
  EXPECT_EQ(next(id, 2)->message.error_code, ErrorCode::kInvalidFetchSessionEpoch);
  EXPECT_EQ(mentioned(next(id, 1)), std::vector<int>{});  // it is still there
}

TEST_F(FetchSessionTest, NamesAndIdsDoNotMixInASession) {
  const std::int32_t id = begin();
  EXPECT_EQ(next(id, 1, {}, {}, 13)->message.error_code, ErrorCode::kFetchSessionTopicIdError);
}

TEST_F(FetchSessionTest, TheFinalEpochEndsIt) {
  const std::int32_t id = begin();
  EXPECT_EQ(sessions(), 1U);
  auto answer = next(id, -1, {From::from(0, 0)});
  EXPECT_EQ(mentioned(answer), std::vector<int>{0});
  EXPECT_EQ(answer->message.session_id, 0);
  EXPECT_EQ(sessions(), 0U);
  EXPECT_EQ(next(id, 1)->message.error_code, ErrorCode::kFetchSessionIdNotFound);
}

TEST_F(FetchSessionTest, WithoutPartitionsItEnds) {
  const std::int32_t id = begin();
  auto answer = next(id, 1, {}, {PartitionId(0), PartitionId(1), PartitionId(2)});
  EXPECT_EQ(mentioned(answer), std::vector<int>{});
  EXPECT_EQ(answer->message.session_id, 0);
  EXPECT_EQ(sessions(), 0U);
}

TEST_F(FetchSessionTest, ItEndsWithItsConnection) {
  auto other = std::make_unique<KafkaClient>(server.port());
  auto answer = other->fetch({.topic = "t", .partitions = {From::from(0, 0)}, .session_epoch = 0});
  EXPECT_GT(answer->message.session_id, 0);
  EXPECT_EQ(sessions(), 1U);
  other.reset();
  EXPECT_TRUE(eventually([&] { return sessions() == 0; }));
}

TEST_F(FetchSessionTest, AParkedIncrementalFetchStaysOneWhenItsSessionEnds) {
  const std::int32_t id = begin();
  const kafka::FetchRequest parked{
      .max_wait_ms = 100, .min_bytes = 1, .session_id = id, .session_epoch = 1};
  client.send(12, parked);
  client.send(12, kafka::FetchRequest{.session_id = id, .session_epoch = -1});
  EXPECT_EQ(mentioned(client.receive<kafka::FetchResponse>(12)), std::vector<int>{});
  EXPECT_EQ(mentioned(client.receive<kafka::FetchResponse>(12)), std::vector<int>{});
  EXPECT_EQ(sessions(), 0U);
}

TEST_F(FetchSessionTest, AParkedIncrementalFetchMentionsWhatIsNewAfterItsSessionHasMovedOn) {
  const std::int32_t id = begin();
  client.send(12, kafka::FetchRequest{
                      .max_wait_ms = 50'000, .min_bytes = 1, .session_id = id, .session_epoch = 1});
  client.send(12, kafka::FetchRequest{
                      .max_wait_ms = 50'000, .min_bytes = 1, .session_id = id, .session_epoch = 2});
  KafkaClient producer(server.port());
  EXPECT_TRUE(eventually([&] {
    return server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
      return c.parked_fetches;
    }) == 2U;
  }));
  producer.produce("t", 1, batch_of({"new"}));
  EXPECT_EQ(mentioned(client.receive<kafka::FetchResponse>(12)), std::vector<int>{1});
  EXPECT_EQ(mentioned(client.receive<kafka::FetchResponse>(12)), std::vector<int>{1});
}

TEST_F(FetchSessionTest, AParkedIncrementalFetchIsWokenAndMentionsOnePartition) {
  const std::int32_t id = begin();
  client.send(12, kafka::FetchRequest{
                      .max_wait_ms = 50'000, .min_bytes = 1, .session_id = id, .session_epoch = 1});
  KafkaClient producer(server.port());
  producer.produce("t", 2, batch_of({"woken"}));
  auto answer = client.receive<kafka::FetchResponse>(12);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(mentioned(answer), std::vector<int>{2});
}

struct FewFetchSessionsTest : FetchSessionTest {
  static TestServerOptions few() {
    TestServerOptions options;
    options.kafka.max_fetch_sessions = 1;
    return options;
  }
  FewFetchSessionsTest() : FetchSessionTest(few()) {}
};

TEST_F(FewFetchSessionsTest, BeyondTheLimitAFetchIsAnsweredWithoutASession) {
  const std::int32_t id = begin();
  EXPECT_GT(id, 0);
  EXPECT_EQ(begin(), 0);
  EXPECT_EQ(mentioned(next(id, 1)), std::vector<int>{});
  EXPECT_EQ(server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
    return c.fetch_sessions_refused;
  }),
            1U);
}

struct ShortFetchSessionsTest : FetchSessionTest {
  static TestServerOptions short_lived() {
    TestServerOptions options;
    options.kafka.max_fetch_sessions = 1;
    options.kafka.fetch_session_eviction_ms = 0;
    return options;
  }
  ShortFetchSessionsTest() : FetchSessionTest(short_lived()) {}
};

TEST_F(ShortFetchSessionsTest, TheOneLongestUnusedMakesRoom) {
  const std::int32_t first = begin();
  const std::int32_t second = begin();
  EXPECT_GT(second, 0);
  EXPECT_NE(first, second);
  EXPECT_EQ(next(first, 1)->message.error_code, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(mentioned(next(second, 1)), std::vector<int>{});
}

}  // namespace
}  // namespace duolog::session

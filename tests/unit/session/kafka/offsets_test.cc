// Offsets by name, and leader epochs: ListOffsets, OffsetForLeaderEpoch, and Fetch's checks.
#include <gtest/gtest.h>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;
using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;

struct KafkaOffsetsTest : testing::Test {
  KafkaOffsetsTest() { EXPECT_EQ(client().create_topic("t", 1), ErrorCode::kNone); }

  KafkaClient& client() {
    if (!client_) client_ = std::make_unique<KafkaClient>(server.port());
    return *client_;
  }
  // The leader epoch goes up with each start.
  void restart() {
    client_.reset();
    server.restart();
  }
  ListOffsetsResponse::Topic::Partition list(std::int64_t timestamp, std::int16_t version = 11,
                                             std::int8_t isolation = 0, std::int32_t epoch = -1) {
    ListOffsetsRequest::Topic::Partition p{.current_leader_epoch = LeaderEpoch(epoch),
                                           .timestamp = Timestamp(timestamp)};
    ListOffsetsRequest::Topic t{.name = "t", .partitions = std::span(&p, 1)};
    const auto answer = client().call<ListOffsetsResponse>(
        version, ListOffsetsRequest{
                     .replica_id = -1, .isolation_level = isolation, .topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0];
  }
  kafka::OffsetForLeaderEpochResponse::Topic::Partition end_of(std::int32_t epoch,
                                                               std::int32_t current = -1) {
    kafka::OffsetForLeaderEpochRequest::Topic::Partition p{
        .current_leader_epoch = LeaderEpoch(current), .leader_epoch = LeaderEpoch(epoch)};
    kafka::OffsetForLeaderEpochRequest::Topic t{.topic = "t", .partitions = std::span(&p, 1)};
    const auto answer = client().call<kafka::OffsetForLeaderEpochResponse>(
        4, kafka::OffsetForLeaderEpochRequest{.topics = std::span(&t, 1)});
    return answer->message.topics[0].partitions[0];
  }
  struct FetchEpochs {
    std::int64_t offset = 0;
    std::int32_t current = -1;
    std::int32_t last_fetched = -1;
  };
  std::unique_ptr<Answer<kafka::FetchResponse>> fetch(FetchEpochs asked) {
    auto from = KafkaClient::from(0, asked.offset);
    from.current_leader_epoch = LeaderEpoch(asked.current);
    from.last_fetched_epoch = LeaderEpoch(asked.last_fetched);
    return client().fetch({.topic = "t", .partitions = {from}});
  }
  static const kafka::FetchResponse::Topic::Partition& only(
      const std::unique_ptr<Answer<kafka::FetchResponse>>& answer) {
    return answer->message.responses[0].partitions[0];
  }
  std::int32_t epoch() { return server.cluster().leader_epoch().value; }
  void produce(const std::string& value) {
    EXPECT_EQ(client().produce("t", 0, batch_of({value})).error_code, ErrorCode::kNone);
  }

  TestServer server;

 private:
  std::unique_ptr<KafkaClient> client_;
};

TEST_F(KafkaOffsetsTest, WithoutTransactionsReadCommittedIsTheHighWatermark) {
  produce("a");
  EXPECT_EQ(list(-1, 11, 0).offset, Offset(1));
  EXPECT_EQ(list(-1, 11, 1).offset, Offset(1));
}

TEST_F(KafkaOffsetsTest, AnEmptyLogHasEndsAndNoTimes) {
  EXPECT_EQ(list(-1).offset, Offset(0));
  EXPECT_EQ(list(-2).offset, Offset(0));
  EXPECT_EQ(list(-3).offset, Offset(-1));
  EXPECT_EQ(list(0).offset, Offset(-1));
  EXPECT_EQ(list(0).timestamp, Timestamp(-1));
  EXPECT_EQ(list(0).error_code, ErrorCode::kNone);
}

TEST_F(KafkaOffsetsTest, ACodeOfALaterVersionIsRefusedInAnEarlierOne) {
  EXPECT_EQ(list(-3, 6).error_code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(list(-3, 7).error_code, ErrorCode::kNone);
  EXPECT_EQ(list(-4, 7).error_code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(list(-4, 8).error_code, ErrorCode::kNone);
  EXPECT_EQ(list(-5, 9).offset, Offset(-1));
  EXPECT_EQ(list(-6, 11).offset, Offset(-1));
  EXPECT_EQ(list(-7, 11).error_code, ErrorCode::kUnsupportedVersion);
}

TEST_F(KafkaOffsetsTest, EachOffsetCarriesTheEpochInWhichItWasWritten) {
  produce("a");
  const std::int32_t first = epoch();
  restart();
  ASSERT_GT(epoch(), first);
  produce("b");
  EXPECT_EQ(list(-2).leader_epoch, LeaderEpoch(first));
  EXPECT_EQ(list(-1).leader_epoch, LeaderEpoch(epoch()));
}

TEST_F(KafkaOffsetsTest, AnEpochEndsWhereTheNextBegan) {
  produce("a");
  produce("b");
  const std::int32_t first = epoch();
  restart();
  produce("c");
  EXPECT_EQ(end_of(first).end_offset, Offset(2));
  EXPECT_EQ(end_of(first).leader_epoch, LeaderEpoch(first));
  EXPECT_EQ(end_of(epoch()).end_offset, Offset(3));
  EXPECT_EQ(end_of(epoch() + 1).end_offset, Offset(-1));
}

TEST_F(KafkaOffsetsTest, WhoKnowsAnotherLeaderIsTold) {
  produce("a");
  restart();
  const std::int32_t now = epoch();
  EXPECT_EQ(list(-1, 11, 0, now - 1).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(list(-1, 11, 0, now + 1).error_code, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(list(-1, 11, 0, now).error_code, ErrorCode::kNone);
  EXPECT_EQ(end_of(now, now - 1).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(end_of(now, now + 1).error_code, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(only(fetch({.current = now - 1})).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(only(fetch({.current = now + 1})).error_code, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(records_in(only(fetch({.current = now}))).size(), 1U);
}

TEST_F(KafkaOffsetsTest, AFetchFromAnotherHistoryIsToldWhereItDiverged) {
  produce("a");
  const std::int32_t first = epoch();
  restart();
  produce("b");
  // It says that offset 1 was followed by more of the first epoch, which ended there.
  const auto diverged = fetch({.offset = 2, .last_fetched = first});
  EXPECT_EQ(only(diverged).diverging_epoch.epoch, LeaderEpoch(first));
  EXPECT_EQ(only(diverged).diverging_epoch.end_offset, Offset(1));
  EXPECT_EQ(only(diverged).records.size_bytes(), 0U);
  const auto same = fetch({.offset = 1, .last_fetched = first});
  EXPECT_EQ(only(same).diverging_epoch.end_offset, Offset(-1));
  EXPECT_EQ(records_in(only(same)).size(), 1U);
}

TEST_F(KafkaOffsetsTest, BeyondBothEndsIsOutOfRange) {
  produce("a");
  EXPECT_EQ(only(fetch({.offset = 2})).error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(only(fetch({.offset = -1})).error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(only(fetch({.offset = 1})).error_code, ErrorCode::kNone);
}

TEST_F(KafkaOffsetsTest, OnlyReadCommittedHasAListOfAbortedTransactions) {
  produce("a");
  for (const std::int8_t isolation : {std::int8_t{0}, std::int8_t{1}}) {
    const auto answer = client().fetch(
        {.topic = "t", .partitions = {KafkaClient::from(0, 0)}, .isolation_level = isolation});
    EXPECT_EQ(only(answer).last_stable_offset, Offset(1));
    EXPECT_EQ(only(answer).aborted_transactions.is_null(), isolation == 0);
    EXPECT_EQ(only(answer).aborted_transactions.size(), 0U);
  }
}

TEST_F(KafkaOffsetsTest, TheEpochInMetadataNeverGoesBack) {
  std::int32_t last = -1;
  for (int i = 0; i < 3; ++i) {
    const std::int32_t now = client().partition_metadata("t").leader_epoch.value;
    EXPECT_GT(now, last);
    last = now;
    restart();
  }
  EXPECT_EQ(client().delete_topic("t"), ErrorCode::kNone);
  EXPECT_EQ(client().create_topic("t", 1), ErrorCode::kNone);
  EXPECT_GT(client().partition_metadata("t").leader_epoch.value, last);
}

}  // namespace
}  // namespace duolog::session

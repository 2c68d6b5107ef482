#include <algorithm>

#include <gtest/gtest.h>

#include "net/kafka/api_versions.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

using kafka::ErrorCode;

TEST(KafkaApiVersionsTest, AnswersWithTheTableInEveryVersion) {
  TestServer server;
  KafkaClient client(server.port());
  for (std::int16_t version = 0; version <= 4; ++version) {
    auto answer = client.call<kafka::ApiVersionsResponse>(
        version, kafka::ApiVersionsRequest{.client_software_name = "test",
                                           .client_software_version = "1.0"});
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
    ASSERT_EQ(answer->message.api_keys.size(),
              std::ranges::count_if(kafka::kApis, &kafka::Api::advertised));
    EXPECT_EQ(answer->message.api_keys[0].min_version, 0);
    EXPECT_EQ(answer->message.api_keys[0].max_version, 13);
  }
}

TEST(KafkaApiVersionsTest, AnswersAnUnknownVersionInVersionZeroWithItsOwnRange) {
  TestServer server;
  KafkaClient client(server.port());
  auto frame = KafkaClient::encode(4, kafka::ApiVersionsRequest{}, 7);
  store_be<std::int16_t>(frame.data() + 6, 99);
  client.send_bytes(frame);
  auto answer = client.receive<kafka::ApiVersionsResponse>(0);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->correlation_id, 7);
  EXPECT_EQ(answer->message.error_code, ErrorCode::kUnsupportedVersion);
  ASSERT_EQ(answer->message.api_keys.size(), 1U);
  EXPECT_EQ(answer->message.api_keys[0].max_version, 4);
}

TEST(KafkaApiVersionsTest, RefusesASoftwareNameThatIsNone) {
  TestServer server;
  KafkaClient client(server.port());
  auto answer = client.call<kafka::ApiVersionsResponse>(
      3, kafka::ApiVersionsRequest{.client_software_name = "-x", .client_software_version = "1"});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->message.error_code, ErrorCode::kInvalidRequest);
}

TEST(KafkaMetadataTest, CreatesAMissingTopicAndNamesTheAddressThatWasReached) {
  TestServer server(with_shards(3));
  KafkaClient client(server.port());
  kafka::MetadataRequest::Topic topic{.name = "made"};
  auto answer = client.call<kafka::MetadataResponse>(
      9, kafka::MetadataRequest{.topics = std::span(&topic, 1)});
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->message.topics.size(), 1U);
  EXPECT_EQ(answer->message.topics[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(answer->message.topics[0].partitions.size(), 1U);
  EXPECT_EQ(answer->message.brokers[0].host, "127.0.0.1");
  EXPECT_EQ(answer->message.brokers[0].port, server.port());
  EXPECT_EQ(answer->message.controller_id, 1);
  EXPECT_EQ(answer->message.cluster_id->size(), 22U);
}

TEST(KafkaMetadataTest, NamesNoTopicThatMayNotBeCreated) {
  TestServer server;
  KafkaClient client(server.port());
  kafka::MetadataRequest::Topic topics[] = {{.name = "missing"}, {.name = "bad name"}};
  auto answer = client.call<kafka::MetadataResponse>(
      4, kafka::MetadataRequest{.topics = std::span<kafka::MetadataRequest::Topic>(topics),
                                .allow_auto_topic_creation = false});
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->message.topics[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(answer->message.topics[1].error_code, ErrorCode::kInvalidTopicException);
}

TEST(KafkaMetadataTest, VersionZeroTakesNoTopicsForAll) {
  TestServer server;
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("a", 2), ErrorCode::kNone);
  auto all = client.call<kafka::MetadataResponse>(0, kafka::MetadataRequest{});
  auto none = client.call<kafka::MetadataResponse>(1, kafka::MetadataRequest{});
  ASSERT_TRUE(all && none);
  EXPECT_EQ(all->message.topics.size(), 1U);
  EXPECT_EQ(none->message.topics.size(), 0U);
}

TEST(KafkaSessionTest, FetchesWhatWasProducedOnOneShardAndOnThree) {
  for (const std::size_t shards : {1U, 3U}) {
    TestServer server(with_shards(shards));
    KafkaClient client(server.port());
    ASSERT_EQ(client.create_topic("t", 4), ErrorCode::kNone);
    for (int p = 0; p < 4; ++p) {
      const auto first = client.produce("t", p, batch_of({"a", "b"}));
      EXPECT_EQ(first.error_code, ErrorCode::kNone);
      EXPECT_EQ(first.base_offset, Offset(0));
      EXPECT_EQ(first.log_start_offset, Offset(0));
      EXPECT_EQ(client.produce("t", p, batch_of({"c"}), 1).base_offset, Offset(2));
      auto answer = client.fetch({.topic = "t",
                                  .partitions = {KafkaClient::from(p, 0)},
                                  .max_wait_ms = 30'000,
                                  .min_bytes = 146});
      ASSERT_NE(answer, nullptr);
      const auto& partition = answer->message.responses[0].partitions[0];
      EXPECT_EQ(records_in(partition), (std::vector<FetchedRecord>{{0, "a"}, {1, "b"}, {2, "c"}}));
      EXPECT_TRUE(partition.aborted_transactions.is_null());
    }
  }
}

TEST(KafkaSessionTest, AnswersInTheOrderOfRequestsWhileOtherShardsAreAsked) {
  TestServer server(with_shards(3));
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 8), ErrorCode::kNone);
  constexpr int kRequests = 400;
  std::vector<std::int32_t> ids;
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) {
      ids.push_back(client.send_produce("t", i % 8, batch_of({std::to_string(i)}),
                                        i % 3 == 0 ? std::int16_t{1} : std::int16_t{-1}));
    }
  });
  std::vector<std::int32_t> seen;
  for (int i = 0; i < kRequests; ++i) {
    auto answer = client.receive<kafka::ProduceResponse>(9);
    ASSERT_NE(answer, nullptr);
    seen.push_back(answer->correlation_id);
    const auto& partition = answer->message.responses[0].partition_responses[0];
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.base_offset, Offset(i / 8));
  }
  sender.join();
  EXPECT_EQ(seen, ids);
  for (int p = 0; p < 8; ++p) {
    auto answer = client.fetch({.topic = "t", .partitions = {KafkaClient::from(p, 0)}});
    ASSERT_NE(answer, nullptr);
    const auto records = records_in(answer->message.responses[0].partitions[0]);
    ASSERT_EQ(records.size(), kRequests / 8U);
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(records[i].value, std::to_string(i * 8 + static_cast<std::size_t>(p)));
    }
  }
}

TEST(KafkaSessionTest, SaysNothingToAcksZeroAndClosesOnItsError) {
  TestServer server(with_shards(3));
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 3), ErrorCode::kNone);
  for (int p = 0; p < 3; ++p) client.send_produce("t", p, batch_of({"x"}), 0);
  // The next answer is the next request's.
  auto answer = client.call<kafka::ApiVersionsResponse>(0, kafka::ApiVersionsRequest{});
  ASSERT_NE(answer, nullptr);
  for (int p = 0; p < 3; ++p) {
    auto fetched = client.fetch(
        {.topic = "t", .partitions = {KafkaClient::from(p, 0)}, .max_wait_ms = 30'000});
    ASSERT_NE(fetched, nullptr);
    EXPECT_EQ(records_in(fetched->message.responses[0].partitions[0]).size(), 1U);
  }
  client.send_produce("nowhere", 0, batch_of({"x"}), 0);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server.closed(KafkaClose::kAckless), 1U);
}

TEST(KafkaSessionTest, HostileBytesCloseTheirOwnConnectionOnly) {
  TestServer server;
  KafkaClient good(server.port());
  ASSERT_EQ(good.create_topic("t", 1), ErrorCode::kNone);
  const std::vector<std::vector<std::uint8_t>> hostile = {
      {0xff, 0xff, 0xff, 0xff},                                       // a negative length
      {0x7f, 0xff, 0xff, 0xff},                                       // 2 GiB
      {0, 0, 0, 2, 0, 0},                                             // no header
      {0, 0, 0, 10, 0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff},             // an unknown API
      {0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff},              // Produce version 2
      {0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff},  // half an array
  };
  for (const auto& bytes : hostile) {
    KafkaClient bad(server.port());
    bad.send_bytes(bytes);
    EXPECT_TRUE(bad.at_end());
  }
  EXPECT_EQ(server.closed(KafkaClose::kBadRequest), 3U);
  EXPECT_EQ(server.closed(KafkaClose::kTooLarge), 1U);
  EXPECT_EQ(server.closed(KafkaClose::kUnsupported), 2U);
  EXPECT_EQ(good.produce("t", 0, batch_of({"x"})).error_code, ErrorCode::kNone);
}

TEST(KafkaSessionTest, AnswersWhatCameBeforeABadRequest) {
  TestServer server;
  KafkaClient client(server.port());
  auto bytes = KafkaClient::encode(0, kafka::ApiVersionsRequest{}, 5);
  bytes.insert(bytes.end(), {0xff, 0xff, 0xff, 0xff});
  client.send_bytes(bytes);
  auto answer = client.receive<kafka::ApiVersionsResponse>(0);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->correlation_id, 5);
  EXPECT_TRUE(client.at_end());
}

TEST(KafkaSessionTest, PassesOverBytesBehindARequestAndAnswersTheNext) {
  TestServer server;
  KafkaClient client(server.port());
  auto bytes = KafkaClient::encode(0, kafka::ApiVersionsRequest{}, 5);
  bytes.insert(bytes.end(), {0xff, 0x00, 0x7f});
  store_be<std::int32_t>(bytes.data(), static_cast<std::int32_t>(bytes.size() - 4));
  const auto next = KafkaClient::encode(0, kafka::ApiVersionsRequest{}, 6);
  bytes.insert(bytes.end(), next.begin(), next.end());
  client.send_bytes(bytes);
  for (const std::int32_t id : {5, 6}) {
    auto answer = client.receive<kafka::ApiVersionsResponse>(0);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->correlation_id, id);
    EXPECT_EQ(answer->message.error_code, ErrorCode::kNone);
  }
}

TEST(KafkaSessionTest, ATornRequestEndsQuietly) {
  TestServer server;
  {
    KafkaClient client(server.port());
    client.send_bytes(std::vector<std::uint8_t>{0, 0, 1, 0, 0, 3});
  }
  EXPECT_TRUE(eventually([&] { return server.closed(KafkaClose::kByPeer) == 1; }));
}

TEST(KafkaSessionTest, TakesARequestThatArrivesByteByByte) {
  TestServer server(with_shards(3));
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 3), ErrorCode::kNone);
  const auto batch = batch_of({"slow"});
  for (int p = 0; p < 3; ++p) {
    kafka::ProduceRequest::Topic::Partition part{.index = PartitionId(p),
                                                 .records = kafka::Records(Bytes(batch))};
    kafka::ProduceRequest::Topic topic{.name = "t", .partition_data = std::span(&part, 1)};
    const auto bytes = KafkaClient::encode(
        9, kafka::ProduceRequest{.acks = -1, .topic_data = std::span(&topic, 1)}, 1);
    for (const std::uint8_t& byte : bytes) client.send_bytes({&byte, 1});
    auto answer = client.receive<kafka::ProduceResponse>(9);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->message.responses[0].partition_responses[0].error_code, ErrorCode::kNone);
  }
}

TEST(KafkaSessionTest, ABatchBeyondItsTopicsLimitIsRefusedAndCountedAndTheConnectionGoesOn) {
  TestServerOptions options;
  options.broker.topic_defaults.max_message_bytes = 200;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 1), ErrorCode::kNone);
  const std::string large(200, 'x');
  EXPECT_EQ(client.produce("t", 0, batch_of({large})).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(client.produce("t", 0, batch_of({"x"})).base_offset, Offset(0));
  EXPECT_EQ(server.counters().batches_too_large.get(), 1U);
}

TEST(KafkaSessionTest, StopsReadingWhoHasTooMuchInFlightAndLosesNothing) {
  TestServerOptions options = with_shards(3);
  options.kafka.max_in_flight = 4;
  options.kafka.request_budget_bytes = 100'000;
  TestServer server(options);
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 3), ErrorCode::kNone);
  constexpr int kRequests = 2'000;
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) {
      const std::string value(static_cast<std::size_t>(i % 7 == 0 ? 90'000 : 500), 'v');
      client.send_produce("t", i % 3, batch_of({value}));
    }
  });
  for (int i = 0; i < kRequests; ++i) {
    auto answer = client.receive<kafka::ProduceResponse>(9);
    if (answer == nullptr) {
      ADD_FAILURE() << i;
      break;
    }
    EXPECT_EQ(answer->message.responses[0].partition_responses[0].base_offset, Offset(i / 3));
  }
  sender.join();
  EXPECT_GT(server.sum([](const KafkaCounters& c) -> const runtime::Counter& {
    return c.stalled_in_flight;
  }),
            0U);
}

}  // namespace
}  // namespace duolog::session

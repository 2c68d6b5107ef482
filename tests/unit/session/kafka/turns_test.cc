// Kafka clients that send without waiting: each turn serves some of them, and all get served.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "net/kafka/api_versions.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

TestServerOptions without_time() {
  TestServerOptions options;
  options.turn_us = 0;  // a turn serves one of each class
  options.kafka.max_in_flight = 10'000;
  return options;
}

TEST(KafkaTurnsTest, ManyRequestsOfManyClientsAreHandledOneATurnAndAnsweredInOrder) {
  TestServer server(without_time());
  constexpr int kClients = 10;
  constexpr std::int32_t kRequests = 100;
  std::vector<std::uint8_t> many;
  for (std::int32_t id = 0; id < kRequests; ++id) {
    const auto frame = KafkaClient::encode(0, kafka::ApiVersionsRequest{}, id);
    many.insert(many.end(), frame.begin(), frame.end());
  }
  std::vector<std::unique_ptr<KafkaClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<KafkaClient>(server.port()));
  }
  const auto& counters = server.runtime().shard(ShardId(0)).counters();
  const std::uint64_t turns = counters.turns.get();
  for (auto& client : clients) client->send_bytes(many);
  for (auto& client : clients) {
    for (std::int32_t id = 0; id < kRequests; ++id) {
      const auto answer = client->receive<kafka::ApiVersionsResponse>(0);
      ASSERT_NE(answer, nullptr);
      ASSERT_EQ(answer->correlation_id, id);
    }
  }
  EXPECT_GE(counters.turns.get() - turns, std::uint64_t{kClients} * kRequests / 2);
  EXPECT_GT(server.counters().stalled_turn.get(), 0U);
}

TEST(KafkaTurnsTest, ARequestLargerThanAReceiveBufferIsHandledWhenItsTurnComes) {
  TestServer server(without_time());
  KafkaClient client(server.port());
  ASSERT_EQ(client.create_topic("t", 1), kafka::ErrorCode::kNone);
  for (int i = 0; i < 5; ++i) {
    const auto written = client.produce("t", 0, batch_of({std::string(500'000, 'x')}));
    EXPECT_EQ(written.error_code, kafka::ErrorCode::kNone);
    EXPECT_EQ(written.base_offset, Offset(i));
  }
}

}  // namespace
}  // namespace duolog::session

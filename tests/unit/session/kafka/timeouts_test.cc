// A peer that goes on a little at a time has a limit too, in and out.
#include <vector>

#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

TestServerOptions with_transfers_of(std::uint64_t timeout_ms) {
  TestServerOptions options;
  options.kafka.transfer_timeout_ms = timeout_ms;
  return options;
}

std::uint64_t closed(const TestServer& server, KafkaClose why) {
  return server.counters().closed[static_cast<std::size_t>(why)].get();
}

TEST(KafkaTimeoutTest, ARequestThatComesABitAtATimeIsNotWaitedForForEver) {
  TestServer server(with_transfers_of(100));
  KafkaClient client(server.port());
  const std::vector<std::uint8_t> length = {0x03, 0, 0, 0};  // 50 MB
  client.send_bytes(length);
  const std::uint8_t piece[1] = {};
  for (int i = 0; i < 50'000'000 && closed(server, KafkaClose::kReadTimeout) == 0; ++i) {
    client.send_bytes(piece);
  }
  EXPECT_EQ(closed(server, KafkaClose::kReadTimeout), 1U);
}

TEST(KafkaTimeoutTest, AResponseThatIsReadABitAtATimeKeepsItsFilesForAWhileOnly) {
  TestServer server(with_transfers_of(100));
  KafkaClient client(server.port(), 4096);
  ASSERT_EQ(client.create_topic("t", 1), kafka::ErrorCode::kNone);
  for (int i = 0; i < 6; ++i) {
    client.produce("t", 0, batch_of({std::string(900'000, 'x')}));
  }
  // Together more than the kernel takes.
  for (int i = 0; i < 5; ++i) {
    client.send_fetch({.topic = "t", .partitions = {KafkaClient::from(0, 0, 50 << 20)}});
  }
  std::size_t bytes = 0;
  while (bytes < 20'000'000 && client.receive_byte()) ++bytes;
  EXPECT_LT(bytes, 20'000'000U);
  EXPECT_EQ(closed(server, KafkaClose::kWriteTimeout), 1U);
}

}  // namespace
}  // namespace duolog::session

// Requests that wait for other shards, when the client does not wait for them.
#include <string>

#include <gtest/gtest.h>

#include "net/kafka/configs.h"
#include "net/kafka/coordinator.h"
#include "net/kafka/group_admin.h"
#include "net/kafka/init_producer_id.h"
#include "tests/unit/session/kafka/kafka_client.h"
#include "tests/unit/session/test_server.h"

namespace duolog::session {
namespace {

template <class T>
std::span<T> one(T& element) {
  return std::span(&element, 1);
}

// Everything that is gathered from others, about a topic of its own.
void ask_for_all(KafkaClient& client, const std::string& topic) {
  kafka::CreateTopicsRequest::Topic create{
      .name = topic, .num_partitions = 3, .replication_factor = 1};
  client.send(5, kafka::CreateTopicsRequest{.topics = one(create)});
  kafka::CreatePartitionsRequest::Topic grow{.name = topic, .count = 5};
  grow.assignments = kafka::Array<kafka::CreatePartitionsRequest::Topic::Assignment>::null();
  client.send(2, kafka::CreatePartitionsRequest{.topics = one(grow)});
  kafka::IncrementalAlterConfigsRequest::Resource::Config config{.name = "retention.ms",
                                                                 .value = "1000"};
  kafka::IncrementalAlterConfigsRequest::Resource resource{
      .resource_type = 2, .resource_name = topic, .configs = one(config)};
  client.send(1, kafka::IncrementalAlterConfigsRequest{.resources = one(resource)});
  const std::string made = topic + "-made";
  kafka::MetadataRequest::Topic missing{.name = made};
  client.send(9, kafka::MetadataRequest{.topics = one(missing)});
  client.send(4, kafka::ListGroupsRequest{});
  client.send(4, kafka::InitProducerIdRequest{.transactional_id = std::nullopt});
  std::string_view name = topic;
  client.send(5, kafka::DeleteTopicsRequest{.topic_names = one(name)});
}

constexpr std::uint64_t kAsked = 7;  // by ask_for_all

// Requests that have been started since the server was.
std::uint64_t started(const TestServer& server) {
  std::uint64_t count = 0;
  for (std::size_t api = 0; api < kafka::kApis.size(); ++api) {
    count += server.sum(
        [api](const KafkaCounters& c) -> const runtime::Counter& { return c.requests[api]; });
  }
  return count;
}

TEST(KafkaGatheringJobTest, AClientThatLeavesIsLetGoOfOnceItsRequestsHaveEnded) {
  constexpr int kClients = 50;
  TestServerOptions options;
  options.shards = 3;
  TestServer server(options);
  for (int i = 0; i < kClients; ++i) {
    KafkaClient client(server.port());
    // An answer that is not read makes a reset of the close.
    if (i % 2 == 0) {
      client.send(9, kafka::MetadataRequest{});
      ASSERT_TRUE(eventually([&] { return !client.silent(); }));
    }
    const std::uint64_t before = started(server);
    ask_for_all(client, "left-" + std::to_string(i));
    ASSERT_TRUE(eventually([&] { return started(server) >= before + kAsked; }));
  }
  const auto connections = [](const KafkaCounters& c) -> const runtime::Counter& {
    return c.connections;
  };
  EXPECT_TRUE(eventually([&] { return server.sum(connections) == 0; }));
  KafkaClient client(server.port());
  EXPECT_EQ(client.create_topic("afterwards", 3), kafka::ErrorCode::kNone);
}

TEST(KafkaGatheringJobTest, TheServerStopsWhileRequestsWait) {
  TestServerOptions options;
  options.shards = 3;
  TestServer server(options);
  for (int i = 0; i < 10; ++i) {
    KafkaClient client(server.port());
    ask_for_all(client, "stopped-" + std::to_string(i));
    ASSERT_TRUE(eventually([&] { return started(server) >= kAsked; }));
    if (i % 2 == 0) {
      ASSERT_TRUE(eventually([&] { return !client.silent(); }));
    }
    server.restart();
  }
  KafkaClient client(server.port());
  EXPECT_EQ(client.create_topic("afterwards", 3), kafka::ErrorCode::kNone);
}

}  // namespace
}  // namespace duolog::session

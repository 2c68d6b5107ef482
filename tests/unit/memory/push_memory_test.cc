// What pushing costs a shard in memory: nothing from the allocator, once it is warm, and nothing
// for a subscriber that does not read.
#include <thread>

#include "tests/unit/memory/allocations.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

// Reads whatever comes, until stopped, and counts the messages of all.
class Readers {
 public:
  Readers(HttpFixture& fixture, int count, const std::string& target) {
    for (int i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<FeedClient>(fixture, target));
      EXPECT_TRUE(clients_.back()->upgraded());
    }
  }
  FeedClient& operator[](std::size_t i) { return *clients_[i]; }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  void read_messages(int each) {
    for (auto& client : clients_) {
      for (int i = 0; i < each; ++i) (void)client->message();
    }
  }

 private:
  std::vector<std::unique_ptr<FeedClient>> clients_;
};

std::size_t allocations_of_shard(HttpFixture& fixture) {
  return fixture.cluster().on(0, [](broker::Broker&) { return allocations_of_thread(); });
}

// What asking the shard costs by itself.
std::size_t allocations_of_asking(HttpFixture& fixture) {
  const std::size_t before = allocations_of_shard(fixture);
  return allocations_of_shard(fixture) - before;
}

TEST(PushMemoryTest, AWarmShardPushesWithoutTheAllocator) {
  HttpPortSettings settings;
  settings.push.heartbeat_ms = settings.websocket.ping_after_ms = 3'600'000;  // records only
  HttpFixture fixture(2, settings);
  // Appending is another shard's: here it is about what pushes cost.
  int number = 0;
  std::string name;
  do {
    name = "t" + std::to_string(number++);
  } while (fixture.create(name).partition(PartitionId(0))->owner != ShardId(1));
  FeedClient publisher(fixture, "/v1/topics/" + name + "/ws");
  Readers feeds(fixture, 8, "/v1/topics/" + name + "/ws");
  Readers pushes(fixture, 8, "/v1/ws");
  for (std::size_t i = 0; i < pushes.size(); ++i) {
    pushes[i].send(ws::Opcode::kText,
                   R"({"id":1,"subscribe":{"sid":1,"topic":")" + name + R"("}})");
    (void)pushes[i].message();
  }
  const auto publish = [&](std::size_t records) {
    for (std::size_t i = 0; i < records; ++i) {
      publisher.publish("a record of the usual size, which is not very large");
      (void)publisher.message();
      feeds.read_messages(1);
      pushes.read_messages(1);
    }
  };
  publish(PushCache::kManyEntries + 200);  // now it is warm
  const std::size_t asking = allocations_of_asking(fixture);
  const std::size_t before = allocations_of_shard(fixture);
  publish(1000);
  EXPECT_LE(allocations_of_shard(fixture) - before, asking);
}

}  // namespace
}  // namespace duolog::session

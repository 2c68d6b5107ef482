// A send that fails, and then the end of a topic that it was of. The connection is still there
// because something that it has published waits for a shard that stands still.
#include <future>
#include <string>

#include <sys/socket.h>

#include "engine/broker/partitioner.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

// Shard 1 does nothing while this lives.
class StandingStill {
 public:
  explicit StandingStill(HttpFixture& fixture) {
    std::promise<void> stands;
    fixture.cluster().runtime().run_on(
        ShardId(1), [&stands, until = go_on_.get_future().share()](runtime::Shard&) {
          stands.set_value();
          until.wait();
        });
    stands.get_future().wait();
  }
  ~StandingStill() { go_on_.set_value(); }

 private:
  std::promise<void> go_on_;
};

HttpPortSettings impatient() {
  HttpPortSettings settings;
  settings.live.max_unacked_bytes = 1;  // whoever publishes is not read until it is acked
  return settings;
}

void reset(FeedClient& client) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  client.http().close();
}

// The client has published twice at once, so that the server does not read from it until the first
// is acked, and resets its connection. A record for it fails to be sent, and the topic that it is
// of begins to go; once `deleted` is set it is gone.
void lose_a_send(HttpFixture& fixture, FeedClient& client, broker::Topic& topic,
                 broker::Partition& near, std::promise<void>& deleted) {
  ASSERT_TRUE(
      HttpFixture::eventually([&] { return fixture.live_counters().publish_pauses.get() > 0; }));
  const auto& shard = fixture.cluster().broker(0).shard().counters();
  reset(client);
  ASSERT_EQ(fixture.append(near, batch_of_values({std::string(5'000, 'x')})),
            kafka::ErrorCode::kNone);
  ASSERT_TRUE(HttpFixture::eventually([&] { return shard.sockets_open.get() == 0; }));
  EXPECT_EQ(fixture.counters().connections_open.get(), 1U);
  fixture.cluster().runtime().run_on(
      ShardId(0), [&fixture, &deleted, id = topic.id](runtime::Shard&) {
        fixture.cluster().broker(0).delete_topic(
            id, [&deleted](const broker::TopicOutcome&) { deleted.set_value(); });
      });
  // Shard 0 has forgotten it, which it does before shard 1 can.
  ASSERT_TRUE(HttpFixture::eventually([&] {
    return fixture.cluster().on(
        0, [&](broker::Broker& broker) { return broker.find("read") == nullptr; });
  }));
}

TEST(LostSendTest, OfAFeedThatPublishesStillLetsItsTopicGo) {
  HttpFixture fixture(2, impatient());
  broker::Topic& topic = fixture.create("read", 2);
  broker::Partition& near = *topic.partitions[topic.partitions[0]->owner == ShardId(0) ? 0 : 1];
  std::string key = "a";
  while (broker::partition_for_key(as_bytes(key), 2) == near.id) ++key[0];
  FeedClient client(fixture, "/v1/topics/read/ws?from=latest&key=" + key);
  ASSERT_TRUE(client.upgraded());
  std::promise<void> deleted;
  {
    const StandingStill still(fixture);
    client.http().send(masked(ws::Opcode::kBinary, "one") + masked(ws::Opcode::kBinary, "two"));
    lose_a_send(fixture, client, topic, near, deleted);
  }
  deleted.get_future().wait();
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.counters().connections_open.get() == 0; }));
}

TEST(LostSendTest, OfASubscriptionStillLetsItsTopicGo) {
  HttpFixture fixture(2, impatient());
  broker::Topic& topic = fixture.create("read", 2);
  broker::Partition& near = *topic.partitions[topic.partitions[0]->owner == ShardId(0) ? 0 : 1];
  const broker::Topic& other = fixture.create("written", 2);
  const int far = other.partitions[0]->owner == ShardId(1) ? 0 : 1;
  PushClient client(fixture);
  (void)client.subscribe(1, "read");
  std::promise<void> deleted;
  {
    const StandingStill still(fixture);
    const Json publish = {{"topic", "written"},
                          {"records", {{{"value", "x"}, {"partition", far}}}}};
    const std::string message =
        masked(ws::Opcode::kText, Json{{"id", 2}, {"publish", publish}}.dump());
    client.ws().http().send(message + message);
    lose_a_send(fixture, client.ws(), topic, near, deleted);
  }
  deleted.get_future().wait();
  EXPECT_TRUE(
      HttpFixture::eventually([&] { return fixture.counters().connections_open.get() == 0; }));
}

}  // namespace
}  // namespace duolog::session

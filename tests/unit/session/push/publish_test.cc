// duolog.v1.json: publishing, and its acks.
#include "engine/broker/partitioner.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

Json publish(const std::string& topic, Json records, const char* ack = "durable") {
  return {{"topic", topic}, {"records", std::move(records)}, {"ack", ack}};
}

TEST(PushPublishTest, AnswersWithPartitionAndOffsetOnceItIsDurable) {
  HttpFixture fixture(2);
  fixture.create("orders", 4);
  PushClient client(fixture);
  const Json published =
      client.call("publish", publish("orders", Json::parse(R"([{"partition":1,"value":"a"},
                 {"partition":3,"value_b64":"AAEC"},{"partition":1,"value":"b"}])")));
  EXPECT_EQ(published["published"]["stage"], "durable");
  EXPECT_EQ(published["published"]["items"],
            Json::parse(R"([{"partition":1,"offset":"0"},{"partition":3,"offset":"0"},
                            {"partition":1,"offset":"1"}])"));
}

TEST(PushPublishTest, ARecordComesOutAsItWentIn) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}});
  (void)client.call("publish", publish("t", Json::parse(R"([{"key":"k","value":"v\u00e9\n",
      "t":1790000000000,"headers":[["h","1"],["b",{"v_b64":"/w=="}]]},{"key":"k","value":null}])")));
  const Json items = client.push()["records"]["items"];
  EXPECT_EQ(items[0]["key"], "k");
  EXPECT_EQ(items[0]["value"], "v\xC3\xA9\n");
  EXPECT_EQ(items[0]["t"], 1790000000000);
  EXPECT_EQ(items[0]["headers"], Json::parse(R"([["h","1"],["b",{"v_b64":"/w=="}]])"));
  EXPECT_TRUE(items[1]["value"].is_null());
}

TEST(PushPublishTest, AppendedIsToldBeforeDurable) {
  HttpFixture fixture(2);
  fixture.create("t", 2);
  PushClient client(fixture);
  for (int partition = 0; partition < 2; ++partition) {
    const int id = client.command(
        "publish", publish("t", {{{"partition", partition}, {"value", "x"}}}, "appended"));
    const Json appended = client.answer(id);
    const Json durable = client.answer(id);
    EXPECT_EQ(appended["published"]["stage"], "appended");
    EXPECT_EQ(durable["published"]["stage"], "durable");
    EXPECT_EQ(appended["published"]["items"], durable["published"]["items"]);
    EXPECT_EQ(durable["published"]["items"][0]["offset"], "0");
  }
}

TEST(PushPublishTest, WithoutAnAckOnlyErrorsAreAnswered) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  (void)client.command("publish", publish("t", {{{"value", "x"}}}, "none"));
  const int bad =
      client.command("publish", publish("t", {{{"value", "x"}, {"partition", 7}}}, "none"));
  const Json answer = client.receive();
  EXPECT_EQ(answer["id"], bad);
  EXPECT_EQ(answer["error"]["code"], 107);
  (void)client.subscribe(1, "t", {{"from", "earliest"}});
  EXPECT_EQ(client.values(1), std::vector<std::string>{"x"});
}

TEST(PushPublishTest, RecordsOfAKeyGoWhereKafkasProducersPutThem) {
  HttpFixture fixture;
  fixture.create("t", 10);
  PushClient client(fixture);
  const Json items = client.call(
      "publish", publish("t", {{{"key", "user-1"}, {"value", "a"}},
                               {{"key", "user-1"}, {"value", "b"}}}))["published"]["items"];
  EXPECT_EQ(items[0]["partition"],
            broker::partition_for_key(as_bytes(std::string_view("user-1")), 10).value);
  EXPECT_EQ(items[0]["partition"], items[1]["partition"]);
}

TEST(PushPublishTest, WhatIsWrongWithOneRecordIsItsOwnError) {
  HttpFixture fixture;
  fixture.create("t", 1, {{"max.message.bytes", "1000"}});
  PushClient client(fixture);
  const Json published = client.call(
      "publish", publish("t", {{{"value", "fits"}}, {{"value", std::string(2000, 'x')}}}));
  const Json items = published["published"]["items"];
  EXPECT_EQ(items[0]["offset"], "0");
  EXPECT_EQ(items[1]["error"]["code"], 106);
  EXPECT_FALSE(items[1].contains("offset"));
  const Json refused = client.call("publish", publish("t", {{{"value", std::string(2000, 'x')}}}));
  EXPECT_EQ(refused["error"]["code"], 106);
}

TEST(PushPublishTest, AStampFarFromTheServersClockIsRefused) {
  HttpFixture fixture;
  fixture.create("t", 1, {{"message.timestamp.before.max.ms", "60000"}});
  PushClient client(fixture);
  const std::int64_t now = wall_clock().value;
  const auto code = [&](std::int64_t t) {
    return client.call("publish", publish("t", {{{"value", "x"}, {"t", t}}}));
  };
  EXPECT_EQ(code(now - 120'000)["error"]["code"], 107);
  EXPECT_EQ(code(now + 7'200'000)["error"]["code"], 107);
  EXPECT_TRUE(code(now - 1000).contains("published"));
}

TEST(PushPublishTest, ACompactedTopicWantsKeys) {
  HttpFixture fixture;
  fixture.create("t", 1, {{"cleanup.policy", "compact"}});
  PushClient client(fixture);
  EXPECT_EQ(client.call("publish", publish("t", {{{"value", "x"}}}))["error"]["code"], 107);
  EXPECT_TRUE(client.call("publish", publish("t", {{{"key", "k"}, {"value", nullptr}}}))
                  .contains("published"));
}

TEST(PushPublishTest, PublishesOfOneTurnToOnePartitionAreOneBatch) {
  // A turn that has time for all of them, however slow the machine.
  HttpFixture fixture(1, {}, broker::TestCluster::small_options(), 10'000'000);
  fixture.create("t");
  PushClient client(fixture);
  (void)client.call("ping", Json::object());
  const std::uint64_t before = fixture.live_counters().batches_published.get();
  std::string many;
  for (int i = 1; i <= 100; ++i) {
    many +=
        Json{{"id", 1000 + i}, {"publish", publish("t", {{{"value", std::to_string(i)}}})}}.dump();
    many += '\n';
  }
  client.ws().send(ws::Opcode::kText, many);
  for (int i = 1; i <= 100; ++i) {
    const Json answer = client.receive();
    EXPECT_EQ(answer["id"], 1000 + i);
    EXPECT_EQ(answer["published"]["items"][0]["offset"], std::to_string(i - 1));
  }
  EXPECT_EQ(fixture.live_counters().batches_published.get() - before, 1U);
}

TEST(PushPublishTest, ATopicIsCreatedByItsFirstPublish) {
  HttpFixture fixture;
  PushClient client(fixture);
  const int first = client.command("publish", publish("fresh", {{{"value", "1"}}}));
  const int second = client.command("publish", publish("fresh", {{{"value", "2"}}}));
  EXPECT_EQ(client.answer(first)["published"]["items"][0]["offset"], "0");
  EXPECT_EQ(client.answer(second)["published"]["items"][0]["offset"], "1");
}

// The connection is not on the shard that creates topics, so that what comes while one is being
// created has a chance to overtake it.
TEST(PushPublishTest, WhatIsPublishedBehindACreationStaysInOrder) {
  HttpFixture fixture(2);
  PushClient client(fixture, 1);
  for (int topic = 0; topic < 40; ++topic) {
    const std::string name = "fresh" + std::to_string(topic);
    std::string many;
    for (int i = 0; i < 60; ++i) {
      const Json records = {{{"value", "x"}, {"partition", 0}}};
      many += Json{{"id", i}, {"publish", publish(name, records)}}.dump() + "\n";
    }
    client.ws().send(ws::Opcode::kText, many);
    for (int i = 0; i < 60; ++i) {
      const Json answer = client.receive();
      ASSERT_EQ(answer["published"]["items"][0]["offset"], std::to_string(answer["id"].get<int>()));
    }
  }
}

TEST(PushPublishTest, AnInternalTopicIsOnlyRead) {
  HttpFixture fixture;
  fixture.create("__consumer_offsets");
  PushClient client(fixture);
  EXPECT_EQ(
      client.call("publish", publish("__consumer_offsets", {{{"value", "x"}}}))["error"]["code"],
      103);
}

TEST(PushPublishTest, WhatIsUnderWayWhenTheServerStopsIsAnsweredBeforeBye) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  (void)client.call("ping", Json::object());
  std::string many;
  for (int i = 1; i <= 50; ++i) {
    many +=
        Json{{"id", i}, {"publish", publish("t", {{{"value", std::string(1000, 'v')}}})}}.dump() +
        "\n";
  }
  client.ws().send(ws::Opcode::kText, many);
  ASSERT_TRUE(HttpFixture::eventually(
      [&] { return fixture.live_counters().records_published.get() == 50; }));
  fixture.drain();
  int answered = 0;
  for (Json object = client.receive(); object.contains("id"); object = client.receive()) {
    EXPECT_TRUE(object.contains("published")) << object.dump();
    ++answered;
  }
  EXPECT_EQ(answered, 50);
  EXPECT_EQ(client.ws().close_code(), 4503);
}

TEST(PushPublishTest, ADeletedTopicRefusesWhatWasOnItsWayAndAnswersIt) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  PushClient client(fixture);
  const int id = client.command("publish", publish("t", {{{"value", "x"}}}));
  (void)fixture.cluster().remove(topic.id);
  const Json answer = client.answer(id);
  EXPECT_TRUE(answer.contains("published") || answer["error"]["code"] == 102) << answer.dump();
}

}  // namespace
}  // namespace duolog::session

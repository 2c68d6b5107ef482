// duolog.v1.json, end to end over a loopback socket: subscriptions and what they are sent.
#include "engine/base/uuid.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

std::vector<std::optional<std::string>> numbers(int from, int count) {
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < count; ++i) values.emplace_back(std::to_string(from + i));
  return values;
}

std::vector<std::string> texts(int from, int count) {
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) values.push_back(std::to_string(from + i));
  return values;
}

TEST(PushTest, HelloSaysWhoTheServerIsAndItsLimits) {
  HttpFixture fixture;
  PushClient client(fixture);
  const Json hello = client.call("hello", {{"client", "test/1"}, {"token", nullptr}});
  EXPECT_EQ(hello["hello"]["server"], "duolog");
  EXPECT_EQ(hello["hello"]["max_message_bytes"], 1 << 20);
  EXPECT_EQ(hello["hello"]["heartbeat_ms"], 15'000);
  EXPECT_FALSE(hello["hello"]["session"].get<std::string>().empty());
}

TEST(PushTest, EchoesTheSubprotocolOnlyWhenItIsOffered) {
  HttpFixture fixture;
  HttpClient offering(fixture);
  offering.send(upgrade_request("/v1/ws", "Sec-WebSocket-Protocol: other, duolog.v1.json\r\n"));
  EXPECT_NE(offering.response().find("Sec-WebSocket-Protocol: duolog.v1.json\r\n"),
            std::string::npos);
  HttpClient unknown(fixture);
  unknown.send(upgrade_request("/v1/ws", "Sec-WebSocket-Protocol: duolog.v9\r\n"));
  EXPECT_TRUE(unknown.response().starts_with("HTTP/1.1 400 "));
  HttpClient silent(fixture);
  silent.send(upgrade_request("/v1/ws"));
  EXPECT_EQ(silent.response().find("Sec-WebSocket-Protocol"), std::string::npos);
}

TEST(PushTest, PushesRecordsWithTheirKeysHeadersAndOffsets) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("trades");
  storage::RecordBatchBuilder builder(1U << 20);
  const std::array<storage::RecordHeader, 2> headers = {
      storage::RecordHeader{"k", as_bytes(std::string_view("v"))},
      storage::RecordHeader{"bin", as_bytes(std::string_view("\xFF"))}};
  ASSERT_TRUE(builder.add({.timestamp = Timestamp(1790000000000),
                           .key = as_bytes(std::string_view("AAPL")),
                           .value = as_bytes(std::string_view("a \"b\"\n")),
                           .headers = headers}));
  ASSERT_TRUE(builder.add({.timestamp = Timestamp(1790000000004),
                           .key = as_bytes(std::string_view("\xFE")),
                           .value = {},
                           .headers = {}}));
  const MutableBytes batch = builder.finish();
  ASSERT_EQ(fixture.append(first(topic), {batch.begin(), batch.end()}), kafka::ErrorCode::kNone);
  PushClient client(fixture);
  const Json subscribed = client.subscribe(8, "trades", {{"from", "earliest"}});
  EXPECT_EQ(subscribed["subscribed"]["sid"], 8);
  EXPECT_EQ(subscribed["subscribed"]["topic_id"], to_text(topic.id));
  EXPECT_FALSE(subscribed["subscribed"].contains("recovered"));
  const Json position = subscribed["subscribed"]["positions"]["0"];
  EXPECT_EQ(position["next"], "0");
  EXPECT_EQ(position["start"], "0");
  EXPECT_EQ(position["end"], "2");
  const Json records = client.push()["records"];
  EXPECT_EQ(records["sid"], 8);
  EXPECT_EQ(records["partition"], 0);
  EXPECT_EQ(records["base"], "0");
  EXPECT_EQ(records["next"], "2");
  EXPECT_EQ(records["epoch"], position["epoch"]);
  ASSERT_EQ(records["items"].size(), 2U);
  const Json item = records["items"][0];
  EXPECT_EQ(item["o"], "0");
  EXPECT_EQ(item["t"], 1790000000000);
  EXPECT_EQ(item["key"], "AAPL");
  EXPECT_EQ(item["value"], "a \"b\"\n");
  EXPECT_EQ(item["headers"][0], Json::parse(R"(["k","v"])"));
  EXPECT_EQ(item["headers"][1], Json::parse(R"(["bin",{"v_b64":"/w=="}])"));
  EXPECT_EQ(records["items"][1]["key_b64"], "/g==");
  EXPECT_TRUE(records["items"][1]["value"].is_null());
  EXPECT_FALSE(records["items"][1].contains("headers"));
}

TEST(PushTest, LatestIsWhereTheLogEndsWhenTheCommandArrives) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"before"}));
  PushClient client(fixture);
  const Json subscribed = client.subscribe(1, "t");
  EXPECT_EQ(subscribed["subscribed"]["positions"]["0"]["next"], "1");
  (void)fixture.append(first(topic), batch_of_values({"after"}));
  EXPECT_EQ(client.values(1), std::vector<std::string>{"after"});
}

TEST(PushTest, StartsAtAnOffsetATimestampOrSoManyRecordsBack) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values(numbers(0, 5)));
  const std::int64_t before = wall_clock().value;
  while (wall_clock().value == before) {
  }
  const std::int64_t later = wall_clock().value;
  (void)fixture.append(first(topic), batch_of_values(numbers(5, 5)));
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "3"}});
  EXPECT_EQ(client.values(7), texts(3, 7));
  (void)client.subscribe(2, "t", {{"from", "-4"}});
  EXPECT_EQ(client.values(4), texts(6, 4));
  (void)client.subscribe(3, "t", {{"from", {{"timestamp", later}}}});
  EXPECT_EQ(client.values(5), texts(5, 5));
  const Json positions = Json{{"0", "9"}};
  (void)client.subscribe(4, "t", {{"positions", positions}});
  EXPECT_EQ(client.values(1), texts(9, 1));
  // Nothing is that late: it begins at the end.
  const Json at_end = client.subscribe(5, "t", {{"from", {{"timestamp", later + 3'600'000}}}});
  EXPECT_EQ(at_end["subscribed"]["positions"]["0"]["next"], "10");
  // More than there are.
  const Json all = client.subscribe(6, "t", {{"from", "-1000"}});
  EXPECT_EQ(all["subscribed"]["positions"]["0"]["next"], "0");
  EXPECT_EQ(client.values(10), texts(0, 10));
}

TEST(PushTest, ReadsSeveralTopicsAndChosenPartitions) {
  HttpFixture fixture(2);
  broker::Topic& a = fixture.create("a", 4);
  broker::Topic& b = fixture.create("b");
  PushClient client(fixture);
  const Json chosen =
      client.subscribe(1, "a", {{"from", "earliest"}, {"partitions", {1, 3}}})["subscribed"];
  EXPECT_EQ(chosen["positions"].size(), 2U);
  (void)client.subscribe(2, "b");
  for (int p = 0; p < 4; ++p) {
    (void)fixture.append(*a.partition(PartitionId(p)), batch_of_values({"a" + std::to_string(p)}));
  }
  (void)fixture.append(first(b), batch_of_values({"b0"}));
  auto got = client.values(3);
  std::ranges::sort(got);
  EXPECT_EQ(got, (std::vector<std::string>{"a1", "a3", "b0"}));
}

TEST(PushTest, AWholeTopicIsReadWithThePartitionsThatAreAdded) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  PushClient client(fixture);
  (void)client.subscribe(1, "t");
  fixture.add_partitions("t", 3);
  (void)fixture.append(*topic.partition(PartitionId(2)), batch_of_values({"new"}));
  EXPECT_EQ(client.values(1), std::vector<std::string>{"new"});
}

TEST(PushTest, PartsOfABatchArePushedFromAnyRecordOn) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values(numbers(0, 100), storage::Codec::kZstd));
  PushClient client(fixture);
  for (int from : {0, 1, 50, 99}) {
    (void)client.subscribe(from, "t", {{"from", std::to_string(from)}});
    const Json records = client.push()["records"];
    EXPECT_EQ(records["base"], std::to_string(from));
    EXPECT_EQ(records["next"], "100");
    EXPECT_EQ(records["items"].size(), static_cast<std::size_t>(100 - from));
  }
}

TEST(PushTest, ALargeRecordGoesOutInFramesAndAPingIsAnsweredInBetween) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  const std::string large(900'000, 'x');
  (void)fixture.append(first(topic), batch_of_values({large}));
  PushClient client(fixture, 0, 4096);
  client.send({{"id", 1}, {"subscribe", {{"sid", 1}, {"topic", "t"}, {"from", "earliest"}}}});
  client.ws().send(ws::Opcode::kPing, "now");
  bool pong_first = false;
  std::string value;
  while (value.empty()) {
    const FeedClient::Event event = client.ws().next(2048);
    ASSERT_NE(event.kind, ws::FrameEvent::Kind::kNeedMore);
    if (event.kind == ws::FrameEvent::Kind::kPong) pong_first = true;
    if (event.kind != ws::FrameEvent::Kind::kMessage) continue;
    const Json object = Json::parse(event.payload);
    if (object.contains("records")) value = object["records"]["items"][0]["value"];
  }
  EXPECT_TRUE(pong_first);
  EXPECT_EQ(value, large);
}

TEST(PushTest, CreditsOfRecordsAreNeverOverdrawnAndAddUp) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values(numbers(0, 50)));
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}, {"credit", {{"records", 7}}}});
  EXPECT_EQ(client.values(7), texts(0, 7));
  // Nothing more comes before the credit: the next push is what the new credit allows.
  const Json credited = client.call("credit", {{"sid", 1}, {"records", 3}});
  EXPECT_EQ(credited["credited"]["sid"], 1);
  const Json records = client.push()["records"];
  EXPECT_EQ(records["base"], "7");
  EXPECT_EQ(records["items"].size(), 3U);
  (void)client.call("ping", Json::object());
  (void)client.call("credit", {{"sid", 1}, {"records", 100}});
  EXPECT_EQ(client.values(40), texts(10, 40));
}

TEST(PushTest, CreditsOfBytesAreOverdrawnByOneRecordAtMost) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  const std::string value(1000, 'v');
  (void)fixture.append(first(topic),
                       batch_of_values(std::vector<std::optional<std::string>>(10, value)));
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}, {"credit", {{"bytes", 2500}}}});
  EXPECT_EQ(client.push()["records"]["items"].size(), 2U);
  (void)client.call("ping", Json::object());
  EXPECT_EQ(client.push()["records"]["items"].size(), 1U);
  const Json pong = client.call("ping", Json::object());
  EXPECT_TRUE(pong.contains("pong"));
  (void)client.call("credit", {{"sid", 1}, {"bytes", 2500}});
  EXPECT_EQ(client.push()["records"]["base"], "3");
}

// A compressed batch of two records whose payload is damaged.
std::vector<std::uint8_t> damaged_batch(storage::Codec codec) {
  auto batch = batch_of_values({"lost words", "and more"}, codec);
  for (std::size_t i = storage::kBatchHeaderBytes + 4; i < batch.size(); ++i) batch[i] ^= 0x5A;
  storage::store_crc(batch);
  return batch;
}

TEST(PushTest, ABatchThatCannotBeReadIsAGapAndTheSubscriptionGoesOn) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0", "1"}));
  for (const auto codec : {storage::Codec::kGzip, storage::Codec::kSnappy, storage::Codec::kLz4,
                           storage::Codec::kZstd}) {
    (void)fixture.append(first(topic), damaged_batch(codec));
  }
  (void)fixture.append(first(topic), batch_of_values({"10"}));
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}});
  (void)client.subscribe(2, "t", {{"from", "3"}});
  // Each subscription's own are in order.
  std::vector<Json> of_first;
  std::vector<Json> of_second;
  while (of_first.size() < 6 || of_second.size() < 5) {
    const Json object = client.push();
    const std::string& kind = object.begin().key();
    const Json& what = object.begin().value();
    (what["sid"] == 1 ? of_first : of_second).push_back({kind, what});
  }
  EXPECT_EQ(of_first[0][1]["next"], "2");
  for (std::size_t i = 0; i < 4; ++i) {
    const Json gap = {{"sid", 1},
                      {"partition", 0},
                      {"from", std::to_string(2 + 2 * i)},
                      {"to", std::to_string(4 + 2 * i)},
                      {"reason", "damaged"}};
    EXPECT_EQ(of_first[1 + i], Json({"gap", gap}));
  }
  EXPECT_EQ(of_first[5][1]["base"], "10");
  EXPECT_EQ(of_second[0][1]["from"], "3");
  EXPECT_EQ(of_second[0][1]["to"], "4");
  EXPECT_EQ(of_second[4][1]["base"], "10");
  EXPECT_EQ(fixture.live_counters().batches_damaged.get(), 4U);
  // And when it comes while everything has been read.
  (void)fixture.append(first(topic), damaged_batch(storage::Codec::kZstd));
  EXPECT_EQ(client.push()["gap"]["to"], "13");
  EXPECT_EQ(client.push()["gap"]["to"], "13");
  (void)fixture.append(first(topic), batch_of_values({"13"}));
  EXPECT_EQ(client.push()["records"]["base"], "13");
}

TEST(PushTest, RecordsWithAnyTimestampArePushed) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  storage::RecordBatchBuilder builder(1 << 20);
  const std::int64_t times[] = {1000, 1LL << 60, -(1LL << 60), 1001};
  for (const std::int64_t time : times) {
    ASSERT_TRUE(builder.add({.timestamp = Timestamp(time), .value = as_bytes("v")}).has_value());
  }
  const MutableBytes batch = builder.finish();
  (void)fixture.append(first(topic), {batch.begin(), batch.end()});
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}});
  const Json items = client.push()["records"]["items"];
  ASSERT_EQ(items.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(items[i]["t"].get<std::int64_t>(), times[i]);
}

TEST(PushTest, CreditForASubscriptionWithoutALimitIsRefused) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  (void)client.subscribe(1, "t");
  EXPECT_EQ(client.call("credit", {{"sid", 1}, {"records", 3}})["error"]["code"], 107);
}

TEST(PushTest, APausedSubscriptionIsSentNothingUntilItIsResumed) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  PushClient client(fixture);
  (void)client.subscribe(1, "t");
  (void)client.subscribe(2, "t");
  EXPECT_EQ(client.call("pause", {{"sid", 1}})["paused"]["sid"], 1);
  (void)fixture.append(first(topic), batch_of_values({"x"}));
  EXPECT_EQ(client.push()["records"]["sid"], 2);
  EXPECT_EQ(client.call("resume", {{"sid", 1}})["resumed"]["sid"], 1);
  EXPECT_EQ(client.push()["records"]["sid"], 1);
}

TEST(PushTest, UnsubscribeEndsASubscriptionWhileRecordsAreOnTheirWay) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  for (int i = 0; i < 20; ++i) {
    (void)fixture.append(first(topic), batch_of_values({std::string(60'000, 'a')}));
  }
  PushClient client(fixture, 0, 4096);
  (void)client.subscribe(1, "t", {{"from", "earliest"}});
  (void)client.subscribe(2, "t");
  // The socket is full by now, in the middle of a message.
  EXPECT_EQ(client.call("unsubscribe", {{"sid", 1}})["unsubscribed"]["sid"], 1);
  (void)fixture.append(first(topic), batch_of_values({"end"}));
  for (Json object = client.push(); object["records"]["sid"] == 1; object = client.push()) {
    ASSERT_EQ(object["records"]["items"][0]["value"].get<std::string>().size(), 60'000U);
  }
  // The sid can be used again.
  const Json again = client.subscribe(1, "t");
  EXPECT_TRUE(again.contains("subscribed")) << again.dump();
  EXPECT_EQ(fixture.push_counters().subscriptions_open.get(), 2U);
}

TEST(PushTest, OffsetsTellsWherePartitionsBeginAndEnd) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t", 2);
  (void)fixture.append(first(topic), batch_of_values(numbers(0, 4)));
  PushClient client(fixture);
  const Json offsets = client.call("offsets", {{"topic", "t"}})["offsets"];
  EXPECT_EQ(offsets["topic"], "t");
  EXPECT_EQ(offsets["topic_id"], to_text(topic.id));
  EXPECT_EQ(offsets["positions"]["0"]["start"], "0");
  EXPECT_EQ(offsets["positions"]["0"]["end"], "4");
  EXPECT_EQ(offsets["positions"]["1"]["end"], "0");
  EXPECT_EQ(client.call("offsets", {{"topic", "t"}, {"partitions", {2}}})["error"]["code"], 107);
  EXPECT_EQ(client.call("offsets", {{"topic", "absent"}})["error"]["code"], 102);
}

TEST(PushTest, ATopicIsCreatedWhenItIsFirstNamed) {
  HttpFixture fixture;
  PushClient client(fixture);
  EXPECT_TRUE(client.subscribe(1, "fresh").contains("subscribed"));
  EXPECT_EQ(client.subscribe(2, "not/a/name")["error"]["code"], 102);
  EXPECT_EQ(client.subscribe(3, "__consumer_offsets")["error"]["code"], 102);
}

TEST(PushTest, WithoutAutoCreationAnUnknownTopicIsError102) {
  broker::Options options = broker::TestCluster::small_options();
  options.auto_create_topics = false;
  HttpFixture fixture(1, {}, options);
  PushClient client(fixture);
  const Json error = client.subscribe(1, "trade")["error"];
  EXPECT_EQ(error["code"], 102);
  EXPECT_EQ(error["message"], "unknown topic 'trade'");
  EXPECT_EQ(error["temporary"], false);
}

TEST(PushTest, BadCommandsAreAnsweredAndTheConnectionGoesOn) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  client.ws().send(ws::Opcode::kText, "{not json");
  EXPECT_EQ(client.receive()["error"]["code"], 107);
  EXPECT_EQ(client.call("fly", Json::object())["error"]["code"], 104);
  EXPECT_EQ(client.call("unsubscribe", {{"sid", 9}})["error"]["code"], 107);
  (void)client.subscribe(1, "t");
  EXPECT_EQ(client.subscribe(1, "t")["error"]["code"], 105);
  EXPECT_TRUE(client.call("ping", Json::object()).contains("pong"));
  EXPECT_EQ(fixture.push_counters().commands_refused.get(), 4U);
}

TEST(PushTest, AMessageMayHoldSeveralObjectsOneALine) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  client.ws().send(ws::Opcode::kText, "{\"id\":1,\"ping\":{}}\n\n{\"id\":2,\"ping\":{}}\r\n");
  EXPECT_EQ(client.receive()["id"], 1);
  EXPECT_EQ(client.receive()["id"], 2);
}

TEST(PushTest, ABinaryMessageIsClosedWith1003) {
  HttpFixture fixture;
  PushClient client(fixture);
  client.ws().send(ws::Opcode::kBinary, "{}");
  EXPECT_EQ(client.ws().close_code(), 1003);
}

TEST(PushTest, SubscriptionsAndTheirPartitionsAreLimited) {
  HttpPortSettings settings;
  settings.push.max_subscriptions = 2;
  settings.push.max_subscribed_partitions = 5;
  HttpFixture fixture(1, settings);
  fixture.create("t", 3);
  PushClient client(fixture);
  (void)client.subscribe(1, "t");
  EXPECT_EQ(client.subscribe(2, "t")["error"]["code"], 106);
  EXPECT_TRUE(client.subscribe(2, "t", {{"partitions", {0, 1}}}).contains("subscribed"));
  EXPECT_EQ(client.subscribe(3, "t", {{"partitions", {0}}})["error"]["code"], 106);
  EXPECT_EQ(fixture.push_counters().refused_subscriptions.get(), 2U);
}

TEST(PushTest, ADeletedTopicEndsItsSubscriptionsAndNoOther) {
  HttpFixture fixture;
  broker::Topic& gone = fixture.create("gone");
  broker::Topic& stays = fixture.create("stays");
  PushClient client(fixture);
  (void)client.subscribe(1, "gone");
  (void)client.subscribe(2, "stays");
  (void)fixture.cluster().remove(gone.id);
  const Json unsub = client.push()["unsub"];
  EXPECT_EQ(unsub["sid"], 1);
  EXPECT_EQ(unsub["code"], 102);
  (void)fixture.append(first(stays), batch_of_values({"on"}));
  EXPECT_EQ(client.values(1), std::vector<std::string>{"on"});
}

TEST(PushTest, HeartbeatsTellEachSubscriptionsPosition) {
  HttpPortSettings settings;
  settings.push.heartbeat_ms = 20;
  HttpFixture fixture(1, settings);
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values(numbers(0, 3)));
  PushClient client(fixture);
  (void)client.subscribe(8, "t", {{"from", "earliest"}, {"credit", {{"records", 2}}}});
  // The first may come before the records, where the machine is slow.
  Json position;
  for (int pushes = 0; pushes < 1000 && position["next"] != "2"; ++pushes) {
    Json push = client.push();
    if (push.contains("hb")) position = push["hb"]["positions"]["8"]["0"];
  }
  EXPECT_EQ(position["next"], "2");
  EXPECT_EQ(position["end"], "3");
}

TEST(PushTest, WhoSendsNoCommandIsClosedWith4408) {
  HttpPortSettings settings;
  settings.push.hello_timeout_ms = 20;
  HttpFixture fixture(1, settings);
  PushClient client(fixture);
  EXPECT_EQ(client.ws().close_code(), 4408);
}

TEST(PushTest, AStoppingServerSaysByeBeforeItCloses) {
  HttpFixture fixture;
  fixture.create("t");
  PushClient client(fixture);
  (void)client.subscribe(1, "t");
  fixture.drain();
  const Json bye = client.push()["bye"];
  EXPECT_EQ(bye["code"], 4503);
  EXPECT_EQ(bye["reason"], "draining");
  EXPECT_EQ(bye["reconnect"], true);
  EXPECT_TRUE(bye["after_ms"].is_number_unsigned());
  EXPECT_EQ(client.ws().close_code(), 4503);
}

TEST(PushTest, ALongReplyGoesOutInFramesOf256KiB) {
  HttpFixture fixture;
  fixture.create("wide", 8'000);
  PushClient client(fixture);
  client.send({{"id", 1}, {"offsets", {{"topic", "wide"}}}});
  std::string& input = client.ws().http().input();
  while (input.size() < 10) ASSERT_TRUE(client.ws().http().receive());
  const auto* header = reinterpret_cast<const std::uint8_t*>(input.data());
  EXPECT_EQ(header[0], 0x01);  // text, and not the last frame
  EXPECT_EQ(header[1], 127);
  EXPECT_EQ(load_be<std::uint64_t>(header + 2), 256U << 10);
  EXPECT_EQ(client.receive()["offsets"]["positions"].size(), 8'000U);
}

TEST(PushTest, WhoPilesUpRepliesIsClosedWith4429) {
  HttpFixture fixture;
  fixture.create("wide", 5'000);
  PushClient client(fixture, 0, 4096);
  std::string many;
  for (int i = 0; i < 200; ++i) {
    many += R"({"id":)" + std::to_string(i) + R"(,"offsets":{"topic":"wide"}})" + "\n";
  }
  client.ws().send(ws::Opcode::kText, many);
  EXPECT_EQ(client.ws().close_code(), 4429);
}

}  // namespace
}  // namespace duolog::session

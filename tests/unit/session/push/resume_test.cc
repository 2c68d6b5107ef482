// duolog.v1.json: coming back, with proof or an explicit no.
#include "engine/base/uuid.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

void move_start(HttpFixture& fixture, const broker::Topic& topic, Offset to) {
  const auto moved = fixture.cluster().move_log_starts({{topic.id, PartitionId(0), to}});
  ASSERT_EQ(moved[0].start, to);
}

Json resume(const Uuid& topic_id, const Json& epoch, const std::string& next) {
  return {{"topic_id", to_text(topic_id)}, {"epoch", epoch}, {"positions", {{"0", next}}}};
}

TEST(PushResumeTest, AfterARestartOfTheServerIsProvenAndMissesNothing) {
  HttpFixture fixture;
  Uuid id;
  Json epoch;
  {
    broker::Topic& topic = fixture.create("t");
    id = topic.id;
    (void)fixture.append(first(topic), batch_of_values({"0", "1", "2"}));
    PushClient client(fixture);
    (void)client.subscribe(1, "t", {{"from", "earliest"}});
    epoch = client.push()["records"]["epoch"];
  }
  fixture.restart();
  broker::Topic& topic = *fixture.cluster().broker(0).find("t");
  (void)fixture.append(first(topic), batch_of_values({"3"}));
  PushClient client(fixture);
  const Json subscribed = client.subscribe(1, "t", resume(id, epoch, "2"))["subscribed"];
  EXPECT_EQ(subscribed["recovered"], true);
  EXPECT_EQ(subscribed["positions"]["0"]["next"], "2");
  EXPECT_GT(subscribed["positions"]["0"]["epoch"], epoch);
  EXPECT_EQ(client.values(2), (std::vector<std::string>{"2", "3"}));
}

TEST(PushResumeTest, WhatRetentionHasTakenIsAGap) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0", "1"}));
  (void)fixture.append(first(topic), batch_of_values({"2", "3"}));
  move_start(fixture, topic, Offset(3));
  PushClient client(fixture);
  const std::int32_t epoch = fixture.cluster().cluster().leader_epoch().value;
  const Json subscribed = client.subscribe(1, "t", resume(topic.id, epoch, "1"))["subscribed"];
  EXPECT_EQ(subscribed["recovered"], false);
  EXPECT_EQ(subscribed["positions"]["0"]["next"], "3");
  const Json gap = client.push()["gap"];
  EXPECT_EQ(gap["sid"], 1);
  EXPECT_EQ(gap["partition"], 0);
  EXPECT_EQ(gap["from"], "1");
  EXPECT_EQ(gap["to"], "3");
  EXPECT_EQ(gap["reason"], "retention");
  EXPECT_EQ(client.values(1), std::vector<std::string>{"3"});
}

TEST(PushResumeTest, AReaderThatRetentionOvertakesIsToldTheGapAndGoesOn) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0", "1"}));
  PushClient client(fixture);
  (void)client.subscribe(1, "t", {{"from", "earliest"}, {"credit", {{"records", 1}}}});
  EXPECT_EQ(client.values(1), std::vector<std::string>{"0"});
  (void)fixture.append(first(topic), batch_of_values({"2"}));
  (void)fixture.append(first(topic), batch_of_values({"3"}));
  move_start(fixture, topic, Offset(3));
  (void)client.command("credit", {{"sid", 1}, {"records", 10}});
  const Json gap = client.push()["gap"];
  EXPECT_EQ(gap["from"], "1");
  EXPECT_EQ(gap["to"], "3");
  EXPECT_EQ(client.values(1), std::vector<std::string>{"3"});
  EXPECT_EQ(fixture.push_counters().gaps.get(), 1U);
}

TEST(PushResumeTest, ATopicDeletedAndCreatedAgainIsEpochChanged) {
  HttpFixture fixture;
  const Uuid old = fixture.create("t").id;
  (void)fixture.cluster().remove(old);
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"new"}));
  PushClient client(fixture);
  const Json answer = client.subscribe(1, "t", resume(old, 1, "0"));
  const Json error = answer["error"];
  EXPECT_EQ(error["code"], 113);
  EXPECT_EQ(error["reason"], "epoch_changed");
  EXPECT_EQ(error["topic_id"], to_text(topic.id));
  EXPECT_EQ(error["positions"]["0"]["end"], "1");
  // Nothing was begun: the sid is free.
  EXPECT_TRUE(client.subscribe(1, "t").contains("subscribed"));
}

TEST(PushResumeTest, ATopicThatIsGoneIsNotCreatedForAResume) {
  HttpFixture fixture;
  const Uuid old = fixture.create("t").id;
  (void)fixture.cluster().remove(old);
  PushClient client(fixture);
  EXPECT_EQ(client.subscribe(1, "t", resume(old, 1, "0"))["error"]["code"], 102);
}

TEST(PushResumeTest, BeyondTheEndIsAhead) {
  HttpFixture fixture;
  broker::Topic& topic = fixture.create("t");
  (void)fixture.append(first(topic), batch_of_values({"0"}));
  PushClient client(fixture);
  const Json error = client.subscribe(1, "t", resume(topic.id, 1, "5"))["error"];
  EXPECT_EQ(error["code"], 112);
  EXPECT_EQ(error["reason"], "ahead");
  EXPECT_EQ(error["positions"]["0"]["end"], "1");
}

TEST(PushResumeTest, AnEpochThatEndedBeforeThePositionIsEpochChanged) {
  HttpFixture fixture;
  (void)fixture.append(first(fixture.create("t")), batch_of_values({"0", "1"}));
  PushClient* before = new PushClient(fixture);
  (void)before->subscribe(1, "t", {{"from", "earliest"}});
  const std::int32_t epoch = before->push()["records"]["epoch"];
  delete before;
  fixture.restart();
  broker::Topic& topic = *fixture.cluster().broker(0).find("t");
  (void)fixture.append(first(topic), batch_of_values({"2", "3"}));
  PushClient client(fixture);
  // As if it had seen, in the old epoch, records that the server no longer had after its restart.
  const Json error = client.subscribe(1, "t", resume(topic.id, epoch, "3"))["error"];
  EXPECT_EQ(error["code"], 113);
  EXPECT_EQ(error["reason"], "epoch_changed");
  // An epoch that has not been yet proves nothing either.
  EXPECT_EQ(client.subscribe(1, "t", resume(topic.id, epoch + 10, "3"))["error"]["code"], 113);
  EXPECT_EQ(client.subscribe(1, "t", resume(topic.id, epoch, "2"))["subscribed"]["recovered"],
            true);
}

// ---- Retention and half a message ---------------------------------------------------------------

TEST(PushResumeTest, HalfASentMessageKeepsItsFileForAWhileOnly) {
  HttpPortSettings settings;
  settings.push.half_sent_pin_ms = 0;
  HttpFixture fixture(1, settings);
  broker::Topic& topic = fixture.create("t");
  const std::string value(900'000, '7');
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(fixture.append(first(topic), batch_of_values({value})), kafka::ErrorCode::kNone);
  }
  PushClient client(fixture, 0, 4096);
  (void)client.command("subscribe", {{"sid", 1}, {"topic", "t"}, {"from", "earliest"}});
  ASSERT_TRUE(HttpFixture::eventually([&] { return fixture.counters().short_sends.get() > 0; }));
  EXPECT_EQ(fixture.push_counters().pins_given_up.get(), 0U);
  for (int i = 0; i < 4; ++i) {
    const Json push = client.push();
    EXPECT_EQ(push["records"]["base"], std::to_string(i));
  }
  EXPECT_GT(fixture.push_counters().pins_given_up.get(), 0U);
}

}  // namespace
}  // namespace duolog::session

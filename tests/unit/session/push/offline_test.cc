// A partition that could not be recovered at start, through the HTTP port.
#include "storage/log_store.h"
#include "tests/unit/session/damaged_partition.h"
#include "tests/unit/session/push/push_client.h"

namespace duolog::session {
namespace {

Json publish_to(const std::string& topic, Json record) {
  return {{"topic", topic}, {"records", Json::array({std::move(record)})}};
}

// Partition 1 of "t", of 2; it has one record.
class OfflinePushTest : public testing::Test {
 protected:
  OfflinePushTest() {
    (void)fixture_.create("t", 2);
    PushClient client(fixture_);
    for (int partition = 0; partition < 2; ++partition) {
      (void)client.call("publish", publish_to("t", {{"partition", partition}, {"value", "x"}}));
    }
    damaged_.emplace(fixture_.cluster().directory(), "t-1");
  }
  void expect_refused(const Json& answer) {
    EXPECT_EQ(answer["error"]["code"], 108) << answer;
    EXPECT_EQ(answer["error"]["temporary"], true) << answer;
  }

  HttpFixture fixture_{2};
  std::optional<DamagedPartition> damaged_;
};

TEST_F(OfflinePushTest, WhatNamesItIsRefusedForNowAndTheOthersAreServed) {
  fixture_.restart();
  {
    PushClient client(fixture_);
    expect_refused(client.subscribe(1, "t"));
    expect_refused(client.subscribe(1, "t", {{"partitions", {1}}}));
    expect_refused(client.call("offsets", {{"topic", "t"}}));
    expect_refused(client.call("publish", publish_to("t", {{"partition", 1}, {"value", "y"}})));
    EXPECT_EQ(client.subscribe(1, "t",
                               {{"partitions", {0}},
                                {"from", "earliest"}})["subscribed"]["positions"]["0"]["end"],
              "1");
    EXPECT_EQ(client.values(1), std::vector<std::string>{"x"});
  }
  damaged_->repair();
  fixture_.restart();
  PushClient client(fixture_);
  (void)client.subscribe(1, "t", {{"partitions", {1}}, {"from", "earliest"}});
  EXPECT_EQ(client.values(1), std::vector<std::string>{"x"});
}

TEST_F(OfflinePushTest, WhatMayGoAnywhereGoesElsewhere) {
  fixture_.restart();
  for (int n = 0; n < 4; ++n) {
    PushClient client(fixture_, static_cast<std::size_t>(n % 2));
    const Json answer = client.call("publish", publish_to("t", {{"value", "y"}}));
    EXPECT_EQ(answer["published"]["items"][0]["partition"], 0) << answer;
  }
}

TEST_F(OfflinePushTest, AFeedThatWouldReadItIsRefusedWith503) {
  fixture_.restart();
  FeedClient whole(fixture_, "/v1/topics/t/ws");
  EXPECT_FALSE(whole.upgraded());
  EXPECT_NE(whole.response().find("HTTP/1.1 503 "), std::string::npos) << whole.response();
  FeedClient of_the_other(fixture_, "/v1/topics/t/ws?partition=0");
  EXPECT_TRUE(of_the_other.upgraded()) << of_the_other.response();
}

TEST_F(OfflinePushTest, ItIsListedAsOffline) {
  fixture_.restart();
  EXPECT_EQ(fixture_.cluster().broker(0).store().offline_count() +
                fixture_.cluster().broker(1).store().offline_count(),
            1U);
  HttpClient client(fixture_);
  client.send("GET /v1/topics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  const std::string listed = client.response();
  EXPECT_NE(listed.find(R"({"partition":0,"start":"0","end":"1")"), std::string::npos) << listed;
  EXPECT_NE(listed.find(R"("end_bytes":0,"offline":true})"), std::string::npos) << listed;
}

}  // namespace
}  // namespace duolog::session

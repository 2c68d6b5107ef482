// HTTP requests, upgrades, what a feed's client sends, and how connections end.
#include <thread>

#include "engine/session/feed/endpoint.h"
#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

std::string get(std::string_view target, std::string_view host = "127.0.0.1") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
}

int status(const std::string& response) {
  return response.size() > 12 ? std::stoi(response.substr(9, 3)) : 0;
}

// What the test's own client has to do in time, it has plenty of time for.
HttpPortSettings quick() {
  HttpPortSettings settings;
  settings.http.request_timeout_ms = 2'000;
  settings.websocket.ping_after_ms = 60;
  settings.websocket.pong_within_ms = 2'000;
  return settings;
}

TEST(HttpTest, AnswersPipelinedRequestsInOrderOnOneConnection) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send(get("/healthz") + get("/nothing") +
              "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" +
              get("/healthz", "not.this.host"));
  const std::string health = client.response();
  EXPECT_EQ(status(health), 200);
  EXPECT_TRUE(health.ends_with("\r\n\r\nok"));
  EXPECT_EQ(status(client.response()), 404);
  EXPECT_EQ(status(client.response()), 405);
  EXPECT_EQ(status(client.response()), 200);  // /healthz is for everybody
}

TEST(HttpTest, RefusesForeignHostsAndOriginsOnEveryOtherPath) {
  HttpFixture fixture;
  fixture.create("t");
  HttpClient host(fixture);
  host.send(get("/v1/topics/t/ws", "evil.example.com"));
  EXPECT_GE(status(host.response()), 400);
  FeedClient origin(fixture, "/v1/topics/t/ws", 0, 0);
  EXPECT_TRUE(origin.upgraded());
  HttpClient foreign(fixture);
  foreign.send(upgrade_request("/v1/topics/t/ws", "Origin: https://evil.example.com\r\n"));
  EXPECT_EQ(status(foreign.response()), 403);
  EXPECT_TRUE(foreign.closed());
  EXPECT_EQ(fixture.counters().refused_access.get(), 2U);
}

TEST(HttpTest, ClosesARequestThatDoesNotArriveInTime) {
  HttpFixture fixture(1, quick());
  HttpClient slow(fixture);
  slow.send("GET /healthz HTTP/1.1\r\nHo");
  EXPECT_EQ(status(slow.response()), 408);
  EXPECT_TRUE(slow.closed());
  HttpClient silent(fixture);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(fixture.counters().request_timeouts.get(), 1U);
}

TEST(HttpTest, RefusesAHeaderThatIsTooLarge) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(status(client.response()), 431);
  EXPECT_TRUE(client.closed());
}

TEST(HttpTest, TakesALargerHeaderWhereItIsTold) {
  HttpPortSettings settings;
  settings.http.request.max_header_bytes = 32U << 10;
  HttpFixture fixture(1, settings);
  HttpClient client(fixture);
  client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(32'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(status(client.response()), 200);
}

TEST(HttpTest, ClosesAtOnceOnAClientThatBeginsTls) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send(std::string_view("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11));
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.input().empty());
  EXPECT_EQ(fixture.counters().refused_request.get(), 1U);
  EXPECT_EQ(fixture.counters().request_timeouts.get(), 0U);
}

TEST(HttpTest, PassesOverAnEmptyLineBeforeARequest) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send("\r\n" + get("/healthz") + "\r\n" + get("/healthz"));
  EXPECT_EQ(status(client.response()), 200);
  EXPECT_EQ(status(client.response()), 200);
}

TEST(HttpTest, RefusesFeedsOfWhatIsNotThere) {
  broker::Options options = broker::TestCluster::small_options();
  options.auto_create_topics = false;
  HttpFixture fixture(1, {}, options);
  fixture.create("t", 2);
  const auto refused = [&](std::string_view target) {
    return status(FeedClient(fixture, target).response());
  };
  EXPECT_EQ(refused("/v1/topics/missing/ws"), 404);
  EXPECT_EQ(refused("/v1/topics/t/ws?partition=2"), 404);
  EXPECT_EQ(refused("/v1/topics/t/ws?from=0"), 400);  // of which partition?
  EXPECT_EQ(refused("/v1/topics/t/ws?from=yesterday"), 400);
  EXPECT_EQ(refused("/v1/topics/t/ws?from=0&partition=1"), 101);
}

TEST(HttpTest, RefusesMoreFeedsThanItsLimit) {
  HttpPortSettings settings;
  settings.websocket.max_websockets = 1;
  HttpFixture fixture(1, settings);
  fixture.create("t");
  FeedClient one(fixture, "/v1/topics/t/ws");
  FeedClient two(fixture, "/v1/topics/t/ws");
  EXPECT_TRUE(one.upgraded());
  EXPECT_EQ(status(two.response()), 503);
  EXPECT_EQ(fixture.counters().refused_limit.get(), 1U);
}

TEST(FeedPublishTest, FramesInTheSegmentOfTheUpgradeArePublishedIntoATopicCreatedForThem) {
  HttpFixture fixture(3);
  FeedClient client(fixture, "/v1/topics/fresh/ws", 1, 0,
                    masked(ws::Opcode::kText, "at once") + masked(ws::Opcode::kBinary, ""));
  ASSERT_TRUE(client.upgraded()) << client.response();
  EXPECT_EQ(client.message(), "at once");
  EXPECT_EQ(client.message(), "");
}

TEST(FeedPublishTest, APublishedRecordIsVisibleToASubscriberOnAnotherShard) {
  HttpFixture fixture(3);
  fixture.create("t", 4);
  FeedClient subscriber(fixture, "/v1/topics/t/ws", 2);
  FeedClient publisher(fixture, "/v1/topics/t/ws?key=k", 0);
  for (int i = 0; i < 200; ++i) publisher.publish(std::to_string(i));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(subscriber.message(), std::to_string(i));
  publisher.close(1000);
  EXPECT_EQ(publisher.close_code(), 1000);
  EXPECT_EQ(fixture.live_counters(0).records_published.get(), 200U);
}

TEST(FeedPublishTest, PausesAtTheUnackedLimitAndLosesNothing) {
  HttpPortSettings settings;
  settings.live.max_unacked_bytes = 20'000;
  HttpFixture fixture(1, settings);
  fixture.create("t");
  FeedClient subscriber(fixture, "/v1/topics/t/ws");
  FeedClient publisher(fixture, "/v1/topics/t/ws?partition=0");
  const std::string value(5'000, 'p');
  std::string frames;
  for (int i = 0; i < 400; ++i) frames += masked(ws::Opcode::kBinary, value);
  std::thread sender([&] { publisher.http().send(frames); });
  for (int i = 0; i < 400; ++i) ASSERT_EQ(subscriber.message(), value);
  sender.join();
  EXPECT_GT(fixture.live_counters().publish_pauses.get(), 0U);
}

TEST(FeedPublishTest, AMessageTooLargeClosesWith1009AndThoseBeforeItAreKept) {
  HttpFixture fixture;
  fixture.create("t", 1, {{"max.message.bytes", "2000"}});
  FeedClient subscriber(fixture, "/v1/topics/t/ws?from=earliest");
  FeedClient publisher(fixture, "/v1/topics/t/ws?partition=0");
  publisher.http().send(masked(ws::Opcode::kText, "kept") +
                        masked(ws::Opcode::kText, std::string(3'000, 'x')));
  EXPECT_EQ(publisher.close_code(), 1009);
  EXPECT_EQ(subscriber.message(), "kept");
}

TEST(FeedPublishTest, ACompactedTopicNeedsAKey) {
  HttpFixture fixture;
  fixture.create("t", 1, {{"cleanup.policy", "compact"}});
  FeedClient subscriber(fixture, "/v1/topics/t/ws?from=earliest");
  FeedClient refused(fixture, "/v1/topics/t/ws?partition=0");
  refused.http().send(masked(ws::Opcode::kText, "refused"));
  EXPECT_EQ(refused.close_code(), 1008);
  FeedClient publisher(fixture, "/v1/topics/t/ws?key=k");
  publisher.http().send(masked(ws::Opcode::kText, "taken"));
  EXPECT_EQ(subscriber.message(), "taken");
}

TEST(FeedPublishTest, AnyMaxMessageBytesIsFine) {
  HttpFixture fixture;
  fixture.create("none", 1, {{"max.message.bytes", "0"}});
  fixture.create("all", 1, {{"max.message.bytes", "2147483647"}});
  FeedClient refused(fixture, "/v1/topics/none/ws?partition=0");
  refused.http().send(masked(ws::Opcode::kText, "x"));
  EXPECT_EQ(refused.close_code(), 1009);
  FeedClient client(fixture, "/v1/topics/all/ws?partition=0");
  client.http().send(masked(ws::Opcode::kText, "taken"));
  EXPECT_EQ(client.message(), "taken");
}

TEST(WsConnectionTest, AnswersEveryPingInOrderAlsoBetweenFragments) {
  HttpFixture fixture;
  fixture.create("t");
  FeedClient client(fixture, "/v1/topics/t/ws");
  client.http().send(masked(ws::Opcode::kText, "one ", false) + masked(ws::Opcode::kPing, "a") +
                     masked(ws::Opcode::kPing, "b") + masked(ws::Opcode::kContinuation, "message"));
  for (const char* expected : {"a", "b"}) {
    const auto event = client.next();
    EXPECT_EQ(event.kind, ws::FrameEvent::Kind::kPong);
    EXPECT_EQ(event.payload, expected);
  }
  EXPECT_EQ(client.message(), "one message");
}

TEST(WsConnectionTest, AProtocolErrorClosesWith1002AfterWhatCameBeforeIt) {
  HttpFixture fixture;
  fixture.create("t");
  FeedClient subscriber(fixture, "/v1/topics/t/ws");
  FeedClient client(fixture, "/v1/topics/t/ws");
  client.http().send(masked(ws::Opcode::kText, "good") + "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(subscriber.message(), "good");
  EXPECT_EQ(client.close_code(), 1002);
  EXPECT_EQ(fixture.ws_counters().closes.of(1006).get(), 0U);
}

TEST(WsConnectionTest, ACommandBeforeABadFrameIsAnsweredFirst) {
  HttpFixture fixture;
  FeedClient client(fixture, "/v1/ws");
  client.http().send(masked(ws::Opcode::kText, R"({"id":1,"ping":{}})") + "\xFF\xFF");
  EXPECT_TRUE(client.message().starts_with(R"({"id":1,"pong":)"));
  EXPECT_EQ(client.close_code(), 1002);
}

TEST(WsConnectionTest, PingsASilentPeerAndClosesWith4441WithoutAnAnswer) {
  HttpFixture fixture(1, quick());
  fixture.create("t");
  FeedClient client(fixture, "/v1/topics/t/ws");
  EXPECT_EQ(client.next().kind, ws::FrameEvent::Kind::kPing);
  client.send(ws::Opcode::kPong, "");
  EXPECT_EQ(client.next().kind, ws::FrameEvent::Kind::kPing);  // it had answered
  EXPECT_EQ(client.close_code(), 4441);
}

TEST(WsConnectionTest, AStoppingServerClosesWith4503) {
  HttpFixture fixture(1);
  fixture.create("t");
  FeedClient client(fixture, "/v1/topics/t/ws");
  ASSERT_TRUE(client.upgraded());
  fixture.drain();
  EXPECT_EQ(client.close_code(), 4503);
}

TEST(WsConnectionTest, AnIdleFeedCostsLessThanTwoKibibytes) {
  constexpr std::size_t kBytes = sizeof(HttpConnection) + sizeof(WsConnection) +
                                 sizeof(FeedEndpoint) + FeedSubscription::kBytesPerPartition;
  EXPECT_LT(kBytes, 2048U);
  RecordProperty("bytes", static_cast<int>(kBytes));
}

}  // namespace
}  // namespace duolog::session

// The documents of the HTTP port: methods, headers, who may read them, and what is in them.
#include "engine/session/http/routes.h"

#include "engine/base/uuid.h"
#include "tests/unit/session/http/http_fixture.h"
#include "tests/unit/session/http/metrics_parser.h"

namespace duolog::session {
namespace {

std::string request(std::string_view method, std::string_view target,
                    std::string_view more = "Host: 127.0.0.1\r\n") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n" + std::string(more) +
         "\r\n";
}
std::string ask(HttpFixture& fixture, std::string_view target, std::size_t shard = 0) {
  HttpClient client(fixture, shard);
  client.send(request("GET", target));
  return client.response();
}
std::string body(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}
std::string header(const std::string& response) {
  return response.substr(0, response.find("\r\n\r\n") + 2);
}
ParsedMetrics scrape(HttpFixture& fixture, std::size_t shard = 0) {
  ParsedMetrics parsed = parse_metrics(body(ask(fixture, "/metrics", shard)));
  EXPECT_EQ(parsed.problem, "");
  return parsed;
}

constexpr std::string_view kDocuments[] = {"/healthz", "/readyz", "/metrics", "/v1/topics"};

TEST(HttpRoutesTest, EveryDocumentIsFreshAndTypedAndForItsOwnOrigin) {
  HttpFixture fixture;
  for (const std::string_view path : kDocuments) {
    const std::string head = header(ask(fixture, path));
    for (const std::string_view field :
         {"Content-Type: ", "Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n",
          "Cross-Origin-Resource-Policy: same-origin\r\n"}) {
      EXPECT_TRUE(head.contains(field)) << path << " lacks " << field;
    }
  }
  EXPECT_TRUE(ask(fixture, "/metrics")
                  .contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_TRUE(ask(fixture, "/v1/topics").contains("Content-Type: application/json\r\n"));
}

TEST(HttpRoutesTest, HeadIsAnsweredWithTheHeaderOfGetAlone) {
  HttpFixture fixture;
  for (const std::string_view path : kDocuments) {
    HttpClient client(fixture);
    client.send(request("HEAD", path) + request("GET", "/healthz"));
    while (!client.input().ends_with("\r\n\r\nok")) ASSERT_TRUE(client.receive());
    const std::string& both = client.input();
    const std::size_t second = both.find("HTTP/1.1 200 OK", 1);
    ASSERT_NE(second, std::string::npos) << path;
    const std::string first = both.substr(0, second);
    EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
    EXPECT_TRUE(first.ends_with("\r\n\r\n")) << first;
    EXPECT_FALSE(first.contains("Content-Length: 0\r\n")) << first;
  }
}

TEST(HttpRoutesTest, MethodsThatDoNotReadAreRefusedAndToldWhichDo) {
  HttpFixture fixture;
  for (const std::string_view path : kDocuments) {
    for (const std::string_view method : {"POST", "PUT", "DELETE", "options"}) {
      HttpClient client(fixture);
      client.send(request(method, path));
      const std::string refused = client.response();
      EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 ")) << method << " " << path;
      EXPECT_TRUE(refused.contains("Allow: GET, HEAD, OPTIONS\r\n"));
    }
  }
}

// A client of HTTP/1.0, as balancers are that check health, names no host.
std::string ask_as_balancer(HttpFixture& fixture, std::string_view method, std::string_view path) {
  HttpClient client(fixture);
  client.send(std::string(method) + " " + std::string(path) + " HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.closed());
  return client.input();
}

TEST(HttpRoutesTest, ABalancerThatSpeaksHttp10IsToldHowTheServerIsByEveryMethodThatReads) {
  HttpFixture fixture;
  for (const std::string_view path : {"/healthz", "/readyz"}) {
    for (const std::string_view method : {"GET", "HEAD", "OPTIONS"}) {
      const std::string up = ask_as_balancer(fixture, method, path);
      EXPECT_TRUE(up.starts_with("HTTP/1.1 200 OK\r\n")) << method << " " << path << ": " << up;
      EXPECT_TRUE(up.contains("Connection: close\r\n"));
      EXPECT_EQ(up.contains("Allow: GET, HEAD, OPTIONS\r\n"), method == "OPTIONS");
    }
  }
  fixture.view().set(ServerView::State::kStopping);
  for (const std::string_view method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_TRUE(ask_as_balancer(fixture, method, "/readyz").starts_with("HTTP/1.1 503 ")) << method;
  }
}

TEST(HttpRoutesTest, OptionsSaysWhatMayBeAskedAndNothingOfTheData) {
  HttpFixture fixture;
  const auto allowed = [&](std::string_view target) {
    HttpClient client(fixture);
    client.send(request("OPTIONS", target, "Host: rebound.example.com\r\n"));
    return client.response();
  };
  for (const std::string_view target : {"/metrics", "/v1/topics", "/", "*", "http://h/metrics"}) {
    const std::string answer = allowed(target);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << target;
    EXPECT_TRUE(answer.contains("Allow: GET, HEAD, OPTIONS\r\n")) << target;
    EXPECT_TRUE(answer.contains("Content-Length: 0\r\n")) << target;
  }
  for (const std::string_view target : {"/v1/ws", "/v1/topics/t/ws"}) {
    EXPECT_TRUE(allowed(target).contains("Allow: GET, OPTIONS\r\n")) << target;
  }
  EXPECT_TRUE(ask_as_balancer(fixture, "OPTIONS", "/").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(ask_as_balancer(fixture, "GET", "/").starts_with("HTTP/1.1 400 "));
}

TEST(HttpRoutesTest, AUrlIsAnsweredAsItsPathIsAndItsHostIsTheOneThatCounts) {
  HttpFixture fixture;
  EXPECT_TRUE(ask(fixture, "http://127.0.0.1/metrics").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask(fixture, "http://rebound.example.com/metrics").starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(ask(fixture, "http://rebound.example.com/healthz").starts_with("HTTP/1.1 200 "));
}

TEST(HttpRoutesTest, ATunnelIsRefusedWithAllThatIsSentThroughIt) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send("CONNECT db.internal:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" +
              request("GET", "/healthz"));
  EXPECT_TRUE(client.response().starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.input().empty());
}

TEST(HttpRoutesTest, ARefusalOfAHeadHasNoBody) {
  HttpFixture fixture;
  HttpClient client(fixture);
  client.send(request("HEAD", "/metrics", "Host: rebound.example.com\r\n"));
  EXPECT_TRUE(client.closed());
  const std::string& refused = client.input();
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 403 ")) << refused;
  EXPECT_TRUE(refused.ends_with("\r\n\r\n")) << refused;
}

TEST(HttpRoutesTest, OnlyWhatSaysNothingOfTheDataIsAnsweredToAForeignHostOrOrigin) {
  HttpFixture fixture;
  for (const std::string_view who :
       {"Host: rebound.example.com\r\n", "Host: 127.0.0.1\r\nOrigin: https://example.com\r\n"}) {
    for (const std::string_view path : kDocuments) {
      HttpClient client(fixture);
      client.send(request("GET", path, who));
      const bool open = path == "/healthz" || path == "/readyz";
      EXPECT_TRUE(client.response().starts_with(open ? "HTTP/1.1 200 " : "HTTP/1.1 403 "))
          << path << " " << who;
    }
  }
  EXPECT_EQ(fixture.counters().refused_access.get(), 4U);
}

TEST(HttpRoutesTest, AServerIsReadyOnceItHasStartedAndUntilItStops) {
  HttpFixture fixture;
  const auto says = [&](ServerView::State state) {
    fixture.view().set(state);
    const std::string response = ask(fixture, "/readyz");
    return response.substr(9, 4) + body(response);
  };
  EXPECT_EQ(says(ServerView::State::kStarting), "503 starting");
  EXPECT_EQ(says(ServerView::State::kReady), "200 ready");
  EXPECT_EQ(says(ServerView::State::kStopping), "503 stopping");
}

TEST(HttpRoutesTest, AServerThatCannotWriteIsNotReady) {
  HttpFixture fixture;
  const auto says = [&] {
    const std::string response = ask(fixture, "/readyz");
    return response.substr(9, 4) + body(response);
  };
  broker::WriteState& writing = fixture.cluster().cluster().writing();
  int told = 0;
  writing.on_full = [&] { ++told; };
  writing.full();
  writing.full();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(says(), "503 the disk is full");
  EXPECT_TRUE(ask(fixture, "/healthz").starts_with("HTTP/1.1 200 "));
  writing.room();
  EXPECT_EQ(says(), "200 ready");
  EXPECT_TRUE(writing.failed());
  writing.room();
  EXPECT_EQ(says(), "503 the disk has failed");
}

TEST(HttpRoutesTest, RequestsBehindAnswersThatNobodyTakesAreRefused) {
  HttpFixture fixture;
  fixture.create("t", 1'000);  // so that /metrics is larger than what may wait
  HttpClient client(fixture);
  client.send(request("GET", "/metrics") + request("GET", "/metrics") + request("GET", "/metrics"));
  EXPECT_TRUE(client.response().starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(client.response().starts_with("HTTP/1.1 429 "));
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.input().empty());
  EXPECT_EQ(fixture.counters().refused_limit.get(), 1U);
}

TEST(HttpTopicsTest, ListsTopicsWithTheirPartitions) {
  HttpFixture fixture(2);
  broker::Topic& trades = fixture.create("trades", 2);
  const broker::Topic& offsets = fixture.create(std::string(broker::kOffsetsTopic));
  ASSERT_EQ(fixture.append(*trades.partitions[1], batch_of_values({"a", "b"})),
            kafka::ErrorCode::kNone);
  const std::string bytes = std::to_string(trades.partitions[1]->log->high_watermark().position -
                                           storage::kFirstPosition);
  EXPECT_EQ(body(ask(fixture, "/v1/topics", 1)),
            R"({"topics":[{"name":"__consumer_offsets","id":")" + to_text(offsets.id) +
                R"(","internal":true,"partition_count":1,"partitions":[)"
                R"({"partition":0,"start":"0","end":"0","size_bytes":0,"end_bytes":0}]},)"
                R"({"name":"trades","id":")" +
                to_text(trades.id) +
                R"(","internal":false,"partition_count":2,"partitions":[)"
                R"({"partition":0,"start":"0","end":"0","size_bytes":0,"end_bytes":0},)"
                R"({"partition":1,"start":"0","end":"2","size_bytes":)" +
                bytes + R"(,"end_bytes":)" + bytes + "}]}],\"partitions_left_out\":0}\n");
}

TEST(HttpTopicsTest, StopsAtItsLimitAndSaysHowManyPartitionsAreLeft) {
  HttpPortSettings settings;
  settings.http.max_listed_partitions = 3;
  HttpFixture fixture(1, settings);
  fixture.create("a", 2);
  fixture.create("b", 4);
  fixture.create("c", 1);
  const std::string listed = body(ask(fixture, "/v1/topics"));
  EXPECT_TRUE(listed.contains(R"("partition_count":4,"partitions":[{"partition":0,"start":"0",)"
                              R"("end":"0","size_bytes":0,"end_bytes":0}]}],)"))
      << listed;
  EXPECT_TRUE(listed.ends_with("\"partitions_left_out\":4}\n")) << listed;
  const ParsedMetrics parsed = scrape(fixture);
  EXPECT_EQ(parsed.count("duolog_partition_end_offset"), 3U);
  EXPECT_EQ(parsed.sum("duolog_partitions_left_out"), 4);
}

TEST(HttpTopicsTest, NoTopicsAreAnEmptyList) {
  HttpFixture fixture;
  EXPECT_EQ(body(ask(fixture, "/v1/topics")), "{\"topics\":[],\"partitions_left_out\":0}\n");
}

TEST(HttpMetricsTest, EveryCounterOfEveryTableHasASeriesForEachShard) {
  HttpFixture fixture(3);
  const ParsedMetrics parsed = scrape(fixture, 1);
  const auto check = [&](const auto& table) {
    for (const auto& metric : table) {
      EXPECT_EQ(parsed.count(std::string(metric.name)), 3U) << metric.name;
    }
  };
  check(runtime::kMetrics);
  check(broker::kBrokerMetrics);
  check(groups::kGroupMetrics);
  check(groups::kMembershipMetrics);
  check(kKafkaMetrics);
  check(kHttpMetrics);
  check(kWsMetrics);
  check(kLiveMetrics);
  check(kFeedMetrics);
  check(kPushMetrics);
  for (const auto& metric : broker::kClusterMetrics) {
    EXPECT_EQ(parsed.count(std::string(metric.name)), 1U) << metric.name;
  }
  EXPECT_EQ(parsed.count("duolog_kafka_requests_total"), 3 * kafka::kApis.size());
  EXPECT_EQ(parsed.count("duolog_kafka_connections_closed_total"), 3 * kKafkaCloses);
  EXPECT_EQ(parsed.count("duolog_http_feeds_closed_total"), 3 * (CloseCounters::kCodes.size() + 1));
  EXPECT_EQ(parsed.count("duolog_build_info"), 1U);
}

TEST(HttpMetricsTest, ShowsWhatHasHappened) {
  HttpFixture fixture(2);
  broker::Topic& topic = fixture.create("t", 2);
  ASSERT_EQ(fixture.append(*topic.partitions[1], batch_of_values({"a", "b", "c"})),
            kafka::ErrorCode::kNone);
  {
    FeedClient feed(fixture, "/v1/topics/t/ws");
    feed.close(4404);
    EXPECT_EQ(feed.close_code(), 4404);
  }
  ParsedMetrics parsed = scrape(fixture);
  EXPECT_EQ(parsed.samples.at(R"(duolog_partition_end_offset{topic="t",partition="1"})"), 3);
  EXPECT_EQ(parsed.samples.at(R"(duolog_partition_start_offset{topic="t",partition="1"})"), 0);
  EXPECT_EQ(parsed.samples.at(R"(duolog_partition_end_offset{topic="t",partition="0"})"), 0);
  EXPECT_GT(parsed.samples.at(R"(duolog_partition_size_bytes{topic="t",partition="1"})"), 60);
  EXPECT_EQ(parsed.sum("duolog_topics"), 1);
  EXPECT_EQ(parsed.sum("duolog_partitions"), 2);
  EXPECT_EQ(parsed.sum("duolog_http_upgrades_total"), 1);
  EXPECT_EQ(parsed.samples.at(R"(duolog_http_feeds_closed_total{shard="0",code="4404"})"), 1);
  EXPECT_GT(parsed.sum("duolog_shard_turns_total"), 0);
  EXPECT_GT(parsed.sum("duolog_shard_completions_total"), 0);
  EXPECT_GT(parsed.sum("process_start_time_seconds"), 1.7e9);
  EXPECT_GT(parsed.sum("duolog_store_journal_bytes"), 0);
  // What a broker counts is a second old at the most.
  EXPECT_TRUE(HttpFixture::eventually([&] {
    parsed = scrape(fixture);
    return parsed.sum("duolog_store_logs") == 2 &&
           parsed.sum("duolog_store_journal_groups_total") > 0;
  }));
}

}  // namespace
}  // namespace duolog::session

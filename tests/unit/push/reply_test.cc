#include "net/push/reply.h"

#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/base/uuid.h"
#include "net/ws/utf8.h"

namespace duolog::push {
namespace {

using nlohmann::json;
using namespace std::string_literals;

// What a function appends.
template <class... Arguments>
std::string text_of(void (*append)(std::string&, Arguments...),
                    std::type_identity_t<Arguments>... arguments) {
  std::string out = "before ";
  append(out, arguments...);
  EXPECT_TRUE(out.starts_with("before "));
  return out.substr(7);
}

const Uuid kTopicId = parse_uuid("b1c0AAAAAAAAAAAAAAAAAA").value();

TEST(ReplyTest, WritesHello) {
  EXPECT_EQ(text_of(append_hello, 1, "duolog/0.1", "s-7f3a", 1048576, 15000),
            R"({"id":1,"hello":{"server":"duolog/0.1","session":"s-7f3a",)"
            R"("max_message_bytes":1048576,"heartbeat_ms":15000}})");
}

TEST(ReplyTest, WritesWhereASubscriptionIs) {
  const PositionText position{.partition = PartitionId(0),
                              .next = Offset(8812),
                              .start = Offset(100),
                              .end = Offset(9001),
                              .epoch = LeaderEpoch(4)};
  EXPECT_EQ(text_of(append_subscribed, 3, 8, kTopicId, true, std::span(&position, 1)),
            R"({"id":3,"subscribed":{"sid":8,"topic_id":"b1c0AAAAAAAAAAAAAAAAAA",)"
            R"("recovered":true,"positions":{"0":{"next":"8812","start":"100","end":"9001",)"
            R"("epoch":4}}}})");
}

TEST(ReplyTest, LeavesOutWhatIsAbsent) {
  const PositionText positions[] = {{.partition = PartitionId(0)},
                                    {.partition = PartitionId(1), .start = Offset(5)},
                                    {.partition = PartitionId(2), .epoch = LeaderEpoch(4)}};
  EXPECT_EQ(text_of(append_subscribed, 3, 8, kTopicId, std::nullopt, positions),
            R"({"id":3,"subscribed":{"sid":8,"topic_id":"b1c0AAAAAAAAAAAAAAAAAA",)"
            R"("positions":{"0":{},"1":{"start":"5"},"2":{"epoch":4}}}})");
  EXPECT_EQ(text_of(append_subscribed, 3, 8, kTopicId, std::nullopt, std::span<PositionText>()),
            R"({"id":3,"subscribed":{"sid":8,"topic_id":"b1c0AAAAAAAAAAAAAAAAAA",)"
            R"("positions":{}}})");
}

TEST(ReplyTest, WritesWhatIsDone) {
  EXPECT_EQ(text_of(append_done, 5, "unsubscribed", 7), R"({"id":5,"unsubscribed":{"sid":7}})");
  EXPECT_EQ(text_of(append_done, 9007199254740991, "paused", 4294967295),
            R"({"id":9007199254740991,"paused":{"sid":4294967295}})");
}

TEST(ReplyTest, WritesOffsets) {
  const PositionText position{
      .partition = PartitionId(0), .start = Offset(100), .end = Offset(9001)};
  EXPECT_EQ(text_of(append_offsets, 7, "trades", kTopicId, std::span(&position, 1)),
            R"({"id":7,"offsets":{"topic":"trades","topic_id":"b1c0AAAAAAAAAAAAAAAAAA",)"
            R"("positions":{"0":{"start":"100","end":"9001"}}}})");
}

TEST(ReplyTest, WritesPong) {
  EXPECT_EQ(text_of(append_pong, 6, Timestamp(1790000000123)),
            R"({"id":6,"pong":{"time_ms":1790000000123}})");
}

TEST(ReplyTest, WritesWhatWasPublished) {
  const PublishedItem items[] = {{PartitionId(0), Offset(55), {}},
                                 {PartitionId(2), Offset(17), {}}};
  EXPECT_EQ(text_of(append_published, 4, "durable", items),
            R"({"id":4,"published":{"stage":"durable","items":[{"partition":0,"offset":"55"},)"
            R"({"partition":2,"offset":"17"}]}})");
  const PublishedItem failed{PartitionId(1), Offset(),
                             ErrorText{ErrorCode::kNotAvailable, "it closes", true}};
  EXPECT_EQ(text_of(append_published, 4, "durable", std::span(&failed, 1)),
            R"({"id":4,"published":{"stage":"durable","items":[{"partition":1,"error":)"
            R"({"code":108,"message":"it closes","temporary":true}}]}})");
}

TEST(ReplyTest, WritesErrors) {
  const ErrorText error{ErrorCode::kUnknownTopic, "unknown topic 'trade'", false};
  EXPECT_EQ(text_of(append_error, 9, error, nullptr),
            R"({"id":9,"error":{"code":102,"message":"unknown topic 'trade'","temporary":false}})");
  EXPECT_EQ(text_of(append_error, std::nullopt, error, nullptr),
            R"({"error":{"code":102,"message":"unknown topic 'trade'","temporary":false}})");
}

TEST(ReplyTest, SaysWithARefusedResumeWhatIsThereNow) {
  const PositionText position{
      .partition = PartitionId(0), .start = Offset(0), .end = Offset(3), .epoch = LeaderEpoch(5)};
  const ResumeRefusal resume{"epoch_changed", kTopicId, std::span(&position, 1)};
  EXPECT_EQ(text_of(append_error, 3, ErrorText{ErrorCode::kEpochChanged, "no", false}, &resume),
            R"({"id":3,"error":{"code":113,"message":"no","temporary":false,)"
            R"("reason":"epoch_changed","topic_id":"b1c0AAAAAAAAAAAAAAAAAA",)"
            R"("positions":{"0":{"start":"0","end":"3","epoch":5}}}})");
}

TEST(ReplyTest, WritesPushes) {
  EXPECT_EQ(text_of(append_gap, 8, PartitionId(0), Offset(8814), Offset(8900), "retention"),
            R"({"gap":{"sid":8,"partition":0,"from":"8814","to":"8900","reason":"retention"}})");
  EXPECT_EQ(text_of(append_unsub, 8, ErrorCode::kUnknownTopic, "topic deleted"),
            R"({"unsub":{"sid":8,"code":102,"reason":"topic deleted"}})");
  EXPECT_EQ(text_of(append_bye, 4503, "draining", true, 1800),
            R"({"bye":{"code":4503,"reason":"draining","reconnect":true,"after_ms":1800}})");
}

TEST(ReplyTest, WritesAHeartbeatOfEachSubscription) {
  const PositionText position{
      .partition = PartitionId(0), .next = Offset(8814), .end = Offset(9001)};
  std::string out;
  begin_heartbeat(out);
  append_heartbeat(out, true, 8, std::span(&position, 1));
  std::string one = out;
  end_heartbeat(one);
  EXPECT_EQ(one, R"({"hb":{"positions":{"8":{"0":{"next":"8814","end":"9001"}}}}})");
  append_heartbeat(out, false, 9, {});
  end_heartbeat(out);
  EXPECT_EQ(out, R"({"hb":{"positions":{"8":{"0":{"next":"8814","end":"9001"}},"9":{}}}})");
}

TEST(ReplyTest, EscapesWhatClientsSent) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const std::string message(1, static_cast<char>(byte));
    const std::string text =
        text_of(append_error, 1, ErrorText{ErrorCode::kBadRequest, message, false}, nullptr);
    EXPECT_EQ(json::parse(text)["error"]["message"], message) << byte;
  }
  EXPECT_EQ(text_of(append_unsub, 1, ErrorCode::kInternal, "\"\\/\b\f\n\r\t\v\x7f\0\xC3\xA9"s),
            R"({"unsub":{"sid":1,"code":100,"reason":"\"\\/\b\f\n\r\t\u000b)"
            "\x7f\\u0000\xC3\xA9\"}}");
}

TEST(ReplyTest, ReplacesWhatIsNoUtf8) {
  const auto reason = [](std::string_view bytes) {
    return json::parse(text_of(append_unsub, 1, ErrorCode::kInternal, bytes))["unsub"]["reason"]
        .get<std::string>();
  };
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(reason("\xFF"), r);
  EXPECT_EQ(reason("a\xFFg"), "a" + r + "g");
  EXPECT_EQ(reason("\xE2\x82"), r + r);
  EXPECT_EQ(reason("\xE2\x82\xAC\xE2\x82x"), "\xE2\x82\xAC" + r + r + "x");
  EXPECT_EQ(reason("\xED\xA0\x80"), r + r + r);
}

TEST(ReplyTest, IsValidJsonWhateverTheTextsAre) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 700, 'x');
    for (std::size_t i = random() % 20; i > 0 && !bytes.empty(); --i) {
      bytes[random() % bytes.size()] = static_cast<char>(random() % (round % 2 ? 256 : 128));
    }
    const auto parsed = json::parse(text_of(append_unsub, 1, ErrorCode::kInternal, bytes));
    const std::string reason = parsed["unsub"]["reason"];
    ASSERT_TRUE(ws::is_valid_utf8(as_bytes(reason)));
    ASSERT_EQ(reason == bytes, ws::is_valid_utf8(as_bytes(bytes)));
  }
}

}  // namespace
}  // namespace duolog::push

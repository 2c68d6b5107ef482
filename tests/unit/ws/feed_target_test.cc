#include "net/ws/feed_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::ws {
namespace {

using ::testing::HasSubstr;

Result<FeedTarget> parse(std::string_view text) {
  auto target = http::parse_target(text);
  if (!target) return std::unexpected(target.error());
  EXPECT_TRUE(is_feed_path(*target));
  return parse_feed_target(*target);
}

std::string error_of(std::string_view text) {
  const auto feed = parse(text);
  return feed ? "no error" : feed.error().message;
}

TEST(FeedTargetTest, HasDefaultsForEverythingButTheTopic) {
  const auto feed = parse("/v1/topics/trades/ws");
  ASSERT_TRUE(feed);
  EXPECT_EQ(feed->topic, "trades");
  EXPECT_EQ(feed->from, FeedTarget::From::kLatest);
  EXPECT_FALSE(feed->partition);
  EXPECT_FALSE(feed->key);
  EXPECT_EQ(feed->format, FeedTarget::Format::kAuto);
}

TEST(FeedTargetTest, ReadsEveryParameter) {
  const auto feed =
      parse("/v1/topics/a.b_c-D9/ws?from=9007199254740993&partition=3&key=AA%20PL&format=binary");
  ASSERT_TRUE(feed);
  EXPECT_EQ(feed->topic, "a.b_c-D9");
  EXPECT_EQ(feed->from, FeedTarget::From::kOffset);
  EXPECT_EQ(feed->offset, Offset(9007199254740993));
  EXPECT_EQ(feed->partition, PartitionId(3));
  EXPECT_EQ(feed->key, "AA PL");
  EXPECT_EQ(feed->format, FeedTarget::Format::kBinary);
}

TEST(FeedTargetTest, ReadsTheNamedStarts) {
  EXPECT_EQ(parse("/v1/topics/t/ws?from=latest")->from, FeedTarget::From::kLatest);
  EXPECT_EQ(parse("/v1/topics/t/ws?from=earliest")->from, FeedTarget::From::kEarliest);
  EXPECT_EQ(parse("/v1/topics/t/ws?from=0")->from, FeedTarget::From::kOffset);
  EXPECT_EQ(parse("/v1/topics/t/ws?from=9223372036854775807")->offset, Offset(9223372036854775807));
}

TEST(FeedTargetTest, NamesTheParameterThatIsWrong) {
  for (const char* value :
       {"", "-1", "+1", "newest", "1x", "9223372036854775808", "Latest", "1.0"}) {
    EXPECT_THAT(error_of("/v1/topics/t/ws?from=" + std::string(value)), HasSubstr("'from'"))
        << value;
  }
  for (const char* value : {"", "-1", "2147483648", "a", "1,2"}) {
    EXPECT_THAT(error_of("/v1/topics/t/ws?partition=" + std::string(value)),
                HasSubstr("'partition'"))
        << value;
  }
  EXPECT_THAT(error_of("/v1/topics/t/ws?format=json"), HasSubstr("'format'"));
}

TEST(FeedTargetTest, RefusesAParameterGivenTwice) {
  EXPECT_EQ(error_of("/v1/topics/t/ws?from=1&partition=0&from=1"),
            "parameter 'from' is given twice");
  EXPECT_EQ(error_of("/v1/topics/t/ws?key=a&%6Bey=b"), "parameter 'key' is given twice");
}

TEST(FeedTargetTest, RefusesAnUnknownParameter) {
  EXPECT_THAT(error_of("/v1/topics/t/ws?form=earliest"), HasSubstr("'form'"));
}

TEST(FeedTargetTest, TellsAnEmptyKeyFromNone) {
  EXPECT_EQ(parse("/v1/topics/t/ws?key=")->key, "");
  EXPECT_EQ(parse("/v1/topics/t/ws?key")->key, "");
  EXPECT_FALSE(parse("/v1/topics/t/ws?")->key);
}

TEST(FeedTargetTest, TakesAnyBytesAsAKey) {
  EXPECT_EQ(parse("/v1/topics/t/ws?key=%00%FF%26")->key, std::string("\0\xFF&", 3));
}

TEST(FeedTargetTest, RefusesIllegalTopicNames) {
  for (const char* name : {"", ".", "..", "%2E%2E", "a%2Fb", "a%20b", "%C3%A9", "a%00"}) {
    EXPECT_THAT(error_of("/v1/topics/" + std::string(name) + "/ws"), HasSubstr("topic's name"))
        << name;
  }
  EXPECT_TRUE(parse("/v1/topics/" + std::string(249, 't') + "/ws"));
  EXPECT_THAT(error_of("/v1/topics/" + std::string(250, 't') + "/ws"), HasSubstr("topic's name"));
}

TEST(FeedTargetTest, KnowsItsPath) {
  for (const char* path : {"/", "/v1/ws", "/v1/topics/t", "/v1/topics/t/ws/", "/v1/topics/t/sse",
                           "/v1/topics/a/b/ws", "/V1/topics/t/ws", "//v1/topics/t/ws"}) {
    EXPECT_FALSE(is_feed_path(*http::parse_target(path))) << path;
  }
}

}  // namespace
}  // namespace duolog::ws

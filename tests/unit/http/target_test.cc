#include "net/http/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::http {
namespace {

using ::testing::ElementsAre;

TEST(TargetTest, SplitsThePathIntoDecodedSegments) {
  EXPECT_THAT(parse_target("/")->segments, ElementsAre(""));
  EXPECT_THAT(parse_target("/v1/ws")->segments, ElementsAre("v1", "ws"));
  EXPECT_THAT(parse_target("/a//b/")->segments, ElementsAre("a", "", "b", ""));
  EXPECT_THAT(parse_target("/a%2Fb/c+d")->segments, ElementsAre("a/b", "c+d"));
  EXPECT_EQ(parse_target("/a%2Fb?x=1")->path, "/a%2Fb");
}

TEST(TargetTest, DecodesTheQuery) {
  const auto target = parse_target("/p?a=1&b=x%26y=z&c&=v&&d=one+two%2B&a=2");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->query.size(), 6u);
  EXPECT_EQ(*target->parameter("a"), "1");
  EXPECT_EQ(*target->parameter("b"), "x&y=z");
  EXPECT_EQ(*target->parameter("c"), "");
  EXPECT_EQ(*target->parameter(""), "v");
  EXPECT_EQ(*target->parameter("d"), "one two+");
  EXPECT_EQ(target->parameter("e"), nullptr);
}

TEST(TargetTest, RefusesBadEscapes) {
  for (const char* text :
       {"/%", "/%4", "/%4g", "/%g4", "/a?b=%", "/a?%2=b", "/a?b=%%41", "/% 41"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
  EXPECT_THAT(parse_target("/%41")->segments, ElementsAre("A"));
  EXPECT_THAT(parse_target("/%aF")->segments, ElementsAre("\xAF"));
}

TEST(TargetTest, KnowsAUrlWithTheHostThatItNames) {
  const auto target = parse_target("http://h:80/a/b?c=d");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::kAbsolute);
  EXPECT_EQ(target->authority, "h:80");
  EXPECT_EQ(target->path, "/a/b");
  EXPECT_EQ(*target->parameter("c"), "d");
  EXPECT_EQ(parse_target("HTTPS://[::1]/x")->authority, "[::1]");
  EXPECT_EQ(parse_target("http://h")->path, "/");
  EXPECT_THAT(parse_target("http://h")->segments, ElementsAre(""));
  EXPECT_EQ(parse_target("http://h?a=b")->path, "/");
  EXPECT_EQ(*parse_target("http://h?a=b")->parameter("a"), "b");
  EXPECT_EQ(parse_target("/p")->form, TargetForm::kOrigin);
  EXPECT_EQ(parse_target("/p")->authority, "");
}

TEST(TargetTest, KnowsTheServerAsAWholeAndWhatAProxyIsAskedForByTheirMethods) {
  EXPECT_EQ(parse_target("*", "OPTIONS")->form, TargetForm::kAsterisk);
  EXPECT_EQ(parse_target("*", "OPTIONS")->path, "");
  EXPECT_FALSE(parse_target("*", "GET"));
  EXPECT_EQ(parse_target("h:443", "CONNECT")->form, TargetForm::kAuthority);
  EXPECT_EQ(parse_target("h:443", "CONNECT")->authority, "h:443");
  EXPECT_FALSE(parse_target("h:443", "OPTIONS"));
}

TEST(TargetTest, RefusesWhatIsOfNoForm) {
  for (const char* text :
       {"", "*", "h:80", "?a=b", "/a#b", "/a?b#c", "http:/h/p", "http:h", "http://", "http:///p",
        "http://?a", "http://user@h/p", "ftp://h/p", "ws://h/p", "http://h/p#c"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

}  // namespace
}  // namespace duolog::http

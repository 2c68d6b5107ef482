#include "net/http/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ResponseTest, SerializesStatusFieldsAndBody) {
  EXPECT_EQ(serialize(text_response(200, "ok\n")),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 3\r\n"
            "\r\n"
            "ok\n");
}

TEST(ResponseTest, SaysThatItClosesAfterAnError) {
  const std::string bytes = serialize(error_response(404, "no topic 't'"));
  EXPECT_THAT(bytes, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(bytes, HasSubstr("\r\n\r\n404 Not Found: no topic 't'\n"));
}

TEST(ResponseTest, FollowsTheRequestInKeepingAlive) {
  EXPECT_THAT(serialize({}, {.keep_alive = false}), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(serialize({}, {.version_minor = 0}), HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(serialize({}), Not(HasSubstr("Connection")));
}

TEST(ResponseTest, NamesAnUpgradeAmongWhatIsOfThisConnectionAlone) {
  Response refused = error_response(426, "upgrade");
  refused.fields.push_back({"Upgrade", "websocket"});
  EXPECT_THAT(serialize(refused), HasSubstr("\r\nConnection: Upgrade\r\nConnection: close\r\n"));
  const Response open{.status = 426, .fields = {{"Upgrade", "websocket"}}, .body = {}};
  EXPECT_THAT(serialize(open), HasSubstr("\r\nConnection: Upgrade\r\n"));
}

TEST(ResponseTest, AnswersHeadWithTheLengthAndWithoutTheBody) {
  const std::string bytes = serialize(text_response(200, "hello"), {.head = true});
  EXPECT_THAT(bytes, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_TRUE(bytes.ends_with("\r\n\r\n"));
}

TEST(ResponseTest, GivesNoLengthWhereThereIsNoBody) {
  for (const int status : {100, 101, 204, 304}) {
    EXPECT_THAT(serialize({.status = status, .fields = {}, .body = "x"}),
                Not(HasSubstr("Content-Length")))
        << status;
  }
}

TEST(ResponseTest, LetsNoTextAddAField) {
  const Response response{.status = 200, .fields = {{"X", "a\r\nSet-Cookie: b\n"}}, .body = {}};
  EXPECT_THAT(serialize(response), HasSubstr("\r\nX: a  Set-Cookie: b \r\n"));
}

}  // namespace
}  // namespace duolog::http

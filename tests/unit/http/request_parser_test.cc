#include "net/http/request_parser.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duolog::http {
namespace {

using ::testing::HasSubstr;
using Status = RequestParser::Status;

// What a parser made of a byte stream, as text: "GET /x 1.1 keep [A=b] body" or "error 400".
std::vector<std::string> outcome(std::string_view stream, std::mt19937_64* random = nullptr,
                                 std::size_t slice_bytes = 0, RequestLimits limits = {}) {
  RequestParser parser(limits);
  std::vector<std::string> seen;
  std::size_t at = 0;
  while (at < stream.size()) {
    std::size_t take = slice_bytes == 0 ? stream.size() - at : slice_bytes;
    if (random != nullptr) take = 1 + (*random)() % 50;
    const std::string_view view = stream.substr(at, take);
    const std::vector<std::uint8_t> slice(view.begin(), view.end());  // its own allocation
    const auto fed = parser.feed(slice);
    EXPECT_LE(fed.consumed, slice.size());
    at += fed.consumed;
    if (fed.status == Status::kError) {
      seen.push_back("error " + std::to_string(parser.error().status));
      return seen;
    }
    if (fed.status == Status::kNeedMore) {
      EXPECT_EQ(fed.consumed, slice.size());
      continue;
    }
    const Request request = parser.take();
    std::string text = request.method + " " + request.target.path + " 1." +
                       std::to_string(request.version_minor) +
                       (request.keep_alive ? " keep" : " close");
    for (const Field& field : request.fields) text += " [" + field.name + "=" + field.value + "]";
    seen.push_back(text + " " + request.body);
  }
  if (parser.in_request()) seen.push_back("unfinished");
  return seen;
}

std::string get(std::string_view more = "", std::string_view line = "GET / HTTP/1.1") {
  return std::string(line) + "\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

// The one outcome of the stream: the same in one slice and byte by byte.
std::string one(std::string_view stream, RequestLimits limits = {}) {
  const auto seen = outcome(stream, nullptr, 0, limits);
  EXPECT_EQ(outcome(stream, nullptr, 1, limits), seen) << stream;
  return seen.size() == 1 ? seen[0] : std::to_string(seen.size()) + " outcomes";
}

TEST(RequestParserTest, ReadsARequest) {
  EXPECT_EQ(one("GET /v1/ws?a=b HTTP/1.1\r\nHost: h:1\r\nX-y:  z \r\n\r\n"),
            "GET /v1/ws 1.1 keep [Host=h:1] [X-y=z] ");
}

TEST(RequestParserTest, ReadsABodyOfADeclaredLength) {
  EXPECT_EQ(one("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
            "POST /p 1.1 keep [Host=h] [Content-Length=5] hello");
}

TEST(RequestParserTest, ReadsABodyInChunks) {
  EXPECT_EQ(
      one("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
          "5\r\nhello\r\n0A;ext=\"v\"\r\n, my world\r\n0\r\nTrailer: x\r\nHost: evil\r\n\r\n"),
      "POST /p 1.1 keep [Host=h] [Transfer-Encoding=Chunked] hello, my world");
}

TEST(RequestParserTest, LeavesTheBytesBehindTheRequest) {
  const std::string request = get("Upgrade: websocket\r\n");
  const std::string frames = "\x81\x80\x01\x02\x03\x04";
  RequestParser parser;
  const auto fed = parser.feed(as_bytes(request + frames));
  EXPECT_EQ(fed.status, Status::kComplete);
  EXPECT_EQ(fed.consumed, request.size());

  RequestParser cut;
  EXPECT_EQ(cut.feed(as_bytes(request).first(request.size() - 1)).status, Status::kNeedMore);
  const auto rest = cut.feed(as_bytes("\n" + frames));
  EXPECT_EQ(rest.status, Status::kComplete);
  EXPECT_EQ(rest.consumed, 1u);
}

TEST(RequestParserTest, ReadsEveryFormOfATarget) {
  EXPECT_EQ(one(get("", "GET http://h:1/p?q HTTP/1.1")), "GET /p 1.1 keep [Host=h] ");
  EXPECT_EQ(one(get("", "OPTIONS * HTTP/1.1")), "OPTIONS  1.1 keep [Host=h] ");
  EXPECT_EQ(one(get("", "CONNECT h:443 HTTP/1.1")), "CONNECT  1.1 keep [Host=h] ");
}

TEST(RequestParserTest, PassesOverEmptyLinesBeforeARequest) {
  const std::vector<std::string> expected = {"GET / 1.1 keep [Host=h] ",
                                             "GET / 1.1 keep [Host=h] "};
  const std::string stream = "\r\n" + get() + "\r\n\r\n" + get();
  EXPECT_EQ(outcome(stream), expected);
  EXPECT_EQ(outcome(stream, nullptr, 1), expected);
  EXPECT_EQ(one("\n" + get()), "error 400");
  EXPECT_EQ(one("\r" + get()), "error 400");
  EXPECT_EQ(one("\r\r\n" + get()), "error 400");

  RequestParser parser;
  EXPECT_EQ(parser.feed(as_bytes("\r\n")).consumed, 2u);
  EXPECT_FALSE(parser.in_request()) << "no request is cut short";
}

TEST(RequestParserTest, ReadsPipelinedRequestsOneByOne) {
  const std::string stream =
      get() + "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi" + get();
  const std::vector<std::string> expected = {"GET / 1.1 keep [Host=h] ",
                                             "POST /2 1.1 keep [Host=h] [Content-Length=2] hi",
                                             "GET / 1.1 keep [Host=h] "};
  EXPECT_EQ(outcome(stream), expected);
  EXPECT_EQ(outcome(stream, nullptr, 1), expected);
}

TEST(RequestParserTest, HoldsNothingBetweenRequests) {
  EXPECT_LE(sizeof(RequestParser), 64u);
  RequestParser parser;
  EXPECT_FALSE(parser.in_request());
  EXPECT_EQ(parser.feed({}).status, Status::kNeedMore);
  EXPECT_FALSE(parser.in_request());
  EXPECT_EQ(parser.feed(as_bytes(get())).status, Status::kComplete);
  EXPECT_TRUE(parser.in_request());
  (void)parser.take();
  EXPECT_FALSE(parser.in_request());
}

TEST(RequestParserTest, KnowsWhichConnectionsStayOpen) {
  EXPECT_THAT(one(get("Connection: close\r\n")), HasSubstr(" close "));
  EXPECT_THAT(one(get("Connection: x, Close\r\n")), HasSubstr(" close "));
  EXPECT_THAT(one("GET / HTTP/1.0\r\n\r\n"), HasSubstr("1.0 close"));
  EXPECT_THAT(one("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), HasSubstr("1.0 keep"));
}

TEST(RequestParserTest, AsksOnceForABodyThatWaitsForContinue) {
  RequestParser parser;
  const std::string header =
      "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_FALSE(parser.take_expect_continue());
  EXPECT_EQ(parser.feed(as_bytes(header)).status, Status::kNeedMore);
  EXPECT_TRUE(parser.take_expect_continue());
  EXPECT_FALSE(parser.take_expect_continue());
  EXPECT_EQ(parser.feed(as_bytes("hi")).status, Status::kComplete);

  RequestParser impatient;
  EXPECT_EQ(impatient.feed(as_bytes(header + "h")).status, Status::kNeedMore);
  EXPECT_FALSE(impatient.take_expect_continue());
}

TEST(RequestParserTest, BoundsTheHeader) {
  const std::string base = get("X: \r\n");
  const std::string fits = get("X: " + std::string(8192 - base.size(), 'x') + "\r\n");
  ASSERT_EQ(fits.size(), 8192u);
  EXPECT_THAT(one(fits), HasSubstr("GET /"));
  EXPECT_EQ(one(get("X: " + std::string(8193 - base.size(), 'x') + "\r\n")), "error 431");
  EXPECT_EQ(one(std::string(9000, 'G')), "error 431");
  EXPECT_EQ(one("GET /" + std::string(9000, 'x')), "error 431");
}

TEST(RequestParserTest, BoundsTheHeaderAtWhatItIsTold) {
  const RequestLimits limits{.max_header_bytes = 32 * 1024};
  EXPECT_THAT(one(get("X: " + std::string(32'000, 'x') + "\r\n"), limits), HasSubstr("GET /"));
  EXPECT_THAT(one("GET /" + std::string(32'000, 'x') + " HTTP/1.0\r\n\r\n", limits),
              HasSubstr("GET /"));
  EXPECT_EQ(one(get("X: " + std::string(32'768, 'x') + "\r\n"), limits), "error 431");
}

TEST(RequestParserTest, KnowsTlsByItsFirstByte) {
  EXPECT_TRUE(begins_tls(as_bytes("\x16\x03\x01")));
  EXPECT_FALSE(begins_tls(as_bytes(get())));
  EXPECT_FALSE(begins_tls({}));
}

TEST(RequestParserTest, BoundsTheNumberOfFields) {
  std::string fields;
  for (int i = 1; i < 64; ++i) fields += "F: x\r\n";  // and the Host
  EXPECT_THAT(one(get(fields)), HasSubstr("GET /"));
  EXPECT_EQ(one(get(fields + "F: x\r\n")), "error 431");
}

TEST(RequestParserTest, BoundsTheBodyAtItsDeclaredLength) {
  const RequestLimits limits{.max_body_bytes = 10};
  EXPECT_THAT(one(get("Content-Length: 10\r\n") + "0123456789", limits), HasSubstr("0123456789"));
  EXPECT_EQ(one(get("Content-Length: 11\r\n"), limits), "error 413");
  EXPECT_EQ(one(get("Content-Length: 18446744073709551615\r\n"), limits), "error 413");
}

TEST(RequestParserTest, BoundsAChunkedBodyAtTheSizeOfAChunk) {
  const RequestLimits limits{.max_body_bytes = 10};
  const std::string header = get("Transfer-Encoding: chunked\r\n");
  EXPECT_THAT(one(header + "6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n", limits),
              HasSubstr("0123456789"));
  EXPECT_EQ(one(header + "6\r\n012345\r\n5\r\n", limits), "error 413");
  EXPECT_EQ(one(header + "FFFFFFFFFFFFFFFF\r\n", limits), "error 413");
}

TEST(RequestParserTest, RefusesContentLengthBesideChunked) {
  EXPECT_EQ(one(get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), "error 400");
  EXPECT_EQ(one(get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), "error 400");
  EXPECT_EQ(one(get("Transfer-Encoding: identity\r\nContent-Length: 5\r\n")), "error 400");
}

TEST(RequestParserTest, RefusesMoreThanOneContentLength) {
  EXPECT_EQ(one(get("Content-Length: 5\r\nContent-Length: 6\r\n")), "error 400");
  EXPECT_EQ(one(get("Content-Length: 5\r\ncontent-length: 5\r\n")), "error 400");
  EXPECT_EQ(one(get("Content-Length: 5, 5\r\n")), "error 400");
}

TEST(RequestParserTest, RefusesAContentLengthThatIsNoNumber) {
  for (const char* value : {"", "-1", "+5", "5x", "0x5", "5 5", "18446744073709551616", "1e3"}) {
    EXPECT_EQ(one(get("Content-Length: " + std::string(value) + "\r\n")), "error 400") << value;
  }
}

TEST(RequestParserTest, RefusesOtherTransferCodings) {
  EXPECT_EQ(one(get("Transfer-Encoding: gzip, chunked\r\n")), "error 501");
  EXPECT_EQ(one(get("Transfer-Encoding: identity\r\n")), "error 501");
  EXPECT_EQ(one(get("Transfer-Encoding: xchunked\r\n")), "error 501");
  EXPECT_EQ(one(get("Transfer-Encoding: chunked, identity\r\n")), "error 501");
  EXPECT_EQ(one(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), "error 400");
  EXPECT_EQ(one(get("Transfer-Encoding: chunked\r\n", "GET / HTTP/1.0")), "error 400");
}

TEST(RequestParserTest, RefusesAHeaderThatTwoServersCouldReadDifferently) {
  EXPECT_EQ(one(get("X: a\r\n b\r\n")), "error 400") << "folded";
  EXPECT_EQ(one(get("Transfer-Encoding:\r\n chunked\r\n")), "error 400") << "folded";
  EXPECT_EQ(one(get("Content-Length : 5\r\n")), "error 400") << "space before the colon";
  EXPECT_EQ(one(get("Transfer-Encoding\x0B: chunked\r\n")), "error 400");
  EXPECT_EQ(one(get("X: a\nContent-Length: 5\r\n")), "error 400") << "bare LF";
  EXPECT_EQ(one(get("X: a\rContent-Length: 5\r\n")), "error 400") << "bare CR";
  EXPECT_EQ(one(get(std::string_view("X: a\0b\r\n", 8))), "error 400") << "NUL";
  EXPECT_EQ(one(get("no colon\r\n")), "error 400");
  EXPECT_EQ(one(get(": no name\r\n")), "error 400");
}

TEST(RequestParserTest, WantsExactlyOneHost) {
  EXPECT_EQ(one("GET / HTTP/1.1\r\n\r\n"), "error 400");
  EXPECT_EQ(one(get("Host: h\r\n")), "error 400");
  EXPECT_EQ(one(get("host: evil\r\n", "GET / HTTP/1.0")), "error 400");
}

TEST(RequestParserTest, RefusesBadRequestLines) {
  for (const char* line : {"GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET",
                           "GET / / HTTP/1.1", "G\x01T / HTTP/1.1", "GET ftp://h/ HTTP/1.1",
                           "GET * HTTP/1.1", "GET /%zz HTTP/1.1", "GET /\x7F HTTP/1.1"}) {
    EXPECT_THAT(one(get("", line)), HasSubstr("error ")) << line;
  }
  EXPECT_EQ(one(get("", "GET / HTTP/2.0")), "error 505");
  EXPECT_EQ(one(get("", "GET / HTTP/1.2")), "error 505");
  EXPECT_EQ(one("PRI * HTTP/2.0\r\n\r\n"), "error 505");
}

TEST(RequestParserTest, RefusesBadChunks) {
  const std::string header = get("Transfer-Encoding: chunked\r\n");
  for (const char* body :
       {"\r\n", "x\r\n", "-1\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n", "5\rhello",
        "00000000000000005\r\n", "5;a\nb\r\n", "0\r\n\rX", "0\r\n\n", "0\r\nT: a\nb\r\n\r\n",
        "0x5\r\n", "5 x\x01\r\n"}) {
    EXPECT_EQ(one(header + body), "error 400") << body;
  }
  EXPECT_EQ(one(header + "5;" + std::string(2000, 'e')), "error 400");
  EXPECT_EQ(one(header + "0\r\n" + std::string(2000, 't')), "error 400");
}

TEST(RequestParserTest, ReadsNothingMoreAfterAnError) {
  RequestParser parser;
  EXPECT_EQ(parser.feed(as_bytes(get("Host: 2\r\n") + get())).status, Status::kError);
  const auto fed = parser.feed(as_bytes(get()));
  EXPECT_EQ(fed.status, Status::kError);
  EXPECT_EQ(fed.consumed, 0u);
  EXPECT_TRUE(parser.error().close);
}

TEST(RequestParserPropertyTest, GivesTheSameOutcomeHoweverADamagedStreamIsCut) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string good =
      get("Connection: keep-alive\r\n", "GET /v1/topics/t/ws?from=1 HTTP/1.1") + "\r\n" +
      get("Content-Length: 5\r\n", "POST http://h/r HTTP/1.1") + "hello" +
      get("Transfer-Encoding: chunked\r\n", "POST /r HTTP/1.1") +
      "3;x\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n" + get();
  ASSERT_EQ(outcome(good).size(), 4u);
  static constexpr std::string_view kBytes = "\r\n :;,09aAfG%/\x01\x80";
  for (int round = 0; round < 3000; ++round) {
    std::string stream = good;
    for (std::size_t i = 0; i < random() % 4; ++i) {
      stream[random() % stream.size()] = kBytes[random() % kBytes.size()];
    }
    const auto whole = outcome(stream);
    ASSERT_EQ(outcome(stream, nullptr, 1), whole) << stream;
    ASSERT_EQ(outcome(stream, &random), whole) << stream;
  }
}

}  // namespace
}  // namespace duolog::http

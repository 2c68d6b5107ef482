// What a client can make long costs time in proportion to its length, and no more: a parser that is
// quadratic somewhere is an attack on everybody else of its shard.
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/http/request_parser.h"
#include "net/ws/deflate.h"
#include "net/ws/handshake.h"
#include "tests/unit/ws/frame_stream.h"

namespace duolog::ws {
namespace {

std::uint64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// `work` begins its measured part by calling what it is given.
using Work = std::function<void(std::size_t size, const std::function<void()>& begin)>;

// The least of a few runs, which is what the others would have taken undisturbed.
std::uint64_t cost_ns(const Work& work, std::size_t size) {
  std::uint64_t least = UINT64_MAX;
  for (int run = 0; run < 5; ++run) {
    std::uint64_t began = 0;
    work(size, [&] { began = thread_cpu_ns(); });
    least = std::min(least, thread_cpu_ns() - began);
  }
  return least;
}

// Four times the size costs 4 times as much, or 16 times when it is quadratic.
void expect_linear(std::size_t size, const Work& work) {
  EXPECT_LT(cost_ns(work, 4 * size), 8 * cost_ns(work, size) + 1'000'000);
}

constexpr http::RequestLimits kLargeRequests{
    .max_header_bytes = 64U << 20, .max_fields = 1U << 20, .max_body_bytes = 64U << 20};

// Feeds `bytes` in pieces of `piece_bytes`.
http::Request request_of(std::string_view bytes, std::size_t piece_bytes) {
  http::RequestParser parser(kLargeRequests);
  auto status = http::RequestParser::Status::kNeedMore;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    status = parser.feed(as_bytes(bytes.substr(at, piece_bytes))).status;
  }
  EXPECT_EQ(status, http::RequestParser::Status::kComplete);
  return parser.take();
}

// An upgrade with more fields, each ending with CR LF.
std::string upgrade_with(std::string_view fields) {
  return "GET /v1/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         std::string(fields) + "\r\n";
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(LinearTimeTest, AHeaderThatComesOctetByOctet) {
  expect_linear(100'000, [](std::size_t size, const std::function<void()>& begin) {
    const std::string request = upgrade_with("X: " + std::string(size, 'x') + "\r\n");
    begin();
    (void)request_of(request, 1);
  });
}

TEST(LinearTimeTest, AHeaderOfNothingButLineEnds) {
  expect_linear(100'000, [](std::size_t size, const std::function<void()>& begin) {
    http::RequestParser parser(kLargeRequests);
    const std::string bytes = "GET / HTTP/1.1\r\nA: b" + repeated("\r\n\r", size / 3);
    begin();
    for (const char& byte : bytes) (void)parser.feed(as_bytes(std::string_view(&byte, 1)));
  });
}

TEST(LinearTimeTest, FieldsByTheThousand) {
  expect_linear(5'000, [](std::size_t size, const std::function<void()>& begin) {
    std::string fields;
    for (std::size_t i = 0; i < size; ++i) fields += "X" + std::to_string(i) + ": y\r\n";
    const std::string request = upgrade_with(fields);
    begin();
    EXPECT_TRUE(check_upgrade(request_of(request, 16'384), {}).has_value());
  });
}

TEST(LinearTimeTest, OneFieldByTheThousand) {
  expect_linear(5'000, [](std::size_t size, const std::function<void()>& begin) {
    const std::string request = upgrade_with(repeated("Connection: x, y\r\n", size));
    begin();
    EXPECT_TRUE(check_upgrade(request_of(request, 16'384), {}).has_value());
  });
}

TEST(LinearTimeTest, ListsOfNothing) {
  expect_linear(200'000, [](std::size_t size, const std::function<void()>& begin) {
    const std::string commas(size, ',');
    const http::Request request = request_of(
        upgrade_with("Connection: " + commas + "\r\nSec-WebSocket-Protocol: " + commas + "\r\n"),
        16'384);
    begin();
    EXPECT_TRUE(check_upgrade(request, {}).has_value());
  });
}

TEST(LinearTimeTest, SubprotocolsByTheThousand) {
  expect_linear(20'000, [](std::size_t size, const std::function<void()>& begin) {
    std::string offers;
    for (std::size_t i = 0; i < size; ++i) offers += "p" + std::to_string(i) + ",";
    const http::Request request =
        request_of(upgrade_with("Sec-WebSocket-Protocol: " + offers + "\r\n"), 16'384);
    begin();
    EXPECT_FALSE(check_upgrade(request, {}).has_value());
  });
}

TEST(LinearTimeTest, OffersOfDeflateByTheThousand) {
  for (const std::string_view offer :
       {"permessage-deflate; unknown, ", "permessage-deflate; server_max_window_bits=9; x,", "; , ",
        "permessage-deflate; client_max_window_bits; client_max_window_bits,"}) {
    expect_linear(20'000, [offer](std::size_t size, const std::function<void()>& begin) {
      const http::Request request = request_of(
          upgrade_with("Sec-WebSocket-Extensions: " + repeated(offer, size) + "\r\n"), 16'384);
      begin();
      const auto offers = http::list_elements(request, "Sec-WebSocket-Extensions");
      EXPECT_FALSE(negotiate_deflate(offers).has_value());
    });
  }
  expect_linear(20'000, [](std::size_t size, const std::function<void()>& begin) {
    const std::string offer = "permessage-deflate" + repeated("; unknown", size);
    const std::string_view offers[] = {offer};
    begin();
    EXPECT_FALSE(negotiate_deflate(offers).has_value());
  });
}

TEST(LinearTimeTest, ABodyInChunksOfOneByte) {
  expect_linear(50'000, [](std::size_t size, const std::function<void()>& begin) {
    const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                repeated("1\r\nx\r\n", size) + "0\r\n\r\n";
    begin();
    EXPECT_EQ(request_of(request, 7).body.size(), size);
  });
}

// ---- Frames -------------------------------------------------------------------------------------

void parse(Stream& stream, std::size_t piece_bytes, std::string_view last) {
  FrameParser parser({.max_message_bytes = 64U << 20});
  FrameEvent event;
  for (std::size_t at = 0; at < stream.size(); at += piece_bytes) {
    MutableBytes input =
        MutableBytes(stream).subspan(at, std::min(piece_bytes, stream.size() - at));
    while (!input.empty()) event = parser.next(input);
  }
  EXPECT_TRUE(describe(event).ends_with(last));
}

TEST(LinearTimeTest, FragmentsOfOneByteAndOfNone) {
  for (const std::string_view piece : {"x", ""}) {
    expect_linear(100'000, [piece](std::size_t size, const std::function<void()>& begin) {
      Stream stream = one_frame(Opcode::kText, false, "first");
      for (std::size_t i = 0; i < size; ++i) {
        append_frame(stream, Opcode::kContinuation, false, piece);
      }
      append_frame(stream, Opcode::kContinuation, true, "last");
      begin();
      parse(stream, 16'384, "last");
    });
  }
}

TEST(LinearTimeTest, AMessageThatComesOctetByOctet) {
  expect_linear(300'000, [](std::size_t size, const std::function<void()>& begin) {
    Stream stream = one_frame(Opcode::kText, true, repeated("\xC3\xA4", size / 2) + "last");
    begin();
    parse(stream, 1, "last");
  });
}

// ---- Deflate ------------------------------------------------------------------------------------

TEST(LinearTimeTest, BlocksWithoutNumber) {
  const std::vector<std::uint8_t> stored = {0, 0, 0, 0xff, 0xff};  // empty ones
  const std::vector<std::uint8_t> final_block = {0x03, 0x00};
  for (const auto& block : {stored, final_block}) {
    expect_linear(100'000, [&](std::size_t size, const std::function<void()>& begin) {
      std::vector<std::uint8_t> payload;
      for (std::size_t i = 0; i < size; ++i) {
        payload.insert(payload.end(), block.begin(), block.end());
      }
      payload.push_back(0);
      Inflater inflater({});
      Buffer out;
      begin();
      EXPECT_TRUE(inflater.inflate(payload, 1'000, out).has_value());
    });
  }
}

}  // namespace
}  // namespace duolog::ws

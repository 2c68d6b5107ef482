// RequestParser: the bytes of a plain HTTP connection in, requests out. Sans-I/O.
//
// The grammar of the header is Boost.Beast's; around it stand the limits, the body, and what Beast
// lets pass but two servers could read differently (request smuggling, RFC 9112 section 11.2): a
// Host that is missing or doubled, folded lines, more than one Content-Length, any
// Transfer-Encoding but `chunked`.
//
// An empty line before a request is passed over (RFC 9112 section 2.2).
//
// Rules
//  1. How the bytes were cut into slices changes neither the request nor the error.
//  2. feed() never takes a byte beyond its request: what is left of the slice is the next request,
//  or
//     the first WebSocket frames.
//  3. After an error nothing more is read; the session sends error() and closes.
//  4. Between requests it holds no memory; within one, at most max_header_bytes or the request with
//     max_body_bytes. The body's memory grows with what has arrived, not with what was declared.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/bytes.h"
#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::http {

// True when what a client begins with is TLS (RFC 8446 section 5.1): no request begins like this.
[[nodiscard]] inline bool begins_tls(Bytes received) {
  return !received.empty() && received[0] == 0x16;
}

struct RequestLimits {
  std::size_t max_header_bytes = 8 * 1024;  // request line and fields; beyond: 431
  std::size_t max_fields = 64;              // beyond: 431
  std::uint64_t max_body_bytes = 1 << 20;   // beyond: 413, as soon as a declared size tells
};

// One for each HTTP connection, owned by its session, used by its shard's thread.
class RequestParser {
 public:
  enum class Status : std::uint8_t { kNeedMore, kComplete, kError };

  struct Fed {
    Status status;
    std::size_t consumed;  // bytes of the slice that belong to this request
  };

  explicit RequestParser(RequestLimits limits = {});
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  // Takes the next slice. kNeedMore takes all of it. After kComplete call take() before the next
  // feed.
  [[nodiscard]] Fed feed(Bytes slice);

  // The request that feed() completed; the parser is then ready for the next one.
  [[nodiscard]] Request take();

  // After kError: the response to send before closing (400, 413, 431, 501 or 505).
  [[nodiscard]] const Response& error() const;

  // True once for a request whose client waits for "100 Continue" before it sends the body
  // (RFC 9110 section 10.1.1). Ask after kNeedMore.
  [[nodiscard]] bool take_expect_continue();

  // True when bytes of an incomplete request were taken: a deadline applies, and the end of the
  // stream would cut a request short.
  [[nodiscard]] bool in_request() const { return state_ != nullptr; }

 private:
  struct State;  // of one request

  [[nodiscard]] Fed feed_request(Bytes slice);
  [[nodiscard]] Fed feed_body(Bytes slice);
  Fed fail_request(int status, std::string_view message, std::size_t consumed);

  RequestLimits limits_;
  std::unique_ptr<State> state_;
};

}  // namespace duolog::http

// An HTTP response as a value, and its bytes (RFC 9112).
//
// For what Duolog answers itself: health, errors, the 101 of an upgrade, small pages. Built and
// serialised by the session; a value, bound to no thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http/request.h"

namespace duolog::http {

struct Response {
  int status = 200;
  std::vector<Field> fields;  // without Content-Length and Connection: serialize() adds them
  std::string body;
  bool close = false;  // the server closes the connection after this response
};

// "Not Found" for 404; "Unknown" for a status that Duolog does not send.
[[nodiscard]] std::string_view reason_phrase(int status);

// A response of `Content-Type: text/plain; charset=utf-8`.
[[nodiscard]] Response text_response(int status, std::string body);

// An error: its body is "<status> <reason>: <message>\n" and the connection closes after it,
// because what follows a refused request may not be what the client meant it to be.
[[nodiscard]] Response error_response(int status, std::string_view message);

// What a response answers, as far as its bytes depend on it.
struct ResponseContext {
  bool head = false;       // the request was HEAD: Content-Length is told, the body is not sent
  bool keep_alive = true;  // Request::keep_alive
  int version_minor = 1;   // Request::version_minor: HTTP/1.0 must be told that it may keep alive
};

// The response's bytes. Says `Connection: close` when the response or the context closes, and
// `Upgrade` beside an Upgrade field, which a proxy must not pass on (RFC 9110 section 7.8). 1xx,
// 204 and 304 get no Content-Length and no body. Control characters in field values become spaces,
// so that text taken from a request cannot add a field.
[[nodiscard]] std::string serialize(const Response& response, ResponseContext context = {});

}  // namespace duolog::http

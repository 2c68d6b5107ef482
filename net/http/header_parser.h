// parse_header: one whole request header, from the request line to the empty line.
//
// The only user of Boost.Beast, kept behind this function.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::http {

struct Header {
  Request request;  // without its body
  bool chunked = false;
  std::uint64_t content_length = 0;
  bool expect_continue = false;
};

// `text` ends with the first CRLF CRLF of the request. The error is the response to send.
[[nodiscard]] std::expected<Header, Response> parse_header(std::string_view text,
                                                           std::size_t max_fields);

}  // namespace duolog::http

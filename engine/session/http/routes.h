// The paths of the HTTP port that are answered with a document: is it well, its metrics, its
// topics, and the files of the page (http_assets.h).
//
// All are read with GET or HEAD and change nothing; OPTIONS says so, which balancers take for a
// check of health, and is therefore answered as GET where GET tells it. An answer is made on the
// door's shard from what any shard may read, within one turn. Limit:
// HttpSettings::max_listed_partitions.
#pragma once

#include <string>
#include <string_view>

#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::session {

class HttpDoor;

inline constexpr std::string_view kReadingMethods = "GET, HEAD, OPTIONS";

struct HttpRoute {
  std::string path;
  // Answered whatever Host and Origin say. A page anywhere can then read it, through a name that it
  // makes resolve to this machine; so only what says no more than that a server is here.
  bool for_everybody;
  http::Response (*answer)(HttpDoor& door, const http::Request& request);
};

// Null when there is nothing at this path.
[[nodiscard]] const HttpRoute* find_route(std::string_view path);

// The document, or 405 for a method that does not read.
[[nodiscard]] http::Response answer(const HttpRoute& route, HttpDoor& door,
                                    const http::Request& request);

// What an OPTIONS is answered where there is no document to tell: "*", and what is upgraded.
[[nodiscard]] http::Response answer_options(std::string_view methods);
// To a method that nothing at this path knows.
[[nodiscard]] http::Response refuse_method(std::string_view methods);

}  // namespace duolog::session

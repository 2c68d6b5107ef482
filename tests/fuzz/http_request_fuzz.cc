// Any bytes as the requests of one connection: in one slice and byte by byte they are the same
// requests, and the same error after them. Limits are small, so that they are reached.
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "net/http/request_parser.h"

using namespace duolog;
using namespace duolog::http;

namespace {

constexpr RequestLimits kLimits{.max_header_bytes = 1024, .max_fields = 8, .max_body_bytes = 256};

std::string describe(const Request& request) {
  std::string text = request.method + " " + request.target.path + (request.keep_alive ? "+" : "-") +
                     std::to_string(request.version_minor);
  for (const std::string& segment : request.target.segments) text += " /" + segment;
  for (const auto& [name, value] : request.target.query) text += " ?" + name + "=" + value;
  for (const Field& field : request.fields) text += " [" + field.name + "=" + field.value + "]";
  return text + " " + request.body;
}

// What came out of the bytes, each with where it ended.
std::vector<std::string> outcomes(Bytes bytes, std::size_t slice_bytes) {
  RequestParser parser(kLimits);
  std::vector<std::string> seen;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const Bytes piece = bytes.subspan(at, std::min(slice_bytes, bytes.size() - at));
    const std::vector<std::uint8_t> slice(piece.begin(), piece.end());  // memory of its own size
    const auto fed = parser.feed(slice);
    CHECK(fed.consumed <= slice.size());
    at += fed.consumed;
    if (fed.status == RequestParser::Status::kNeedMore) {
      CHECK(fed.consumed == slice.size());
    } else if (fed.status == RequestParser::Status::kComplete) {
      seen.push_back(describe(parser.take()) + " to " + std::to_string(at));
      CHECK(!parser.in_request());
    } else {
      seen.push_back(std::to_string(parser.error().status) + " " + parser.error().body);
      return seen;
    }
  }
  if (parser.in_request()) seen.emplace_back("unfinished");
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  CHECK(outcomes(bytes, size) == outcomes(bytes, 1));
  return 0;
}

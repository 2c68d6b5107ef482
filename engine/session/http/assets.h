// The files of the page: what the build made of engine/console/ and the page's client, and how
// they are answered.
//
// "/" is index.html, the others are below /console/. A browser keeps them and asks whether they are
// still the same: the ETag is a hash of the content, so that the page and its parts are always
// those of the running server. Constant; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "net/http/request.h"
#include "net/http/response.h"

namespace duolog::session {

struct HttpAsset {
  std::string_view name;  // of the file
  std::string_view content;
  std::string_view etag;  // with its quotes
};

// In the source that cmake/write_console.cmake writes.
[[nodiscard]] std::span<const HttpAsset> http_assets();

[[nodiscard]] std::string asset_path(const HttpAsset& asset);
// Null when there is none at this path.
[[nodiscard]] const HttpAsset* find_asset(std::string_view path);
// The file; or 304, if it is the one that the client says it has.
[[nodiscard]] http::Response answer_asset(const HttpAsset& asset, const http::Request& request);

}  // namespace duolog::session

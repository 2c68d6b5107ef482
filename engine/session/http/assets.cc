#include "engine/session/http/assets.h"

#include <algorithm>
#include <array>
#include <utility>

namespace duolog::session {
namespace {

constexpr std::string_view kPage = "index.html";

// The page runs its own scripts and styles and talks to its own server, and nothing else: what it
// shows was written by anybody, and must never become more than text. Nobody may frame it.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
});

std::string_view type_of(std::string_view name) {
  const auto row =
      std::ranges::find_if(kTypes, [&](const auto& type) { return name.ends_with(type.first); });
  return row == kTypes.end() ? "application/octet-stream" : row->second;
}

// RFC 9110 section 13.1.2: a weak comparison.
bool has_already(const http::Request& request, std::string_view etag) {
  return std::ranges::any_of(http::list_elements(request, "If-None-Match"),
                             [&](std::string_view known) {
                               if (known.starts_with("W/")) known.remove_prefix(2);
                               return known == "*" || known == etag;
                             });
}

}  // namespace

std::string asset_path(const HttpAsset& asset) {
  return asset.name == kPage ? "/" : "/console/" + std::string(asset.name);
}

const HttpAsset* find_asset(std::string_view path) {
  const auto row = std::ranges::find(http_assets(), path, asset_path);
  return row == http_assets().end() ? nullptr : &*row;
}

http::Response answer_asset(const HttpAsset& asset, const http::Request& request) {
  http::Response response{
      .fields = {{"Content-Type", std::string(type_of(asset.name))},
                 {"Cache-Control", "no-cache"},  // keep it, and ask
                 {"ETag", std::string(asset.etag)},
                 {"Content-Security-Policy", std::string(kContentSecurityPolicy)},
                 {"X-Content-Type-Options", "nosniff"},
                 {"Referrer-Policy", "no-referrer"},
                 {"Cross-Origin-Opener-Policy", "same-origin"},
                 {"Cross-Origin-Resource-Policy", "same-origin"}},
      .body = {}};
  if (has_already(request, asset.etag)) {
    response.status = 304;
  } else {
    response.body = asset.content;
  }
  return response;
}

}  // namespace duolog::session

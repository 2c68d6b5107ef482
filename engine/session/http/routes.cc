#include "engine/session/http/routes.h"

#include <algorithm>
#include <vector>

#include "engine/broker/cluster.h"
#include "engine/session/http/assets.h"
#include "engine/session/http/door.h"
#include "engine/session/http/metrics.h"
#include "engine/session/http/topics.h"
#include "net/http/metrics_text.h"

namespace duolog::session {
namespace {

// What is true now, for who asked and for no other page.
http::Response document(std::string_view type, std::string body) {
  return {.fields = {{"Content-Type", std::string(type)},
                     {"Cache-Control", "no-store"},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Cross-Origin-Resource-Policy", "same-origin"}},
          .body = std::move(body)};
}

http::Response text(int status, std::string_view line) {
  http::Response response = document("text/plain; charset=utf-8", std::string(line));
  response.status = status;
  return response;
}

http::Response health(HttpDoor& /*door*/, const http::Request& /*request*/) {
  return text(200, "ok");
}

http::Response readiness(HttpDoor& door, const http::Request& /*request*/) {
  switch (door.view().state()) {
    case ServerView::State::kStarting:
      return text(503, "starting");
    case ServerView::State::kReady:
      break;
    case ServerView::State::kStopping:
      return text(503, "stopping");
  }
  switch (door.broker().cluster().writing().get()) {
    case broker::WriteState::State::kOpen:
      return text(200, "ready");
    case broker::WriteState::State::kFull:
      return text(503, "the disk is full");
    case broker::WriteState::State::kFailed:
      return text(503, "the disk has failed");
  }
  return text(503, "unknown");
}

http::Response metrics(HttpDoor& door, const http::Request& /*request*/) {
  return document(http::kMetricsType, metrics_text(door));
}

http::Response topics(HttpDoor& door, const http::Request& /*request*/) {
  return document("application/json", topics_json(door));
}

http::Response asset(HttpDoor& /*door*/, const http::Request& request) {
  return answer_asset(*find_asset(request.target.path), request);
}

// /metrics and /v1/topics name topics, so they are not for everybody. Nor is the page, which would
// be at the origin that asked for it.
std::vector<HttpRoute> all_routes() {
  std::vector<HttpRoute> routes = {
      {"/healthz", true, health},
      {"/readyz", true, readiness},
      {"/metrics", false, metrics},
      {"/v1/topics", false, topics},
  };
  for (const HttpAsset& file : http_assets()) routes.push_back({asset_path(file), false, asset});
  return routes;
}

}  // namespace

const HttpRoute* find_route(std::string_view path) {
  static const std::vector<HttpRoute> kRoutes = all_routes();
  const auto row = std::ranges::find(kRoutes, path, &HttpRoute::path);
  return row == kRoutes.end() ? nullptr : &*row;
}

http::Response answer(const HttpRoute& route, HttpDoor& door, const http::Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return route.answer(door, request);
  if (request.method != "OPTIONS") return refuse_method(kReadingMethods);
  if (!route.for_everybody) return answer_options(kReadingMethods);
  http::Response response = route.answer(door, request);
  response.fields.push_back({"Allow", std::string(kReadingMethods)});
  return response;
}

http::Response answer_options(std::string_view methods) {
  return {.fields = {{"Allow", std::string(methods)}}, .body = {}};
}

http::Response refuse_method(std::string_view methods) {
  http::Response response =
      http::text_response(405, "405 Method Not Allowed: what may be used is in Allow\n");
  response.fields.push_back({"Allow", std::string(methods)});
  return response;
}

}  // namespace duolog::session

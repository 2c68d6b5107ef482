// The page's files: how they are answered, and that they hold together.
#include "engine/session/http/assets.h"

#include <regex>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {
namespace {

std::string ask_for(HttpFixture& fixture, std::string_view target, std::string_view more = {},
                    std::string_view host = "127.0.0.1") {
  HttpClient client(fixture);
  client.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
              std::string(more) + "\r\n");
  return client.response();
}

const HttpAsset& page() { return *find_asset("/"); }

TEST(HttpAssetsTest, ThePageIsAtTheRootAndItsFilesAreBelowConsole) {
  HttpFixture fixture;
  ASSERT_NE(find_asset("/"), nullptr);
  EXPECT_EQ(find_asset("/console/index.html"), nullptr);
  EXPECT_EQ(find_asset("/index.html"), nullptr);
  EXPECT_NE(find_asset("/console/duolog.js"), nullptr);  // of tools/sdk/js
  for (const HttpAsset& asset : http_assets()) {
    const std::string response = ask_for(fixture, asset_path(asset));
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << asset.name;
    EXPECT_TRUE(response.ends_with("\r\n\r\n" + std::string(asset.content))) << asset.name;
  }
}

TEST(HttpAssetsTest, EveryFileHasItsTypeAndAPolicyThatForbidsWhatIsNotOurs) {
  HttpFixture fixture;
  for (const HttpAsset& asset : http_assets()) {
    const std::string response = ask_for(fixture, asset_path(asset));
    EXPECT_FALSE(response.contains("application/octet-stream")) << asset.name;
    EXPECT_TRUE(response.contains("X-Content-Type-Options: nosniff\r\n")) << asset.name;
    EXPECT_TRUE(
        response.contains("Content-Security-Policy: default-src 'none'; "
                          "script-src 'self'; style-src 'self';"))
        << asset.name;
    EXPECT_TRUE(response.contains("frame-ancestors 'none'")) << asset.name;
    EXPECT_FALSE(response.contains("unsafe")) << asset.name;
  }
  EXPECT_TRUE(ask_for(fixture, "/").contains("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_TRUE(ask_for(fixture, "/console/app.js").contains("Content-Type: text/javascript;"));
  EXPECT_TRUE(ask_for(fixture, "/console/style.css").contains("Content-Type: text/css;"));
}

TEST(HttpAssetsTest, AFileThatTheClientHasIsNotSentAgain) {
  HttpFixture fixture;
  const std::string etag(page().etag);
  EXPECT_TRUE(ask_for(fixture, "/").contains("ETag: " + etag + "\r\n"));
  EXPECT_TRUE(ask_for(fixture, "/").contains("Cache-Control: no-cache\r\n"));
  for (const std::string& known : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
    const std::string response = ask_for(fixture, "/", "If-None-Match: " + known + "\r\n");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 304 Not Modified\r\n")) << known;
    EXPECT_TRUE(response.contains("ETag: " + etag + "\r\n")) << known;
    EXPECT_TRUE(response.ends_with("\r\n\r\n")) << known;
  }
  EXPECT_TRUE(ask_for(fixture, "/", "If-None-Match: \"other\"\r\n").starts_with("HTTP/1.1 200 "));
}

TEST(HttpAssetsTest, ThePageIsNotForAForeignHost) {
  HttpFixture fixture;
  EXPECT_TRUE(ask_for(fixture, "/", "", "rebound.example.com").starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(
      ask_for(fixture, "/console/app.js", "", "rebound.example.com").starts_with("HTTP/1.1 403 "));
}

TEST(HttpAssetsTest, WhatTheFilesNameIsThere) {
  const std::regex kNamed(R"re((?:src|href)="(/console/[^"]*)"|from "\./([^"]*)")re");
  std::size_t named = 0;
  for (const HttpAsset& asset : http_assets()) {
    const std::string content(asset.content);
    for (std::sregex_iterator at(content.begin(), content.end(), kNamed), end; at != end; ++at) {
      const std::string path = (*at)[1].matched ? (*at)[1].str() : "/console/" + (*at)[2].str();
      EXPECT_NE(find_asset(path), nullptr) << asset.name << " names " << path;
      ++named;
    }
  }
  EXPECT_GT(named, 10U);
}

TEST(HttpAssetsTest, NothingNeedsAnotherServerOrIsWrittenIntoThePage) {
  const std::regex kForeign(R"re((src|href|action)="(https?:)?//|url\(|@import)re");
  const std::regex kInline(R"re(<style|<script>|\son[a-z]+="|\sstyle=")re");
  for (const HttpAsset& asset : http_assets()) {
    const std::string content(asset.content);
    EXPECT_FALSE(std::regex_search(content, kForeign)) << asset.name;
  }
  EXPECT_FALSE(std::regex_search(std::string(page().content), kInline));
}

}  // namespace
}  // namespace duolog::session

// A client of duolog.v1.json for tests: objects out, objects in.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/session/http/http_fixture.h"

namespace duolog::session {

using Json = nlohmann::json;

class PushClient {
 public:
  explicit PushClient(HttpFixture& fixture, std::size_t shard = 0, int receive_bytes = 0)
      : ws_(fixture, "/v1/ws", shard, receive_bytes) {
    EXPECT_TRUE(ws_.upgraded()) << ws_.response();
  }

  FeedClient& ws() { return ws_; }

  void send(const Json& object) { ws_.send(ws::Opcode::kText, object.dump()); }
  // Sends a command under a new id, which is returned.
  int command(std::string_view name, Json arguments) {
    const int id = ++last_id_;
    send({{"id", id}, {std::string(name), std::move(arguments)}});
    return id;
  }
  // The answer to a command; pushes that come before it are kept for push().
  Json call(std::string_view name, Json arguments) {
    return answer(command(name, std::move(arguments)));
  }
  Json answer(int id) {
    for (;;) {
      Json object = receive();
      if (object.is_null() || (object.contains("id") && object["id"] == id)) return object;
      if (!object.contains("id")) pushes_.push_back(std::move(object));
    }
  }
  Json subscribe(int sid, const std::string& topic, Json more = Json::object()) {
    more["sid"] = sid;
    more["topic"] = topic;
    return call("subscribe", std::move(more));
  }

  // The next push, whatever it is.
  Json push() {
    if (!pushes_.empty()) {
      Json object = std::move(pushes_.front());
      pushes_.pop_front();
      return object;
    }
    for (;;) {
      Json object = receive();
      if (object.is_null() || !object.contains("id")) return object;
    }
  }
  // The values of `count` records, in the order in which they come; fails on any other push but a
  // heartbeat, which comes when the machine is slow.
  std::vector<std::string> values(std::size_t count) {
    std::vector<std::string> got;
    while (got.size() < count) {
      const Json object = push();
      if (object.contains("hb")) continue;
      if (!object.contains("records")) {
        ADD_FAILURE() << object.dump();
        break;
      }
      for (const Json& item : object["records"]["items"]) {
        got.push_back(item["value"].is_null() ? "(null)" : item["value"].get<std::string>());
      }
    }
    return got;
  }
  // Null once the connection has ended, or a close frame has come.
  Json receive() {
    const FeedClient::Event event = ws_.next();
    if (event.kind == ws::FrameEvent::Kind::kClose) close_code_ = event.close_code;
    if (event.kind != ws::FrameEvent::Kind::kMessage) return nullptr;
    EXPECT_EQ(event.opcode, ws::Opcode::kText);
    return Json::parse(event.payload);
  }
  [[nodiscard]] std::uint16_t close_code() const { return close_code_; }

 private:
  FeedClient ws_;
  std::deque<Json> pushes_;
  int last_id_ = 0;
  std::uint16_t close_code_ = 0;
};

}  // namespace duolog::session

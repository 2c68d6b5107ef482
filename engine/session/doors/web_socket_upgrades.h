// WebSocketUpgrades: which path becomes which WebSocket, and what it needs first: the plain feeds,
// /v1/ws and /v1/echo.
//
// One for each shard, used by its thread. A feed's topic that is not there is created, if it may
// be, while its connection waits.
#pragma once

#include <optional>
#include <string>

#include "engine/broker/topic.h"
#include "engine/session/feed/shard.h"
#include "engine/session/http/upgraded.h"
#include "engine/session/push/shard.h"
#include "engine/session/websocket/connection.h"
#include "net/kafka/errors.h"
#include "net/ws/deflate.h"
#include "net/ws/feed_target.h"
#include "net/ws/handshake.h"

namespace duolog::session {

class WebSocketUpgrades final : public Upgrades {
 public:
  WebSocketUpgrades(FeedShard& feeds, PushShard& pushes)
      : feeds_(feeds), pushes_(pushes), live_(feeds.live()), ws_(live_.ws()) {}

  [[nodiscard]] bool serves(const http::Target& target) const override;
  void upgrade(HttpConnection& connection, const http::Request& request) override;

 private:
  struct FeedRequest {
    ws::FeedTarget target;
    ws::Upgrade upgrade;
    std::optional<ws::DeflateAgreement> deflate;
  };

  void upgrade_push(HttpConnection& connection, const http::Request& request,
                    const ws::Upgrade& upgrade);
  void upgrade_echo(HttpConnection& connection, const http::Request& request,
                    const ws::Upgrade& upgrade);
  void upgrade_feed(HttpConnection& connection, const http::Request& request, ws::Upgrade upgrade);
  void create_topic(HttpConnection& connection, FeedRequest feed);
  void topic_created(HttpConnection& connection, const FeedRequest& feed, kafka::ErrorCode error,
                     const std::string& message);
  void open_feed(HttpConnection& connection, broker::Topic& topic, const FeedRequest& feed);
  [[nodiscard]] std::optional<ws::DeflateAgreement> agree_on_live_deflate(
      const http::Request& request) const;
  [[nodiscard]] std::optional<ws::DeflateAgreement> agree_on_deflate(const http::Request& request);
  // False: there is no room for another, and the request has been refused.
  [[nodiscard]] bool admit(HttpConnection& connection);
  // Answers with the 101; what comes after it is for the endpoint, which is to be served next.
  [[nodiscard]] WsConnection& begin(HttpConnection& connection, ws::Upgrade upgrade,
                                    ws::FrameParserConfig frames,
                                    const std::optional<ws::DeflateAgreement>& deflate = {});

  FeedShard& feeds_;
  PushShard& pushes_;
  LiveShard& live_;
  WsShard& ws_;
};

}  // namespace duolog::session

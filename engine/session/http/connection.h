// HttpConnection: one connection of the HTTP port, from its accept to its close.
//
//   kRequests --- upgrade ---> (kOpening, while its topic is created) ---> kWebSocket
//       |                              |                                     |
//       +---- error, Connection: close +-----> kLingering ------> closed <---+
//
// Answers with documents (http_routes.h), refuses what it does not know, and hands what is upgraded
// to a WsConnection. Requests are answered in their order, one after the other; a whole request has
// to arrive within request_timeout_ms of the accept, or of the answer before it. After an error the
// answer is sent, the sending side is shut, and what still arrives is thrown away until the peer
// closes, so that no reset takes the answer back.
//
// It owns itself: it is freed when its socket is closed and nothing that it started is in flight.
// On its shard's thread. Limits: HttpSettings; answers that wait to be sent pause the reading at
// kMaxUnsentBytes, and what has been read by then is refused with 429.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/base/intrusive_list.h"
#include "engine/broker/topic.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/socket.h"
#include "engine/session/websocket/connection.h"
#include "net/http/request_parser.h"
#include "net/kafka/errors.h"
#include "net/ws/deflate.h"
#include "net/ws/feed_target.h"
#include "net/ws/handshake.h"

namespace duolog::session {

class HttpDoor;

class HttpConnection final : runtime::SocketHandler {
 public:
  static constexpr std::size_t kMaxUnsentBytes = 64U << 10;

  // Takes over a connected socket.
  static void accept(HttpDoor& door, int descriptor);

  ListHook link;  // in the door's list

  // The door's.
  void topic_grown(const broker::Topic& topic);
  void topic_gone(const broker::Topic& topic);
  void drain();

  // The WsConnection's.
  [[nodiscard]] runtime::Socket& socket() { return socket_; }
  void send(std::span<const iovec> slices, std::size_t bytes);
  void flush_soon() { door_shard().at_turn_end(flush_hook_); }
  void arm_timer(std::uint64_t in_ms);
  void arm_timer_at(std::uint64_t at_ns);
  void close();
  // Frees this object if nothing holds it any more.
  void release_if_done();

 private:
  friend class WsProbe;  // of the tests: a connection with an endpoint of theirs
  enum class Stage : std::uint8_t { kRequests, kOpening, kWebSocket, kLingering };
  struct FeedRequest {
    ws::FeedTarget target;
    ws::Upgrade upgrade;
    std::optional<ws::DeflateAgreement> deflate;
  };
  // An upgrade whose topic is being created.
  struct Opening {
    FeedRequest feed;
    std::string held;  // bytes that followed the request: frames
  };

  HttpConnection(HttpDoor& door, int descriptor);
  ~HttpConnection();
  [[nodiscard]] runtime::Shard& door_shard();

  void on_data(MutableBytes bytes) override;
  void on_eof() override;
  void on_error(int error_number) override;
  void on_sent(std::size_t bytes) override;
  void on_writable() override;
  void on_closed() override;

  void read_requests(MutableBytes bytes);
  void handle(const http::Request& request);
  void respond(http::Response response, const http::Request& request);
  void refuse(int status, std::string_view message);
  void send_and_close(const http::Response& response);
  // doors/upgrade.cc
  [[nodiscard]] bool is_websocket_path(const http::Target& target) const;
  void upgrade(const http::Request& request);
  void upgrade_push(const http::Request& request, const ws::Upgrade& upgrade);
  void upgrade_echo(const http::Request& request, const ws::Upgrade& upgrade);
  void upgrade_feed(const http::Request& request, ws::Upgrade upgrade);
  void create_topic(FeedRequest feed);
  void topic_created(kafka::ErrorCode error, const std::string& message);
  void open_feed(broker::Topic& topic, const FeedRequest& feed);
  [[nodiscard]] std::optional<ws::DeflateAgreement> agree_on_feed_deflate(
      const http::Request& request);
  [[nodiscard]] bool admit_websocket();
  [[nodiscard]] std::optional<ws::DeflateAgreement> agree_on_deflate(const http::Request& request);
  WsConnection& begin_websocket(ws::Upgrade upgrade, ws::FrameParserConfig frames,
                                const std::optional<ws::DeflateAgreement>& deflate = {});
  void response_sent();
  void flush();
  void on_timer();

  HttpDoor& door_;
  runtime::Socket socket_;
  runtime::TurnHook flush_hook_;
  runtime::Timer timer_;
  http::RequestParser parser_;
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<WsConnection> ws_;
  std::string out_;  // HTTP responses not yet sent
  std::size_t sending_bytes_ = 0;
  Stage stage_ = Stage::kRequests;
  bool sending_out_ = false;  // the send under way is of out_
  bool creating_ = false;     // the broker has a callback to this object
  bool flushing_ = false;
  bool closed_ = false;
  bool peer_done_ = false;
};

}  // namespace duolog::session

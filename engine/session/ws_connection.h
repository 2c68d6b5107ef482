// WsConnection: one WebSocket connection that is a plain feed, from after the 101 to its close.
//
// Frames in: messages are published, control frames answered. Frames out, in one send a turn:
//
//   the rest of a half-sent frame | control frames | whole frames of the subscription
//
// Rules
//  1. Every ping is answered, before data. Pongs wait in at most kMaxControlBytes; beyond that the
//     peer is not reading, and only the latest is kept.
//  2. Closing, whoever began it: one close frame out, nothing after it; the socket is closed when
//     the peer's close frame (after an error of its framing: its end) has come, or close_timeout_ms
//     after.
//  3. A peer's close is answered when what it published before is on disk; if that fails, with the
//     code of the failure.
//  4. Silence for ping_after_ms is answered with a ping, and another pong_within_ms with 4441.
//  Bytes
//     received are a sign of life, and so is room to send where there was none; silence is none
//     while receiving is paused.
//  5. Over max_unacked_bytes published and not acked, receiving pauses; sending goes on.
//
// Owned by its HttpConnection, on the shard's thread. Limits: HttpSettings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/broker/topic.h"
#include "engine/session/feed_publisher.h"
#include "engine/session/feed_subscription.h"
#include "net/ws/frame_parser.h"

namespace duolog::session {

class HttpConnection;
class HttpDoor;

// What a feed was opened on.
struct FeedSource {
  broker::Topic* topic = nullptr;
  std::span<broker::Partition* const> read;
  broker::Partition* write = nullptr;
  bool whole_topic = false;  // partitions that are added are read too
};

class WsConnection {
 public:
  static constexpr std::size_t kMaxControlBytes = 4096;

  WsConnection(HttpDoor& door, HttpConnection& connection, const FeedSource& source,
               const ws::FeedTarget& target);
  ~WsConnection();

  // The socket's events, and the connection's turn-end hook and timer.
  void on_data(MutableBytes bytes);
  void on_eof();
  void on_sent(std::size_t bytes);  // of what flush() gave to HttpConnection::send
  void on_writable();
  void on_timer();
  void flush();

  // The topic has more partitions.
  void topic_grown(const broker::Topic& topic);
  // The topic is about to be forgotten.
  void topic_gone(const broker::Topic& topic);
  // The server stops.
  void drain();
  [[nodiscard]] bool busy() const { return publisher_.busy(); }

 private:
  enum class Closing : std::uint8_t {
    kNo,
    kReplying,  // the peer has closed; the answer waits for acks
    kQueued,    // the close frame is in control_
    kSent,      // the kernel has it
  };

  void handle(const ws::FrameEvent& event);
  void publish(Bytes value);
  void answer_ping(Bytes payload);
  void peer_closes(std::uint16_t code);
  void close(std::uint16_t code, std::string_view reason);
  void queue_close();
  void close_sent();
  void control_empty();
  void append_control(Bytes frame);
  void resume_if_acked();
  void check_silence();
  [[nodiscard]] bool fill(FeedSendList& list);
  static void on_ready(void* context);
  static void on_acked(void* context, kafka::ErrorCode error);

  HttpDoor& door_;
  HttpConnection& connection_;
  broker::Topic* topic_;
  ws::FrameParser parser_;
  FeedSubscription subscription_;
  FeedPublisher publisher_;
  std::size_t partitions_;  // of the whole topic that are read; 0: only the one that was asked for
  std::string control_;  // encoded control frames not yet sent
  std::string late_pong_;
  std::string_view close_reason_;  // a static text
  std::uint64_t heard_ns_;
  std::uint64_t pinged_ns_ = 0;        // 0: no ping is unanswered
  std::uint32_t sending_control_ = 0;  // bytes of control_ in the send under way
  std::uint16_t close_code_ = 0;
  Closing closing_ = Closing::kNo;
  bool peer_closed_ = false;
};

}  // namespace duolog::session

// EchoEndpoint: /v1/echo. Every message goes back as it came, text as text, binary as binary, in
// their order; compressed where permessage-deflate was agreed on. For tests of clients, and of what
// lies between them and this server.
//
// What is to go out lies encoded in one buffer, and all of a turn leaves in one send. An answer is
// cut into frames of at most kMaxFrameBytes, so that pongs pass between them. With kMaxWaitingBytes
// in the buffer no more messages are taken until all of it is sent: a client that does not read
// costs that and one message. An idle connection holds at most kKeptBytes.
//
// Owned by its WsConnection, on the shard's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/buffer.h"
#include "engine/session/websocket/connection.h"
#include "engine/session/websocket/endpoint.h"

namespace duolog::session {

class EchoEndpoint final : public WsEndpoint {
 public:
  static constexpr std::uint32_t kMaxMessageBytes = 16U << 20;  // beyond: 1009
  static constexpr std::size_t kMaxFrameBytes = 256U << 10;     // of payload
  static constexpr std::size_t kMaxWaitingBytes = 256U << 10;
  static constexpr std::size_t kKeptBytes = 1024;

  explicit EchoEndpoint(WsConnection& connection);
  ~EchoEndpoint() override;

  void on_message(ws::Opcode opcode, Bytes payload) override;
  void turn_ended() override {}
  [[nodiscard]] Plan begin(SendList& list) override;
  [[nodiscard]] Plan collect(SendList& list) override;
  [[nodiscard]] std::size_t begun_bytes() const override { return frame_ - sent_; }
  void sent(std::size_t of_begin, std::size_t of_collect) override;
  [[nodiscard]] bool more() const override { return unsent_bytes() > 0; }
  [[nodiscard]] bool busy() const override { return false; }
  [[nodiscard]] bool answering() const override { return unsent_bytes() > 0; }
  void drain() override;

 private:
  [[nodiscard]] std::size_t unsent_bytes() const { return out_.size() - sent_; }
  void append(ws::Opcode opcode, Bytes payload, bool compressed);

  WsConnection& connection_;
  Buffer out_;             // whole frames
  std::size_t sent_ = 0;   // of out_
  std::size_t frame_ = 0;  // where the first frame begins of which nothing was sent
};

}  // namespace duolog::session

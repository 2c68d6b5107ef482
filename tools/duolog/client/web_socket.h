// WebSocket: one connection to a server, as a command-line program uses it.
//
// Calls wait, up to the timeouts they are given. Owned by who opened it; used on one thread. What
// it receives is text; pings are answered while it waits. Limit: a message of kMaxMessageBytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "net/ws/frame.h"
#include "net/ws/frame_parser.h"

namespace duolog::tools {

class WebSocket {
 public:
  static constexpr std::uint32_t kMaxMessageBytes = 1U << 30;

  // Connects to `address`, HOST:PORT, and upgrades at `target`. kInvalid: the address is none; kIo:
  // nobody answers; otherwise the server's refusal (net/ws/client_handshake.h).
  [[nodiscard]] static Result<std::unique_ptr<WebSocket>> open(const std::string& address,
                                                               const std::string& target,
                                                               const std::string& subprotocol,
                                                               int timeout_ms);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Sends one text message, reading on meanwhile: two full pipes must not wait for each other.
  // kIo when the server takes nothing for `timeout_ms`, kClosed when the connection has ended.
  [[nodiscard]] Result<void> send(std::string_view text, int timeout_ms);

  // The next message, or nothing when none came within `timeout_ms` or a signal interrupted. The
  // text is valid until the next call. kClosed when the connection has ended; close_code() says
  // how.
  [[nodiscard]] Result<std::optional<std::string_view>> receive(int timeout_ms);

  // The closing handshake: what was sent before has been dealt with when the server answers it.
  // Returns the server's code. Messages that still come are dropped.
  [[nodiscard]] Result<std::uint16_t> close(int timeout_ms);

  // What the server closed with; 1006 when the connection just ended.
  [[nodiscard]] std::uint16_t close_code() const { return close_code_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit WebSocket(int descriptor) : descriptor_(descriptor) {}

  [[nodiscard]] Result<void> upgrade(const std::string& address, const std::string& target,
                                     const std::string& subprotocol, int timeout_ms);
  [[nodiscard]] Result<void> send_frame(ws::Opcode opcode, Bytes payload, int timeout_ms);
  [[nodiscard]] Result<void> send_bytes(Bytes bytes, int timeout_ms);
  // Waits for the events of poll(2); 0 when none came in time.
  [[nodiscard]] Result<short> wait(short events, int timeout_ms);
  // Takes what has arrived into the inbox.
  [[nodiscard]] Result<void> read();
  [[nodiscard]] std::unexpected<Error> ended(const std::string& why, std::uint16_t code);

  int descriptor_;
  ws::FrameParser parser_{
      {.role = ws::Role::kClient, .accept_binary = false, .max_message_bytes = kMaxMessageBytes}};
  std::vector<std::uint8_t> inbox_;
  std::size_t taken_ = 0;  // of the inbox, by the parser
  std::uint16_t close_code_ = 1006;
  bool ended_ = false;
};

}  // namespace duolog::tools

#include "tests/sim/server/ws_peer.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "tests/sim/server/machine.h"

namespace duolog::sim {

namespace {

ws::FrameParser client_parser() {
  return ws::FrameParser({.role = ws::Role::kClient, .max_message_bytes = 64U << 20});
}

}  // namespace

bool WsPeer::connect(std::string target) {
  drop();
  connection_ = kernel_.connect(kHttpPort);
  if (connection_ == nullptr) return false;
  std::array<std::uint8_t, 16> nonce{};
  for (std::uint8_t& byte : nonce) byte = static_cast<std::uint8_t>(kernel_.random());
  upgrade_ = {.host = fmt::format("127.0.0.1:{}", kHttpPort),
              .target = std::move(target),
              .key = ws::make_key(nonce),
              .subprotocol = {}};
  connection_->to_server += ws::upgrade_request(upgrade_);
  heard_ns_ = kernel_.now_ns();
  return true;
}

void WsPeer::drop() {
  if (connection_ != nullptr) connection_->reset = true;
  connection_.reset();
  in_.clear();
  upgraded_ = false;
  close_code_ = 0;
  parser_ = client_parser();
}

bool WsPeer::has_news() const {
  return connection_ != nullptr &&
         (connection_->reset || connection_->server_ended || !connection_->to_client.empty());
}

bool WsPeer::ended() {
  if (connection_ == nullptr) return true;
  const bool over =
      connection_->reset || (connection_->server_ended && connection_->to_client.empty());
  if (!over) return false;
  const std::uint16_t code = close_code_;
  drop();
  close_code_ = code;
  return true;
}

void WsPeer::send_frame(ws::Opcode opcode, Bytes payload) {
  std::vector<std::uint8_t> out;
  ws::append_masked_frame(out, opcode, true, payload, static_cast<ws::MaskKey>(kernel_.random()));
  connection_->to_server.append(reinterpret_cast<const char*>(out.data()), out.size());
}

void WsPeer::send(std::string_view text) { send_frame(ws::Opcode::kText, as_bytes(text)); }

bool WsPeer::finish_upgrade() {
  const auto taken = ws::check_answer(in_, upgrade_);
  if (!taken) {
    // It may be refused, when the server stops or is full; then it is closed.
    in_.clear();
    connection_->reset = true;
    return false;
  }
  if (*taken == 0) return false;
  in_.erase(0, *taken);
  upgraded_ = true;
  return true;
}

std::optional<std::string> WsPeer::take() {
  if (connection_ == nullptr) return std::nullopt;
  if (!connection_->to_client.empty()) heard_ns_ = kernel_.now_ns();
  in_.append(connection_->to_client);
  connection_->to_client.clear();
  if (!upgraded_ && !finish_upgrade()) return std::nullopt;
  for (;;) {
    MutableBytes input{reinterpret_cast<std::uint8_t*>(in_.data()), in_.size()};
    const ws::FrameEvent event = parser_.next(input);
    const std::string payload(as_text(event.payload));
    in_.erase(0, in_.size() - input.size());
    switch (event.kind) {
      case ws::FrameEvent::Kind::kNeedMore:
        return std::nullopt;
      case ws::FrameEvent::Kind::kMessage:
        return payload;
      case ws::FrameEvent::Kind::kPing:
        send_frame(ws::Opcode::kPong, as_bytes(payload));
        break;
      case ws::FrameEvent::Kind::kPong:
        break;
      case ws::FrameEvent::Kind::kClose:
        close_code_ = event.close_code;
        connection_->client_ended = true;
        return std::nullopt;
      case ws::FrameEvent::Kind::kError:
        oracle_.wrong(fmt::format("{}: the server sent a bad frame: {}", name_, event.error));
        return std::nullopt;
    }
  }
}

}  // namespace duolog::sim

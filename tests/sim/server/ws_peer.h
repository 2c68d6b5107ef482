// WsPeer: a client's WebSocket to a simulated server, by the project's own wire code: the upgrade,
// masked frames out, messages in. Pings are answered. What the server may never send is the
// oracle's to hear of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/ws/client_handshake.h"
#include "net/ws/frame_parser.h"
#include "tests/sim/kernel/kernel.h"
#include "tests/sim/server/oracle.h"

namespace duolog::sim {

class WsPeer {
 public:
  WsPeer(Kernel& kernel, Oracle& oracle, std::string name)
      : kernel_(kernel), oracle_(oracle), name_(std::move(name)) {}
  ~WsPeer() { drop(); }
  WsPeer(const WsPeer&) = delete;
  WsPeer& operator=(const WsPeer&) = delete;

  // Asks for a WebSocket. False: nobody listens.
  bool connect(std::string target);
  void drop();
  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  [[nodiscard]] bool open() const { return upgraded_; }
  [[nodiscard]] bool has_news() const;
  // The server has ended it, and every message has been taken. Drops it.
  [[nodiscard]] bool ended();
  // The close code that the server sent on the last connection; 0: none.
  [[nodiscard]] std::uint16_t close_code() const { return close_code_; }

  void send(std::string_view text);
  // The next message, if it is there.
  [[nodiscard]] std::optional<std::string> take();
  // When bytes came last, or the connection was begun.
  [[nodiscard]] std::uint64_t heard_ns() const { return heard_ns_; }

 private:
  [[nodiscard]] bool finish_upgrade();
  void send_frame(ws::Opcode opcode, Bytes payload);

  Kernel& kernel_;
  Oracle& oracle_;
  std::string name_;
  std::shared_ptr<Connection> connection_;
  ws::ClientUpgrade upgrade_;
  ws::FrameParser parser_;
  std::string in_;
  std::string message_;
  bool upgraded_ = false;
  std::uint16_t close_code_ = 0;
  std::uint64_t heard_ns_ = 0;
};

}  // namespace duolog::sim

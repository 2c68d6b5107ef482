// WsEndpoint: what a WebSocket connection is for: a plain feed, the push protocol, an echo.
//
// The WsConnection has the frames, control frames, closing and silence; its endpoint has the
// messages: those that come, and what is to go out. What goes out is planned and sent once a turn:
//
//   begin()   the rest of a message that was cut short, if there is one
//   collect() whole messages of what is ready
//   sent()    how much of both the kernel took
//
// Owned by its WsConnection, on the shard's thread. A few indirect calls a turn, and one for each
// message received; none for each record sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/session/transport/send_list.h"
#include "net/ws/frame.h"

namespace duolog::session {

class WsEndpoint {
 public:
  virtual ~WsEndpoint() = default;
  WsEndpoint() = default;
  WsEndpoint(const WsEndpoint&) = delete;
  WsEndpoint& operator=(const WsEndpoint&) = delete;

  // A whole message; `payload` is gone when it returns.
  virtual void on_message(ws::Opcode opcode, Bytes payload) = 0;
  // At the end of each turn that asked for it, also once the connection is closed: what was
  // received in it is handed on.
  virtual void turn_ended() = 0;
  // It goes on with its last message in the next turn; the end of the socket comes after that.
  [[nodiscard]] virtual bool taking() const { return false; }

  struct Plan {
    enum class Status : std::uint8_t {
      kOk,
      kBlocked,  // of begin(): a message is cut, and its rest is not there: send no data after it
      kFailed,   // the connection is to be closed
    };
    Status status = Status::kOk;
    std::uint16_t close_code = 0;  // kFailed
    std::string_view reason{};     // kFailed: a static text
  };
  [[nodiscard]] virtual Plan begin(SendList& list) = 0;
  [[nodiscard]] virtual Plan collect(SendList& list) = 0;
  [[nodiscard]] virtual std::size_t begun_bytes() const = 0;
  // Of what begin() and collect() added; once for each plan, with 0 and 0 when it is dropped.
  virtual void sent(std::size_t of_begin, std::size_t of_collect) = 0;
  // Something may be ready that no callback will tell about.
  [[nodiscard]] virtual bool more() const = 0;

  // Something was started whose end will call this object: it must not be destroyed.
  [[nodiscard]] virtual bool busy() const = 0;
  // A peer's close, or an error in what it sends, is answered once this is false: what came before
  // is on disk, answered, or refused.
  [[nodiscard]] virtual bool answering() const = 0;

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  // Does what is due at `now_ns`, and says when to call again.
  [[nodiscard]] virtual std::uint64_t on_time(std::uint64_t /*now_ns*/) { return kNever; }

  // The server stops: says what is to be said, and closes the connection with 4503.
  virtual void drain() = 0;
};

}  // namespace duolog::session

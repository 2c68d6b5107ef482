// WsDeflate: permessage-deflate of one connection (RFC 7692), and what connections share of it.
//
// A stream is made when it is first needed. Where a side keeps its context between messages, its
// stream is the connection's own: up to 42 KiB to inflate, 192 KiB to deflate; WsSettings limits
// how many connections may have such streams. Where it does not, the stream is the shard's.
//
// A segment of small messages may be gigabytes once inflated: after kTurnBytes in a turn, the
// messages of connections that compress have to wait for the next one.
//
// Owned by a WsConnection, a WsDeflateShare by the WsShard; on the shard's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "net/ws/deflate.h"

namespace duolog::session {

class WsShard;

// One for each shard.
struct WsDeflateShare {
  static constexpr std::size_t kKeptBytes = 256U << 10;
  static constexpr std::size_t kTurnBytes = 1U << 20;

  void spend(std::uint64_t now_ns, std::size_t bytes);
  [[nodiscard]] bool spent(std::uint64_t now_ns) const {
    return turn_ns == now_ns && turn_bytes >= kTurnBytes;
  }
  // Gives back the memory of large messages.
  void trim();

  Buffer inflated;
  Buffer deflated;
  std::uint64_t turn_ns = 0;   // when the turn began
  std::size_t turn_bytes = 0;  // before or after compression, whichever is more
  // Of connections that keep no context.
  std::unique_ptr<ws::Inflater> inflater;
  std::array<std::unique_ptr<ws::Deflater>, ws::kMaxWindowBits - ws::kMinWindowBits + 1>
      deflaters;  // by window bits
};

class WsDeflate {
 public:
  WsDeflate(WsShard& ws, const ws::DeflateParameters& parameters, std::size_t max_message_bytes);
  ~WsDeflate();
  WsDeflate(const WsDeflate&) = delete;
  WsDeflate& operator=(const WsDeflate&) = delete;

  // The message; valid until the next one of the shard is inflated, or trim(). kTooLarge beyond
  // max_message_bytes, kInvalid when it is no such stream: the connection is then to be failed.
  [[nodiscard]] Result<Bytes> inflate(Bytes payload);
  // The payload of a message that is then sent with RSV1; valid as long.
  [[nodiscard]] Bytes deflate(Bytes message);
  // This turn has done enough.
  [[nodiscard]] bool spent() const;

 private:
  [[nodiscard]] bool keeps_context() const {
    return !parameters_.client_no_context_takeover || !parameters_.server_no_context_takeover;
  }

  WsShard& ws_;
  ws::DeflateParameters parameters_;
  std::size_t max_message_bytes_;
  std::unique_ptr<ws::Inflater> inflater_;
  std::unique_ptr<ws::Deflater> deflater_;
};

}  // namespace duolog::session

// permessage-deflate (RFC 7692), server side: its negotiation, and the two streams of a connection.
//
//   handshake: negotiate_deflate(offers) -> parameters, and the text to answer
//   received:  Inflater::inflate(payload of a message whose first frame had RSV1)
//   to send:   Deflater::deflate(payload) -> payload of a message whose first frame gets RSV1
//
// Owned by a connection, used by its shard's thread. An Inflater costs up to 2^bits bytes and about
// 10 KiB; a Deflater about 4 * 2^bits and 64 KiB. Where a side gives up its context, its stream may
// be shared by connections, or dropped, between two messages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"
#include "engine/base/result.h"

struct z_stream_s;

namespace duolog::ws {

inline constexpr int kMinWindowBits = 8;
inline constexpr int kMaxWindowBits = 15;

// What both sides have agreed on (RFC 7692 section 7.1). "Server" and "client" say who compresses.
struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = kMaxWindowBits;
  int client_max_window_bits = kMaxWindowBits;
};

struct DeflateAgreement {
  DeflateParameters parameters;
  std::string response;  // the value of Sec-WebSocket-Extensions in the answer
};

// What an endpoint wants, whatever the client offers: each message compressed by itself. It may ask
// that of the client too (section 7.1.1.2).
struct DeflatePreferences {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
};

// The first offer in `extensions` (the elements of Sec-WebSocket-Extensions) that can be accepted.
// None when there is none: offers with unknown, doubled or wrong parameters are declined, as are
// other extensions, and the connection goes on without compression.
[[nodiscard]] std::optional<DeflateAgreement> negotiate_deflate(
    std::span<const std::string_view> extensions, DeflatePreferences preferences = {});

// Inflates a client's messages.
class Inflater {
 public:
  explicit Inflater(const DeflateParameters& parameters);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  // Replaces `out` by the message. kTooLarge as soon as it passes `max_bytes`, which is not the
  // largest std::size_t; kInvalid when the bytes are no such stream. After an error the connection
  // is to be failed, and the stream is of no further use.
  [[nodiscard]] Result<void> inflate(Bytes payload, std::size_t max_bytes, Buffer& out);

 private:
  [[nodiscard]] Result<void> feed(Bytes bytes, std::size_t max_bytes, Buffer& out);

  std::unique_ptr<z_stream_s> stream_;
  bool keeps_context_;
};

// Compresses a server's messages.
class Deflater {
 public:
  explicit Deflater(const DeflateParameters& parameters);
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  // Replaces `out` by the message's payload; an empty message is a single zero byte.
  void deflate(Bytes message, Buffer& out);

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool keeps_context_;
};

}  // namespace duolog::ws

// ChunkDecoder: a body in the chunked transfer coding (RFC 9112 section 7.1), as it arrives.
//
// Strict where two readers could disagree on where a chunk ends: every line ends in CRLF, and a
// chunk's size has at most 16 digits. Extensions and trailer fields are skipped; they never become
// fields of the request.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/bytes.h"

namespace duolog::http {

// Part of a RequestParser. Holds no memory of its own.
class ChunkDecoder {
 public:
  static constexpr std::size_t kMaxLineBytes =
      1024;  // of a chunk's size and extensions; of all trailers

  enum class Status : std::uint8_t { kNeedMore, kComplete, kInvalid, kTooLarge };

  // Takes bytes from the front of `input` up to the body's end, and appends what they carry to
  // `body`, which stays within `max_body_bytes`: a chunk that would pass it is refused at its size.
  [[nodiscard]] Status feed(Bytes& input, std::string& body, std::uint64_t max_body_bytes);

 private:
  enum class State : std::uint8_t {
    kSize,         // the digits of the chunk's size
    kExtension,    // the rest of that line
    kSizeLf,       // its LF
    kData,         // the chunk's bytes
    kDataCr,       // the CRLF after them
    kDataLf,       //
    kTrailerLine,  // the first byte of a trailer field, or the CR of the end
    kTrailer,      // the rest of a trailer field
    kTrailerLf,    // its LF
    kEndLf,        // the last LF of the body
    kComplete,
  };

  [[nodiscard]] Status step(std::uint8_t byte);
  [[nodiscard]] Status step_size(std::uint8_t byte);
  [[nodiscard]] bool go(bool allowed, State next);

  State state_ = State::kSize;
  std::uint8_t digits_ = 0;
  std::uint16_t line_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;
};

}  // namespace duolog::http

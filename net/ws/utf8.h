// UTF-8 validation (RFC 3629): whole, and as bytes arrive.
//
// Overlong forms, surrogates and code points above U+10FFFF are refused at the first byte that
// makes the sequence impossible, not at its end (RFC 6455 section 8.1 asks for it as data arrives).
#pragma once

#include "engine/base/bytes.h"

namespace duolog::ws {

// Utf8Validator keeps the state between slices of one text. Four bytes, no memory; a plain value,
// used by the thread that owns the connection.
class Utf8Validator {
 public:
  // Takes the next slice. False as soon as a byte breaks the text; after that, reset() before
  // reuse.
  [[nodiscard]] bool feed(Bytes slice);

  // True when the text so far ends on a character's boundary.
  [[nodiscard]] bool complete() const { return pending_ == 0; }

  void reset() { *this = Utf8Validator{}; }

 private:
  [[nodiscard]] bool step(std::uint8_t byte);

  std::uint8_t pending_ = 0;  // continuation bytes that the character still needs
  std::uint8_t low_ = 0x80;   // the range of the next continuation byte
  std::uint8_t high_ = 0xBF;
};

// True when `text` is UTF-8 from its first byte to its last; empty text is.
[[nodiscard]] bool is_valid_utf8(Bytes text);

}  // namespace duolog::ws

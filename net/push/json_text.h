// The pieces of the push protocol's JSON, appended to a std::string or a Buffer. Pure functions,
// any thread.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"

namespace duolog::push {

inline void put(std::string& out, std::string_view text) { out += text; }
inline void put(Buffer& out, std::string_view text) { out.append(as_bytes(text)); }

inline constexpr std::size_t kMaxNumberBytes = 20;  // of 64 bits, with a sign

template <class Out>
void put_number(Out& out, std::integral auto number) {
  char digits[kMaxNumberBytes];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  put(out, {digits, static_cast<std::size_t>(end - digits)});
}

// A JSON string of `text`, which is valid UTF-8, with its quotes.
void put_utf8(Buffer& out, std::string_view text);

// The same of any bytes: U+FFFD stands for each that is not part of a character.
void put_any(std::string& out, std::string_view text);
void put_any(Buffer& out, std::string_view text);

}  // namespace duolog::push

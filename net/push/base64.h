// Base64 (RFC 4648 section 4): the alphabet with '+' and '/', always padded. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/buffer.h"
#include "engine/base/bytes.h"

namespace duolog::push {

void append_base64(Buffer& out, Bytes bytes);

// Decodes `text` to `out` and returns how many bytes that gave: at most 3 for every 4 characters.
// `out` may be where `text` is. Nothing when it is not what an encoder writes: another character,
// missing or misplaced padding, bits behind the last byte. Then `out` may have been written to.
[[nodiscard]] std::optional<std::size_t> decode_base64(std::string_view text, std::uint8_t* out);

}  // namespace duolog::push

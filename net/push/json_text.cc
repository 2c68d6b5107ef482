#include "net/push/json_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <emmintrin.h>

#include "net/ws/utf8.h"

namespace duolog::push {
namespace {

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kChunkBytes = 256;
// What escape() may write: \u001f for every byte, and a block beyond its last byte.
constexpr std::size_t room_for(std::size_t size) { return 6 * size + kBlockBytes; }

// Writes a byte that is '"', '\\' or below 0x20.
std::uint8_t* put_escape(std::uint8_t byte, std::uint8_t* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kShort = "btn?fr";  // of 0x08 to 0x0D
  *out++ = '\\';
  if (byte >= 0x20) {
    *out++ = byte;
  } else if (byte >= 0x08 && byte <= 0x0D && byte != 0x0B) {
    *out++ = static_cast<std::uint8_t>(kShort[byte - 0x08]);
  } else {
    std::memcpy(out, "u00", 3);
    out[3] = static_cast<std::uint8_t>(kHex[byte >> 4]);
    out[4] = static_cast<std::uint8_t>(kHex[byte & 0xF]);
    out += 5;
  }
  return out;
}

bool is_plain(std::uint8_t byte) { return byte >= 0x20 && byte != '"' && byte != '\\'; }

// Writes `text` with its escapes and returns where it ends. A block is copied before it is known
// how much of it is plain: push_json_bench, BM_EncodeItem.
std::uint8_t* escape(Bytes text, std::uint8_t* out) {
  const std::uint8_t* at = text.data();
  const std::uint8_t* const end = at + text.size();
  while (end - at >= static_cast<std::ptrdiff_t>(kBlockBytes)) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const auto special = static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash))));
    const int plain = special == 0 ? static_cast<int>(kBlockBytes) : std::countr_zero(special);
    at += plain;
    out += plain;
    if (special != 0) out = put_escape(*at++, out);
  }
  for (; at != end; ++at) {
    if (is_plain(*at)) {
      *out++ = *at;
    } else {
      out = put_escape(*at, out);
    }
  }
  return out;
}

void put_escaped(Buffer& out, Bytes chunk) {
  const std::size_t before = out.size();
  out.resize(before + room_for(chunk.size()));
  out.resize(static_cast<std::size_t>(escape(chunk, out.data() + before) - out.data()));
}

void put_escaped(std::string& out, Bytes chunk) {
  std::array<std::uint8_t, room_for(kChunkBytes)> escaped;
  const std::uint8_t* const end = escape(chunk, escaped.data());
  out += as_text(Bytes(escaped).first(static_cast<std::size_t>(end - escaped.data())));
}

template <class Out>
void put_chunks(Out& out, std::string_view text) {
  for (Bytes rest = as_bytes(text); !rest.empty();) {
    const Bytes chunk = rest.first(std::min(rest.size(), kChunkBytes));
    put_escaped(out, chunk);
    rest = rest.subspan(chunk.size());
  }
}

// How many bytes from the start of `text` are whole characters.
std::size_t utf8_prefix(Bytes text) {
  if (ws::is_valid_utf8(text)) return text.size();
  ws::Utf8Validator validator;
  std::size_t whole = 0;
  for (std::size_t at = 0; at < text.size() && validator.feed(text.subspan(at, 1)); ++at) {
    if (validator.complete()) whole = at + 1;
  }
  return whole;
}

template <class Out>
void put_whole_characters(Out& out, std::string_view text) {
  put(out, "\"");
  while (true) {
    const std::size_t whole = utf8_prefix(as_bytes(text));
    put_chunks(out, text.substr(0, whole));
    if (whole == text.size()) break;
    put(out, "\xEF\xBF\xBD");
    text.remove_prefix(whole + 1);
  }
  put(out, "\"");
}

}  // namespace

void put_utf8(Buffer& out, std::string_view text) {
  put(out, "\"");
  put_chunks(out, text);
  put(out, "\"");
}

void put_any(std::string& out, std::string_view text) { put_whole_characters(out, text); }
void put_any(Buffer& out, std::string_view text) { put_whole_characters(out, text); }

}  // namespace duolog::push

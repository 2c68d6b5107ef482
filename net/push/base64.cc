#include "net/push/base64.h"

#include <array>

namespace duolog::push {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr std::array<std::uint8_t, 256> kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

std::uint32_t digit(char c) { return kDigits[static_cast<std::uint8_t>(c)]; }

char letter(std::uint32_t bits) { return kAlphabet[bits & 0x3F]; }

}  // namespace

void append_base64(Buffer& out, Bytes bytes) {
  const std::size_t before = out.size();
  out.resize(before + (bytes.size() + 2) / 3 * 4);
  auto* to = reinterpret_cast<char*>(out.data()) + before;
  for (; bytes.size() >= 3; bytes = bytes.subspan(3)) {
    const auto bits = static_cast<std::uint32_t>(bytes[0] << 16 | bytes[1] << 8 | bytes[2]);
    *to++ = letter(bits >> 18);
    *to++ = letter(bits >> 12);
    *to++ = letter(bits >> 6);
    *to++ = letter(bits);
  }
  if (bytes.empty()) return;
  const auto bits =
      static_cast<std::uint32_t>(bytes[0] << 16 | (bytes.size() == 2 ? bytes[1] << 8 : 0));
  *to++ = letter(bits >> 18);
  *to++ = letter(bits >> 12);
  *to++ = bytes.size() == 2 ? letter(bits >> 6) : '=';
  *to = '=';
}

std::optional<std::size_t> decode_base64(std::string_view text, std::uint8_t* out) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  if (text.ends_with('=')) padding = text.ends_with("==") ? 2 : 1;
  text.remove_suffix(padding);
  std::uint8_t* to = out;
  for (; text.size() >= 4; text.remove_prefix(4)) {
    const std::uint32_t a = digit(text[0]);
    const std::uint32_t b = digit(text[1]);
    const std::uint32_t c = digit(text[2]);
    const std::uint32_t d = digit(text[3]);
    if ((a | b | c | d) == kNoDigit) return std::nullopt;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    *to++ = static_cast<std::uint8_t>(bits >> 16);
    *to++ = static_cast<std::uint8_t>(bits >> 8);
    *to++ = static_cast<std::uint8_t>(bits);
  }
  if (padding == 0) return to - out;
  const std::uint32_t a = digit(text[0]);
  const std::uint32_t b = digit(text[1]);
  const std::uint32_t c = padding == 1 ? digit(text[2]) : 0;
  if ((a | b | c) == kNoDigit) return std::nullopt;
  const std::uint32_t bits = a << 18 | b << 12 | c << 6;
  if ((bits & (padding == 1 ? 0xFFU : 0xFFFFU)) != 0) return std::nullopt;
  *to++ = static_cast<std::uint8_t>(bits >> 16);
  if (padding == 1) *to++ = static_cast<std::uint8_t>(bits >> 8);
  return to - out;
}

}  // namespace duolog::push

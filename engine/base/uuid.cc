#include "engine/base/uuid.h"

#include "engine/base/random.h"

namespace duolog {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

}  // namespace

Uuid random_uuid() {
  Uuid id;
  do {
    random_bytes(id.bytes);
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  } while (kAlphabet[id.bytes[0] >> 2] == '-');
  return id;
}

std::string to_text(const Uuid& id) {
  std::string text;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (auto byte : id.bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += kAlphabet[(bits >> held) & 0x3f];
    }
  }
  text += kAlphabet[(bits << (6 - held)) & 0x3f];
  return text;
}

Result<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != kTextLength) return fail(Errc::kInvalid, "an id has 22 characters");
  Uuid id;
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t filled = 0;
  for (char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return fail(Errc::kInvalid, "not URL-safe base64");
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8 && filled < id.bytes.size()) {
      held -= 8;
      id.bytes[filled++] = static_cast<std::uint8_t>(bits >> held);
    }
  }
  return id;
}

}  // namespace duolog

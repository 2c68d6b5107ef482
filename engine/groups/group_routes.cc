#include "engine/groups/group_routes.h"

#include <cstdlib>
#include <limits>

namespace duolog::groups {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

// Takes one code point off the front; U+FFFD, and one byte, for what is not UTF-8.
std::uint32_t take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  std::size_t size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  std::uint32_t point = lead < 0x80 ? lead : lead & (0x7fU >> size);
  bool good = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4 && size <= text.size());
  for (std::size_t i = 1; good && i < size; ++i) {
    good = (byte(i) & 0xc0) == 0x80;
    point = point << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && point >= kLeast[size] && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);
  if (!good) {
    size = 1;
    point = kReplacement;
  }
  text.remove_prefix(size);
  return point;
}

// Calls unit(std::uint16_t) for each UTF-16 unit.
template <class Unit>
void for_each_unit(std::string_view text, Unit unit) {
  while (!text.empty()) {
    std::uint32_t point = take_code_point(text);
    if (point < 0x10000) {
      unit(static_cast<std::uint16_t>(point));
      continue;
    }
    point -= 0x10000;
    unit(static_cast<std::uint16_t>(0xd800 + (point >> 10)));
    unit(static_cast<std::uint16_t>(0xdc00 + (point & 0x3ff)));
  }
}

}  // namespace

std::int32_t java_hash(std::string_view text) {
  std::uint32_t hash = 0;
  for_each_unit(text, [&](std::uint16_t unit) { hash = 31 * hash + unit; });
  return static_cast<std::int32_t>(hash);
}

std::size_t utf16_length(std::string_view text) {
  std::size_t length = 0;
  for_each_unit(text, [&](std::uint16_t) { ++length; });
  return length;
}

PartitionId partition_of_group(std::string_view group_id, std::size_t partitions) {
  const std::int32_t hash = java_hash(group_id);
  const std::int32_t absolute =
      hash == std::numeric_limits<std::int32_t>::min() ? 0 : std::abs(hash);
  return PartitionId(static_cast<std::int32_t>(static_cast<std::size_t>(absolute) % partitions));
}

}  // namespace duolog::groups

#include "engine/broker/topic.h"

#include <algorithm>

namespace duolog::broker {

bool is_valid_topic_name(std::string_view name) {
  constexpr std::size_t kMaxLength = 249;
  if (name.empty() || name.size() > kMaxLength || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace duolog::broker

#include "engine/groups/consumer_protocol.h"

#include <cstdint>

namespace duolog::groups {
namespace {

// Takes a big-endian number off the front. False if there are too few bytes.
template <class Number>
[[nodiscard]] bool take(Bytes& bytes, Number& number) {
  if (bytes.size() < sizeof(Number)) return false;
  number = load_be<Number>(bytes.data());
  bytes = bytes.subspan(sizeof(Number));
  return true;
}

}  // namespace

std::optional<std::vector<std::string_view>> subscribed_topics(Bytes subscription) {
  std::int16_t version = 0;
  std::int32_t count = 0;
  if (!take(subscription, version) || version < 0) return std::nullopt;
  if (!take(subscription, count) || count < 0) return std::nullopt;
  std::vector<std::string_view> topics;
  for (std::int32_t i = 0; i < count; ++i) {
    std::int16_t size = 0;
    if (!take(subscription, size) || size < 0) return std::nullopt;
    const auto size_bytes = static_cast<std::size_t>(size);
    if (subscription.size() < size_bytes) return std::nullopt;
    topics.push_back(as_text(subscription.first(size_bytes)));
    subscription = subscription.subspan(size_bytes);
  }
  return topics;
}

}  // namespace duolog::groups

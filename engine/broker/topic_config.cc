#include "engine/broker/topic_config.h"

#include <charconv>
#include <limits>

namespace duolog::broker {
namespace {

std::unexpected<Error> bad(std::string_view name, std::string_view value, const char* expected) {
  return fail(Errc::kInvalid, "Invalid value " + std::string(value) + " for configuration " +
                                  std::string(name) + ": " + expected);
}

template <class T>
Result<void> set_number(T& out, std::string_view name, std::string_view value, T least, T most) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < least ||
      number > most) {
    const std::string range =
        "a number from " + std::to_string(least) + " to " + std::to_string(most);
    return bad(name, value, range.c_str());
  }
  out = number;
  return {};
}

}  // namespace

Result<void> set_topic_config(TopicConfig& config, std::string_view name, std::string_view value) {
  Result<void> set;
  if (name == "segment.bytes") {
    // Positions in an index are 32 bits wide, and Kafka's own limit is 2^31 - 1.
    set = set_number<std::uint64_t>(config.log.segment_bytes, name, value, storage::kMiB,
                                    std::numeric_limits<std::int32_t>::max());
  } else if (name == "segment.ms") {
    set = set_number<std::int64_t>(config.log.segment_ms, name, value, 1,
                                   std::numeric_limits<std::int64_t>::max());
  } else if (name == "retention.ms") {
    set = set_number<std::int64_t>(config.log.retention_ms, name, value, -1,
                                   std::numeric_limits<std::int64_t>::max());
  } else if (name == "retention.bytes") {
    set = set_number<std::int64_t>(config.log.retention_bytes, name, value, -1,
                                   std::numeric_limits<std::int64_t>::max());
  } else if (name == "max.message.bytes") {
    set = set_number<std::uint32_t>(config.max_message_bytes, name, value, 0,
                                    std::numeric_limits<std::int32_t>::max());
  } else if (name == "duolog.durability") {
    if (value != "fsync" && value != "os") return bad(name, value, "fsync or os");
    config.log.durability = value == "os" ? storage::Durability::kOs : storage::Durability::kFsync;
  } else if (name == "duolog.visibility") {
    if (value != "durable" && value != "appended") return bad(name, value, "durable or appended");
    config.log.visibility =
        value == "appended" ? storage::Visibility::kAppended : storage::Visibility::kDurable;
  } else if (name == "cleanup.policy") {
    if (value != "delete") return bad(name, value, "delete");
  } else {
    return fail(Errc::kInvalid, "Unknown topic config name: " + std::string(name));
  }
  if (set) config.overrides[std::string(name)] = std::string(value);
  return set;
}

}  // namespace duolog::broker

#include "net/ws/feed_target.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "engine/base/check.h"

namespace duolog::ws {
namespace {

constexpr std::size_t kMaxTopicNameBytes = 249;  // Kafka's: a directory's name with a suffix fits

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_legal_topic(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTopicNameBytes && name != "." && name != ".." &&
         std::ranges::all_of(name, is_topic_character);
}

// A decimal number of digits only, as from_chars would also take a sign.
template <class Integer>
std::optional<Integer> parse_decimal(std::string_view text) {
  Integer value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<void> parse_from(std::string_view value, FeedTarget& feed) {
  if (value == "latest") {
    feed.from = FeedTarget::From::kLatest;
  } else if (value == "earliest") {
    feed.from = FeedTarget::From::kEarliest;
  } else if (const auto offset = parse_decimal<std::int64_t>(value)) {
    feed.from = FeedTarget::From::kOffset;
    feed.offset = Offset(*offset);
  } else {
    return fail(Errc::kInvalid, "parameter 'from' must be latest, earliest or an offset");
  }
  return {};
}

Result<void> parse_partition(std::string_view value, FeedTarget& feed) {
  const auto partition = parse_decimal<std::int32_t>(value);
  if (!partition) return fail(Errc::kInvalid, "parameter 'partition' must be a partition's number");
  feed.partition = PartitionId(*partition);
  return {};
}

Result<void> parse_format(std::string_view value, FeedTarget& feed) {
  if (value != "auto" && value != "binary") {
    return fail(Errc::kInvalid, "parameter 'format' must be auto or binary");
  }
  feed.format = value == "binary" ? FeedTarget::Format::kBinary : FeedTarget::Format::kAuto;
  return {};
}

Result<void> parse_parameter(const http::QueryParameter& parameter, FeedTarget& feed) {
  if (parameter.name == "from") return parse_from(parameter.value, feed);
  if (parameter.name == "partition") return parse_partition(parameter.value, feed);
  if (parameter.name == "format") return parse_format(parameter.value, feed);
  if (parameter.name == "key") {
    feed.key = parameter.value;
    return {};
  }
  return fail(Errc::kInvalid, "unknown parameter '" + parameter.name +
                                  "': a feed has from, partition, key and format");
}

}  // namespace

bool is_feed_path(const http::Target& target) {
  const auto& segments = target.segments;
  return segments.size() == 4 && segments[0] == "v1" && segments[1] == "topics" &&
         segments[3] == "ws";
}

Result<FeedTarget> parse_feed_target(const http::Target& target) {
  CHECK(is_feed_path(target));
  FeedTarget feed;
  feed.topic = target.segments[2];
  if (!is_legal_topic(feed.topic)) {
    return fail(Errc::kInvalid,
                "the topic's name must be 1 to 249 letters, digits, '.', '_' or '-', and not '.' "
                "or '..'");
  }
  for (auto parameter = target.query.begin(); parameter != target.query.end(); ++parameter) {
    const auto same = [&](const http::QueryParameter& other) {
      return other.name == parameter->name;
    };
    if (std::any_of(target.query.begin(), parameter, same)) {
      return fail(Errc::kInvalid, "parameter '" + parameter->name + "' is given twice");
    }
    if (auto parsed = parse_parameter(*parameter, feed); !parsed) {
      return std::unexpected(parsed.error());
    }
  }
  return feed;
}

}  // namespace duolog::ws

// FeedTarget: what a client of the plain feed asked for in its URL.
//
//   /v1/topics/{topic}/ws?from=latest|earliest|OFFSET&partition=N&key=K&format=auto|binary
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "net/http/target.h"

namespace duolog::ws {

struct FeedTarget {
  enum class From : std::uint8_t { kLatest, kEarliest, kOffset };
  enum class Format : std::uint8_t { kAuto, kBinary };

  std::string topic;                     // a legal topic name
  From from = From::kLatest;             // where reading starts
  Offset offset{};                       // of From::kOffset; not negative
  std::optional<PartitionId> partition;  // the only one read and written; not negative
  std::optional<std::string> key;        // of what the client publishes: any bytes
  Format format = Format::kAuto;         // kAuto: text where a value is valid UTF-8
};

// True when the path is the plain feed's, whatever its topic and parameters are.
[[nodiscard]] bool is_feed_path(const http::Target& target);

// Parses the target of a feed; is_feed_path(target) must be true. kInvalid (HTTP 400), with a
// message that names the parameter: a bad value, a parameter given twice, an unknown one. Whether
// topic and partition exist, and whether an offset needs a partition, is the caller's to find out.
[[nodiscard]] Result<FeedTarget> parse_feed_target(const http::Target& target);

}  // namespace duolog::ws

// What `duolog log verify` has found, and what it counted on the way. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace duolog::tools {

inline constexpr std::int64_t kNotKnown = -1;

// Damage, at one place.
struct Finding {
  std::string kind;   // "batch", "records", "segment", "index", "checkpoint", "journal", ...
  std::string topic;  // empty: it belongs to none
  std::int64_t partition = kNotKnown;
  std::int64_t offset = kNotKnown;       // the first that is damaged or missing
  std::int64_t last_offset = kNotKnown;  // the last
  std::string file;
  std::int64_t position = kNotKnown;  // in the file
  std::string what;
};

// "orders-0 offsets 5..9, /data/...log at position 4711: the CRC is wrong".
[[nodiscard]] std::string to_line(const Finding& finding);
// The same as a JSON object, in one line; what is not known is left out.
[[nodiscard]] std::string to_json(const Finding& finding);

struct VerifyCounts {
  std::uint64_t partitions = 0;
  std::uint64_t segments = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;          // of whole batches
  std::uint64_t groups = 0;         // of journals
  std::uint64_t unacked_bytes = 0;  // written beyond the ends of logs: a start cuts them off
};

}  // namespace duolog::tools

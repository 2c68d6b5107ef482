// Settings of those who are pushed to from the log, with their defaults. Immutable once shards run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duolog::session {

struct LiveSettings {
  bool compress = false;                             // offers of permessage-deflate are accepted
  std::size_t max_unacked_bytes = 1U << 20;          // published, not yet on disk; beyond: paused
  std::size_t cache_plain_bytes = 1U << 20;          // BatchCache: what was encoded from the log
  std::size_t cache_inflated_bytes = 64U << 20;      // BatchCache: what holds it all, and one more
  std::size_t max_inflated_batch_bytes = 64U << 20;  // beyond: the subscriber is closed with 1011
};

}  // namespace duolog::session

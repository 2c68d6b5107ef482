// One run of a whole server from one seed: topics, clients, load, faults, kills, restarts, and at
// last the question whether every promise was kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace duolog::sim {

struct RunResult {
  std::optional<std::string> failure;  // what was wrong; nothing: all was well
  std::vector<std::string> events;     // the last ones before the end
  std::uint64_t fingerprint = 0;       // equal for equal runs
  std::uint64_t steps = 0;
  std::uint64_t acks = 0;
  std::uint64_t reads = 0;
  std::uint64_t restarts = 0;
  std::uint64_t bad_starts = 0;       // on a disk on which something failed
  std::uint64_t starts_given_up = 0;  // of these
  std::uint64_t failures = 0;         // after which the server gave up
  std::uint64_t full = 0;             // refusals of records, because the disk was full
  std::uint64_t commits = 0;          // of groups, acked
  std::uint64_t topics = 0;           // that were created, deleted or grown
  std::uint64_t rewrites = 0;         // partitions of groups that were written anew
};

// `disk`: events of a failure end with what the disk did last to files whose path contains it.
[[nodiscard]] RunResult run_seed(std::uint64_t seed, const std::string& disk = {});

}  // namespace duolog::sim

// GroupHost: what a group needs of whoever owns it: time, storage, settings, counters.
//
// Implemented by the shard's coordinator, and by the unit tests with a clock of their own. The
// shard's thread only. Not a hot path: groups hear of their members a few times in a second.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "engine/base/ids.h"
#include "engine/groups/group_metadata.h"
#include "engine/runtime/counters.h"
#include "engine/runtime/timers.h"
#include "net/kafka/errors.h"

namespace duolog::groups {

class ClassicGroup;

// Kafka's group.*, and the limits of a group's size. Times that members ask for are bounded here.
struct MembershipSettings {
  std::uint64_t initial_rebalance_delay_ms = 3'000;
  std::uint64_t min_session_timeout_ms = 6'000;
  std::uint64_t max_session_timeout_ms = 1'800'000;
  std::uint64_t max_size = std::numeric_limits<std::int32_t>::max();  // members of a group
  std::uint64_t max_metadata_bytes = 1U << 20;                        // of a group, all members
};

struct MembershipCounters {
  runtime::Counter rebalances;         // begun
  runtime::Counter members_expired;    // no heartbeat, no Join or no Sync in time
  runtime::Counter members_fenced;     // static members replaced by another with their name
  runtime::Counter groups_full;        // joins refused because of max_size
  runtime::Counter metadata_too_large; // joins and assignments refused: max_metadata_bytes
};

class GroupHost {
 public:
  virtual ~GroupHost() = default;

  [[nodiscard]] virtual runtime::Timers& timers() = 0;
  [[nodiscard]] virtual std::uint64_t now_ns() = 0;
  [[nodiscard]] virtual Timestamp wall_now() = 0;
  [[nodiscard]] virtual const MembershipSettings& settings() = 0;
  [[nodiscard]] virtual MembershipCounters& counters() = 0;

  // Makes `metadata` what the group begins with after a start, then calls `done` once; perhaps
  // within this call. The group may be gone by then: `done` knows.
  using Stored = std::move_only_function<void(kafka::ErrorCode)>;
  virtual void store(ClassicGroup& group, GroupMetadata metadata, Stored done) = 0;
};

}  // namespace duolog::groups

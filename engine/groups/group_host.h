// GroupHost: what a group needs of whoever owns it: time, storage, settings, counters.
//
// Implemented by the shard's coordinator, and by the unit tests with a clock of their own. The
// shard's thread only. Not a hot path: groups hear of their members a few times in a second.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/ids.h"
#include "engine/groups/group_metadata.h"
#include "engine/groups/membership_settings.h"
#include "engine/runtime/timers.h"
#include "net/kafka/errors.h"

namespace duolog::groups {

class ClassicGroup;

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
  // The last that was about to come has not come. The group may be destroyed within this call.
  virtual void became_idle(ClassicGroup& group) = 0;
};

}  // namespace duolog::groups

// TurnShare: how long one connection has worked in this turn, so that it stops when others wait.
//
// What a command costs cannot be seen from its size, so it is the clock that is asked. Owned by a
// PushEndpoint, on the shard's thread.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"

namespace duolog::session {

class TurnShare {
 public:
  static constexpr std::uint64_t kMostNs = 2'000'000;

  // Work begins, in the turn that began at `turn_ns`.
  void begin(std::uint64_t turn_ns) {
    if (turn_ns != turn_ns_) spent_ns_ = 0;
    turn_ns_ = turn_ns;
    began_ns_ = monotonic_ns();
  }
  // A piece of it has been done.
  void count() {
    const std::uint64_t now_ns = monotonic_ns();
    spent_ns_ += now_ns - began_ns_;
    began_ns_ = now_ns;
  }
  [[nodiscard]] bool spent(std::uint64_t turn_ns) const {
    return turn_ns == turn_ns_ && spent_ns_ >= kMostNs;
  }

 private:
  std::uint64_t turn_ns_ = 0;
  std::uint64_t began_ns_ = 0;
  std::uint64_t spent_ns_ = 0;
};

}  // namespace duolog::session
